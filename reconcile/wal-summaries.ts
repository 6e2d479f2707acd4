import type pg from 'pg';
import { formatLsn } from '../avro/position.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import type { HeapFile } from './heap-files.ts';
import { pagesPerRange } from './range-digests.ts';

/**
 * A server's last checkpoint. Whoever got a transaction id that is not below `nextXid` has written nothing below `lsn`: the
 * server settles where the checkpoint begins before it looks which id is next.
 */
export interface WalMark {
  readonly cluster: string;
  readonly timeline: number;
  readonly lsn: number;
  readonly nextXid: number;
}

export async function readWalMark(client: pg.Client): Promise<WalMark> {
  const { rows } = await client.query<{ cluster: string; timeline: number; lsn: string; next_xid: string }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster, timeline_id AS timeline,
       (redo_lsn - '0/0')::text AS lsn, next_xid FROM pg_control_checkpoint()`,
  );
  const [row] = rows;
  if (row === undefined) throw new RangeError('the server told no checkpoint');
  const [epoch, xid] = row.next_xid.split(':').map(Number);
  if (epoch === undefined || xid === undefined) throw new RangeError(`not a transaction id: ${row.next_xid}`);
  return { cluster: row.cluster, timeline: row.timeline, lsn: Number(row.lsn), nextXid: epoch * 0x1_0000_0000 + xid };
}

/** Marks that are kept at most, while one transaction stays open over run after run. */
const marksMax = 64;

/**
 * Marks since which the pages of a snapshot tell what it did not see, oldest first: none of the transactions that were in
 * progress in it (the oldest is `xmin`) had written anything below the first. Empty when there is none so old.
 */
export function marksOf(known: readonly WalMark[], newest: WalMark, xmin: number): readonly WalMark[] {
  const marks = known.filter(
    ({ cluster, timeline, lsn }) => cluster === newest.cluster && timeline === newest.timeline && lsn < newest.lsn,
  );
  marks.push(newest);
  const first = marks.findLastIndex(({ nextXid }) => nextXid <= xmin);
  if (first === -1) return [];
  const left = marks.slice(first);
  return left.length > marksMax ? [...left.slice(0, 1), ...left.slice(1 - marksMax)] : left;
}

/** Why a server can not tell which pages were written; null when it can. `name`: what the server is. */
export async function summariesRefusal(client: pg.Client, name: string): Promise<string | null> {
  // The session says nothing while tables are read, however long that takes.
  const { rows } = await client.query<{ version: number; summarize: string | null }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('summarize_wal', true) AS summarize,
       (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout')`,
  );
  const [row] = rows;
  if (row === undefined || row.version < 170_000)
    return `${name} is older than PostgreSQL 17, which can tell which pages were written`;
  if (row.summarize !== 'on') return `summarize_wal is off in ${name}`;
  const allowed = await client.query<{ name: string; checkpoint: boolean }>(
    `SELECT current_user AS name, pg_has_role(current_user, 'pg_checkpoint', 'USAGE') AS checkpoint`,
  );
  const [user] = allowed.rows;
  if (user?.checkpoint !== true)
    return `the user ${user?.name ?? ''} may not end a summary in ${name}: GRANT pg_checkpoint TO it`;
  return null;
}

/** The ranges of pages of a file that were written. */
export interface WrittenRanges {
  readonly ranges: ReadonlySet<number>;
  /** The file was cut at this range, and what is there from it on is new. Infinity if it was not. */
  readonly cutAt: number;
}

/** What was written, by file; or why nobody can tell. */
export type Written = ReadonlyMap<string, WrittenRanges> | string;

interface SummaryRow {
  readonly start: string;
  readonly end: string;
}

/** How long the server may take for its checkpoint, and its summaries for getting there. */
export interface WrittenWait {
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Which pages of some files were written since the mark: by everybody who has done anything before this was called. The
 * server ends its summaries at checkpoints, so it is asked for one.
 */
export async function writtenSince(
  client: pg.Client,
  { cluster, timeline, lsn: from }: WalMark,
  files: readonly HeapFile[],
  { patienceMs, signal }: WrittenWait,
): Promise<Written> {
  await client.query(`SET statement_timeout = ${patienceMs}`);
  await client.query('CHECKPOINT');
  await client.query('SET statement_timeout = 0');
  const now = await readWalMark(client);
  if (now.cluster !== cluster || now.timeline !== timeline || now.lsn < from)
    return 'the server has another history than the run whose digests are kept';
  const untilMs = monotonicMs() + patienceMs;
  for (;;) {
    const reached = await summarizedThrough(client, timeline, from);
    if (reached === null) return `there are no summaries of what was written from ${formatLsn(from)} on any more`;
    if (reached >= now.lsn) break;
    if (monotonicMs() > untilMs) return `the summaries did not get from ${formatLsn(reached)} to ${formatLsn(now.lsn)}`;
    await pause(10, signal);
  }
  return readWritten(client, timeline, from, now.lsn, files);
}

/** How far summaries go from there without a gap; null if there is none of it. */
async function summarizedThrough(client: pg.Client, timeline: number, from: number): Promise<number | null> {
  const { rows } = await client.query<SummaryRow>(
    `SELECT (start_lsn - '0/0')::text AS start, (end_lsn - '0/0')::text AS end FROM pg_available_wal_summaries()
     WHERE tli = $1 AND end_lsn > '0/0'::pg_lsn + $2::numeric ORDER BY start_lsn`,
    [timeline, from],
  );
  let through = from;
  for (const { start, end } of rows) {
    if (Number(start) > through) return through === from ? null : through;
    through = Math.max(through, Number(end));
  }
  return through;
}

async function readWritten(
  client: pg.Client,
  timeline: number,
  from: number,
  to: number,
  files: readonly HeapFile[],
): Promise<Written> {
  const { rows } = await client.query<{ file: string; cut: boolean; ranges: string[] }>(
    `SELECT concat_ws('/', c.reltablespace, c.reldatabase, c.relfilenode) AS file, c.is_limit_block AS cut,
       array_agg(DISTINCT c.relblocknumber / ${pagesPerRange}) AS ranges
     FROM pg_available_wal_summaries() s, pg_wal_summary_contents(s.tli, s.start_lsn, s.end_lsn) c
     WHERE s.tli = $1 AND s.end_lsn > '0/0'::pg_lsn + $2::numeric AND s.start_lsn < '0/0'::pg_lsn + $3::numeric
       AND c.relforknumber = 0 AND c.relfilenode = ANY ($4::oid[])
     GROUP BY 1, 2`,
    [timeline, from, to, files.map(({ filenode }) => filenode)],
  );
  const written = new Map(files.map(({ id }) => [id, { ranges: new Set<number>(), cutAt: Number.POSITIVE_INFINITY }]));
  for (const { file, cut, ranges } of rows) {
    const own = written.get(file);
    if (own === undefined) continue;
    if (cut) own.cutAt = Math.min(own.cutAt, ...ranges.map(Number));
    else for (const range of ranges) own.ranges.add(Number(range));
  }
  return written;
}
