import type pg from 'pg';
import { quoteLiteral } from './sql.ts';

type Queryable = Pick<pg.ClientBase, 'query'>;

export const pauseChannel = 'concord_pause';

/** Since when the side of a source is paused, as it stands in `concord.side_pause`; null if it is not. */
export async function pausedSince(client: Queryable, source: string): Promise<Date | null> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.side_pause') IS NOT NULL AS there`,
  );
  // A database that was set up by an older version gets the table at the next `concord init`.
  if (there[0]?.there !== true) return null;
  const { rows } = await client.query<{ at: Date }>(
    'SELECT paused_at AS at FROM concord.side_pause WHERE source = $1',
    [source],
  );
  return rows[0]?.at ?? null;
}

/** Pauses or resumes the side of a source, durably. */
export async function setPause(client: Queryable, source: string, paused: boolean): Promise<void> {
  await client.query(
    paused
      ? 'INSERT INTO concord.side_pause VALUES ($1, now()) ON CONFLICT DO NOTHING'
      : 'DELETE FROM concord.side_pause WHERE source = $1',
    [source],
  );
  await client.query(`SELECT pg_notify(${quoteLiteral(pauseChannel)}, '')`);
}

/** What a slot that nobody reads makes its server keep. */
export interface SlotCost {
  readonly active: boolean;
  readonly retainedBytes: number;
  /** What is left of `max_slot_wal_keep_size`; null where there is no limit. */
  readonly safeBytes: number | null;
}

export async function slotCost(client: Queryable, slot: string): Promise<SlotCost | null> {
  const { rows } = await client.query<{ active: boolean; retained: string | null; safe: string | null }>(
    `SELECT active, (pg_current_wal_lsn() - restart_lsn)::text AS retained, safe_wal_size::text AS safe
     FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { active, retained, safe } = row;
  return { active, retainedBytes: Number(retained ?? 0), safeBytes: safe === null ? null : Number(safe) };
}
