import type pg from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';

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

/**
 * `table|key` → the newest position that the store has had of it: current (as it was read), superseded, ended, or refused.
 */
export async function newestPositions(
  client: pg.Client,
  laneKeys: readonly string[],
  current: KeyRows,
): Promise<ReadonlyMap<string, Position>> {
  const newest = new Map<string, Position>();
  for (const [name, { generation, lsn, ordinal }] of current.rows)
    newest.set(name, { generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) });
  const see = (rows: readonly { name: string; generation: number; lsn: string; ordinal: number }[]): void => {
    for (const { name, generation, lsn, ordinal } of rows) {
      const position = { generation, lsn: Number(lsn), ordinal };
      const known = newest.get(name);
      if (known === undefined || comparePositions(known, position) < 0) newest.set(name, position);
    }
  };
  for (const [table, laneKey, key] of tables) {
    const found = await client.query<{ name: string; generation: number; lsn: string; ordinal: number }>(
      `SELECT '${table}|' || ${key} AS name, generation_to AS generation, lsn_to AS lsn, ordinal_to AS ordinal
       FROM metering.${table}_history WHERE ${laneKey} = ANY ($1)`,
      [laneKeys],
    );
    see(found.rows);
  }
  const last = await client.query<{ name: string; generation: number; lsn: string; ordinal: number }>(
    `SELECT entity || '|' || entity_key AS name, generation, lsn, ordinal FROM metering.last_received WHERE lane_key = ANY ($1)`,
    [laneKeys],
  );
  see(last.rows);
  return newest;
}
