import type pg from 'pg';
import { formatLsn } from '../../avro/position.ts';
import type { SourceReport } from './report.ts';

/** That a slot was given up, as it is noted in `concord.slot_given_up`. */
export interface GivenUp {
  readonly at: Date;
  readonly retainedBytes: number;
}

type Queryable = Pick<pg.ClientBase, 'query'>;

/** Null if the source's slot was not given up, or the database is of a time before that could be. */
export async function readGivenUp(client: Queryable, source: string): Promise<GivenUp | null> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.slot_given_up') IS NOT NULL AS there`,
  );
  if (there[0]?.there !== true) return null;
  const { rows } = await client.query<{ at: Date; bytes: string }>(
    'SELECT at, retained_bytes::text AS bytes FROM concord.slot_given_up WHERE source = $1',
    [source],
  );
  return rows[0] === undefined ? null : { at: rows[0].at, retainedBytes: Number(rows[0].bytes) };
}

/**
 * The last resort against a full disk. What is decided here is durable before it is done: from this row on the source
 * does not stream any more, whether the slot is gone yet or not, until the gap is healed.
 */
export async function decideToGiveUp(
  client: Queryable,
  source: string,
  slot: string,
  { retainedWalBytes, endLsn }: Pick<SourceReport, 'retainedWalBytes' | 'endLsn'>,
): Promise<void> {
  await client.query(
    `INSERT INTO concord.slot_given_up (source, slot, retained_bytes, end_lsn) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [source, slot, retainedWalBytes, formatLsn(endLsn)],
  );
}

/** Drops the slot of a source that has given it up. Returns true when it is gone; whoever streams is ended first. */
export async function dropGivenUpSlot(client: Queryable, source: string): Promise<boolean> {
  const given = `pg_replication_slots s JOIN concord.slot_given_up g ON g.slot = s.slot_name AND g.source = $1`;
  await client.query(`SELECT pg_terminate_backend(s.active_pid) FROM ${given} WHERE s.active`, [source]);
  await client.query(`SELECT pg_drop_replication_slot(s.slot_name) FROM ${given} WHERE NOT s.active`, [source]);
  const { rows } = await client.query(`SELECT 1 FROM ${given}`, [source]);
  return rows.length === 0;
}

/** The sentence for people. */
export function tellGivenUp(source: string, slot: string, { at, retainedBytes }: GivenUp): string {
  const bytes = (retainedBytes / 1024 / 1024).toLocaleString('en-GB', { maximumFractionDigits: 1 });
  return `The slot ${slot} of ${source} was given up at ${at.toISOString()}, because the server kept ${bytes} MiB of WAL for it, more than retainedWalMaxBytes allows: its disk was not to fill.`;
}
