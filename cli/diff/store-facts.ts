import type pg from 'pg';
import { entityTables, type StoredEntity } from '../../connectors/metering/entities.ts';

/** A version of the store, current or superseded, by where it came from and what ended it. */
export interface VersionFact {
  readonly entity: StoredEntity;
  readonly key: string;
  readonly at: string;
  /** Where a hold let it go; null when it was applied at once. */
  readonly decidedAt: string | null;
  readonly endedAt: string | null;
  readonly committedAt: Date;
}

export interface RejectionFact {
  readonly entity: string;
  readonly key: string;
  readonly at: string;
  readonly codes: readonly string[];
  readonly status: string;
  readonly recordType: string;
  readonly raisedAt: Date;
}

export interface HeldFact {
  readonly entity: string;
  readonly key: string;
  readonly at: string;
  readonly codes: readonly string[];
  readonly due: Date | null;
  readonly heldSince: Date;
}

/** What the store knows of the events of some keys. Positions are written as `positionName` does. */
export interface StoreFacts {
  readonly versions: readonly VersionFact[];
  readonly rejections: readonly RejectionFact[];
  readonly held: readonly HeldFact[];
  /** `topic/partition/offset` → why it could not be decoded. */
  readonly letters: ReadonlyMap<string, { readonly code: string; readonly reason: string }>;
  /** `topic/partition` → the offset up to which everything has its outcome. */
  readonly applied: ReadonlyMap<string, number>;
  /** MPIDs that were ever known as metering services. */
  readonly meteringServices: ReadonlySet<string>;
}

export function positionName(position: { generation: number; lsn: number; ordinal: number }): string {
  return `${position.generation}/${position.lsn}/${position.ordinal}`;
}

const at = (suffix: string): string => `concat_ws('/', v.generation${suffix}, v.lsn${suffix}, v.ordinal${suffix})`;

/** Devices that are, or ever were, in the store as assets of the MPAN core. */
export async function devicesInStore(client: pg.Client, mpan: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ device: string }>(
    `SELECT DISTINCT device_id AS device FROM (SELECT device_id, mpan_core FROM metering.meter_asset
       UNION ALL SELECT device_id, mpan_core FROM metering.meter_asset_history) a WHERE mpan_core = $1 AND device_id IS NOT NULL`,
    [mpan],
  );
  return rows.map(({ device }) => device);
}

/** `keys`: the MPAN core and the devices, which are the keys of their records. */
export async function readStoreFacts(
  client: pg.Client,
  source: string,
  meteringService: string,
  mpan: string,
  devices: readonly string[],
): Promise<StoreFacts> {
  const laneKeys = [mpan, ...devices];
  const versions: VersionFact[] = [];
  for (const entity of ['metering_point', 'appointment', 'meter_asset'] as const) {
    versions.push(...(await readVersions(client, entity, source, entity === 'meter_asset' ? devices : [mpan])));
  }
  const rejections = await client.query<RejectionFact>(
    `SELECT entity, entity_key AS key, ${at('')} AS at, rule_codes AS codes, status, record_type AS "recordType", raised_at AS "raisedAt"
     FROM metering.rejection v WHERE source = $1 AND lane_key = ANY ($2) ORDER BY generation, lsn, ordinal, revision`,
    [source, laneKeys],
  );
  const held = await client.query<HeldFact>(
    `SELECT entity, entity_key AS key, ${at('')} AS at, rule_codes AS codes, due, held_since AS "heldSince"
     FROM metering.held v WHERE source = $1 AND lane_key = ANY ($2)`,
    [source, laneKeys],
  );
  const letters = await client.query<{ name: string; code: string; reason: string }>(
    `SELECT concat_ws('/', topic, partition, "offset") AS name, code, reason FROM metering.dead_letter
     WHERE source = $1 AND key = ANY ($2)`,
    [source, laneKeys.map((key) => Buffer.from(key))],
  );
  const applied = await client.query<{ name: string; next: string }>(
    `SELECT concat_ws('/', topic, partition) AS name, next_offset AS next FROM metering.applied_offset WHERE source = $1`,
    [source],
  );
  const services = await client.query<{ mpid: string }>(
    `SELECT DISTINCT mpid FROM (SELECT mpid, role FROM metering.participant
       UNION ALL SELECT mpid, role FROM metering.participant_history) p WHERE role = $1 AND mpid IS NOT NULL`,
    [meteringService],
  );
  return {
    versions,
    rejections: rejections.rows,
    held: held.rows,
    letters: new Map(letters.rows.map(({ name, code, reason }) => [name, { code, reason }])),
    applied: new Map(applied.rows.map(({ name, next }) => [name, Number(next)])),
    meteringServices: new Set(services.rows.map(({ mpid }) => mpid)),
  };
}

async function readVersions(
  client: pg.Client,
  entity: StoredEntity,
  source: string,
  laneKeys: readonly string[],
): Promise<readonly VersionFact[]> {
  const { laneKey, key } = entityTables[entity];
  const name = key.at(-1) ?? '';
  const { rows } = await client.query<Omit<VersionFact, 'entity'>>(
    `SELECT ${name}::text AS key, ${at('')} AS at, CASE WHEN decided_lsn IS NOT NULL THEN ${`concat_ws('/', v.decided_generation, v.decided_lsn, v.decided_ordinal)`} END AS "decidedAt",
       "endedAt", committed_at AS "committedAt"
     FROM (SELECT ${name}, generation, lsn, ordinal, decided_generation, decided_lsn, decided_ordinal, committed_at, NULL AS "endedAt", source, ${laneKey} AS lane_key
             FROM metering.${entity}
           UNION ALL SELECT ${name}, generation, lsn, ordinal, decided_generation, decided_lsn, decided_ordinal, committed_at, ${at('_to')}, source, ${laneKey}
             FROM metering.${entity}_history v) v
     WHERE source = $1 AND lane_key = ANY ($2) ORDER BY v.generation, v.lsn, v.ordinal`,
    [source, laneKeys],
  );
  return rows.map((row) => ({ ...row, entity }));
}
