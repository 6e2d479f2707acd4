import type pg from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import { CopyFields, copyOut } from '../../connectors/metering/copy-out.ts';
import { textArray } from '../../connectors/metering/load.ts';

export type Row = Readonly<Record<string, unknown>>;

/** What the store holds of some lane keys, as far as an event may change it. */
export interface KeyRows {
  /** `table|key` → its row. */
  readonly rows: ReadonlyMap<string, Row>;
  /** Open rejections and held events by id, with their codes. */
  readonly refused: ReadonlyMap<string, { readonly outcome: 'rejected' | 'held'; readonly codes: readonly string[] }>;
}

const tables = [
  ['metering_point', 'mpan_core', 'mpan_core'],
  ['appointment', 'mpan_core', 'appointment_id'],
  ['meter_asset', 'device_id', 'device_id'],
] as const;

export async function readKeyRows(client: pg.Client, laneKeys: readonly string[]): Promise<KeyRows> {
  const rows = new Map<string, Row>();
  for (const [table, laneKey, key] of tables) {
    const found = await client.query<{ key: string; row: Row }>(
      `SELECT ${key}::text AS key, to_jsonb(t) - 'applied_at' - 'timeline' AS row FROM metering.${table} t WHERE ${laneKey} = ANY ($1)`,
      [laneKeys],
    );
    for (const one of found.rows) rows.set(`${table}|${one.key}`, one.row);
  }
  const { rows: refused } = await client.query<{ id: string; outcome: 'rejected' | 'held'; codes: string[] }>(
    `SELECT rejection_id::text AS id, 'rejected' AS outcome, rule_codes AS codes FROM metering.rejection
       WHERE status = 'open' AND lane_key = ANY ($1)
     UNION ALL SELECT held_id::text, 'held', rule_codes FROM metering.held WHERE lane_key = ANY ($1)`,
    [laneKeys],
  );
  return { rows, refused: new Map(refused.map(({ id, outcome, codes }) => [id, { outcome, codes }])) };
}

/** The newest position that the store has had of a row, and whether it has the row. */
export interface Newest {
  readonly position: Position;
  readonly hasRow: boolean;
}

/** What is asked about: the keys of lanes by the topic of the record. */
interface Asked {
  readonly topic: string;
  readonly key: string;
}

/**
 * `table|key` → the newest position that the store has had of it: current, refused, superseded or ended. History is asked only
 * about those of `names` that have neither a row nor a refused event: what is superseded is older than the row.
 */
export async function newestPositions(
  client: pg.Client,
  asked: readonly Asked[],
  names: readonly string[],
): Promise<ReadonlyMap<string, Newest>> {
  const newest = new Map<string, Newest>();
  const see = (bytes: Buffer, isRow: boolean): void => {
    // From here to the end nothing is waited for: the reader is everybody's.
    for (fields.begin(bytes); !fields.isAtEnd; ) {
      const name = fields.text() ?? '';
      const position = {
        generation: fields.integer() ?? 0,
        lsn: fields.integer() ?? 0,
        ordinal: fields.integer() ?? 0,
      };
      const known = newest.get(name);
      const isNewest = known === undefined || comparePositions(known.position, position) < 0;
      if (isNewest) newest.set(name, { position, hasRow: isRow || (known?.hasRow ?? false) });
    }
  };
  const keysOf = (chosen: readonly Asked[], table: (typeof tables)[number][0]): string => {
    const isAsset = table === 'meter_asset';
    return textArray([
      ...new Set(chosen.filter(({ topic }) => topic.endsWith('.meter-asset') === isAsset).map(({ key }) => key)),
    ]);
  };
  const current = tables.map(
    ([table, laneKey, key]) =>
      `SELECT '${table}|' || ${key}, generation, lsn, ordinal FROM metering.${table} WHERE ${laneKey} = ANY (${keysOf(asked, table)})`,
  );
  see(await copyOut(client, current.join(' UNION ALL ')), true);
  const all = textArray([...new Set(asked.map(({ key }) => key))]);
  see(
    await copyOut(
      client,
      `SELECT entity || '|' || entity_key, generation, lsn, ordinal FROM metering.last_received WHERE lane_key = ANY (${all})`,
    ),
    false,
  );
  const gone = asked.filter((_, at) => !newest.has(names[at] ?? ''));
  if (gone.length === 0) return newest;
  const past = tables.map(
    ([table, laneKey, key]) =>
      `SELECT '${table}|' || ${key}, generation_to, lsn_to, ordinal_to FROM metering.${table}_history WHERE ${laneKey} = ANY (${keysOf(gone, table)})`,
  );
  see(await copyOut(client, past.join(' UNION ALL ')), false);
  return newest;
}

const fields = new CopyFields();
