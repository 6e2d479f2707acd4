import { createHash } from 'node:crypto';
import type pg from 'pg';
import { formatLsn } from '../avro/position.ts';
import type { ReconciledTable } from './tables.ts';
import { parseSnapshot } from './visibility.ts';

/**
 * What a run leaves to one since it. Every tuple that a snapshot saw has a transaction id below the snapshot's xmin, or
 * is not below it: so whatever was written on a side after the run, by us or by hand, is found by its tuple's xmin alone.
 * A row that is gone has no tuple: it is missing in the digests of keys.
 */
export interface Base {
  readonly generation: number;
  readonly source: ServerMark;
  readonly store: ServerMark;
  /** Of what was compared, and how: a run since it must mean the same. */
  readonly shape: string;
}

/** Transaction ids mean something within one database cluster only. */
interface ServerMark {
  readonly cluster: string;
  readonly database: string;
  readonly xmin: number;
}

export interface ChosenBase extends Base {
  readonly runId: number;
  readonly lsn: string;
  /** The time of its point. */
  readonly at: string;
}

/** Beyond this the 32 bits of a tuple's xmin begin to be ambiguous. */
const xidsMax = 1_000_000_000;

/** Where a side stands, in the session's snapshot. */
export async function readMark(client: pg.Client): Promise<ServerMark> {
  const { rows } = await client.query<{ cluster: string; database: string; snapshot: string }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
       (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database, pg_current_snapshot()::text AS snapshot`,
  );
  const [row] = rows;
  if (row === undefined) throw new RangeError('the server did not say who it is');
  return { cluster: row.cluster, database: row.database, xmin: parseSnapshot(row.snapshot, 0).xmin };
}

export function shapeOf(tables: readonly ReconciledTable[], ...settings: readonly unknown[]): string {
  const compared = tables.map(({ entity, route, items, key }) => [entity, route.schema, route.table, items, key]);
  return createHash('sha256')
    .update(JSON.stringify([compared, settings]))
    .digest('hex');
}

/** The newest run over everything that passed and can be a base. */
export async function readBase(metering: pg.Client, source: string): Promise<ChosenBase | null> {
  const { rows } = await metering.query<{ run_id: number; lsn: string; at: Date; base: Base }>(
    `SELECT run_id::int AS run_id, lsn::text AS lsn, at, base FROM metering.reconcile_run
     WHERE source = $1 AND verdict = 'agree' AND scope <> 'table' AND base IS NOT NULL AND (document ->> 'closes')::boolean
     ORDER BY run_id DESC LIMIT 1`,
    [source],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return { ...row.base, runId: row.run_id, lsn: formatLsn(Number(row.lsn)), at: row.at.toISOString() };
}

/** Why there can be no run since the base; null when there can. */
export function refusalOf(base: Base, now: Base): string | null {
  if (base.shape !== now.shape) return 'another version or configuration made the last run that passed';
  if (base.generation !== now.generation)
    return "the source's history was broken and healed since the last run that passed";
  const sides = [
    [base.source, now.source, 'the registration database'],
    [base.store, now.store, 'the metering store'],
  ] as const;
  for (const [before, after, name] of sides) {
    const isOther = before.cluster !== after.cluster || before.database !== after.database;
    if (isOther || after.xmin < before.xmin || after.xmin - before.xmin > xidsMax)
      return `${name} is not the one that the last run that passed has seen`;
  }
  return null;
}

/** Was the tuple written at or after the mark? Costs no look at the row's content. */
export function isFreshSql(alias: string, xmin: number): string {
  return `(age(${alias}.xmin) <= age('${xmin % 0x1_0000_0000}'::xid))`;
}
