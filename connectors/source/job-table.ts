import pg from 'pg';
import { Fault } from '../../runtime/fault.ts';
import type { TableRoute } from './contract.ts';
import type { JobProgress } from './load-state.ts';
import { identifyingColumns, missingTable, tableName } from './route-columns.ts';
import { quoteLiteral, quoteTable } from './sql.ts';
import { readTable } from './table-catalog.ts';

/** A snapshot that somebody asked for, as it stands in `concord.snapshot_job`. */
export interface SnapshotJob {
  readonly id: number;
  readonly source: string;
  /** `schema.table` */
  readonly table: string;
  readonly kind: 'table' | 'where' | 'keys';
  readonly predicate: string | null;
  readonly state: JobWord;
  readonly estimate: number | null;
  readonly rows: number;
  readonly deletes: number;
  readonly untold: number;
  readonly problem: string | null;
  readonly requestedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export type JobWord = 'queued' | 'running' | 'paused' | 'cancelled' | 'done' | 'failed';

/** The primary key's parts, or all parts of what identifies a row, as text. */
export type SnapshotKey = readonly (string | null)[];

export interface SnapshotWish {
  readonly route: TableRoute;
  readonly predicate?: string;
  readonly keys?: readonly SnapshotKey[];
  /**
   * Told the job's number before anybody can see the job: whoever keeps a record of what was asked for has the number even
   * when the process dies right after it. A number that is no job was never asked for.
   */
  readonly numbered?: (id: number) => Promise<void>;
}

type Queryable = Pick<pg.ClientBase, 'query'>;

export const jobChannel = 'concord_snapshot';

const jobColumns = `id::int AS id, source, table_name AS "table", kind, predicate, state, estimate::float8 AS estimate, rows::float8 AS rows,
  deletes::float8 AS deletes, untold::float8 AS untold, problem, requested_at AS "requestedAt", started_at AS "startedAt", ended_at AS "endedAt"`;

export async function readJobs(client: Queryable, source: string): Promise<readonly SnapshotJob[]> {
  const { rows } = await client.query<SnapshotJob>(
    `SELECT ${jobColumns} FROM concord.snapshot_job WHERE source = $1 ORDER BY id`,
    [source],
  );
  return rows;
}

export async function readJob(client: Queryable, source: string, id: number): Promise<SnapshotJob | null> {
  const { rows } = await client.query<SnapshotJob>(
    `SELECT ${jobColumns} FROM concord.snapshot_job WHERE source = $1 AND id = $2`,
    [source, id],
  );
  return rows[0] ?? null;
}

/** Asks the source for a snapshot, durably. Rejects with a Fault `SNAPSHOT_REFUSED` if PostgreSQL does not accept it. */
export async function requestSnapshot(client: pg.Client, source: string, wish: SnapshotWish): Promise<SnapshotJob> {
  const { route, predicate = null, keys = null, numbered } = wish;
  const table = await readTable(client, route.schema, route.table);
  if (table === null) throw missingTable(route);
  const kind = keys !== null ? 'keys' : predicate !== null ? 'where' : 'table';
  const estimate =
    predicate === null ? (keys?.length ?? table.estimate) : await checkPredicate(client, route, predicate);
  await client.query('BEGIN');
  try {
    const { rows } = await client.query<{ id: number }>(
      `INSERT INTO concord.snapshot_job (source, table_name, kind, predicate, estimate)
       VALUES ($1, $2, $3, $4, $5) RETURNING id::int AS id`,
      [source, tableName(route), kind, predicate, estimate],
    );
    const id = rows[0]?.id ?? 0;
    if (keys !== null) await insertKeys(client, id, route, keys);
    await client.query(`NOTIFY ${jobChannel}`);
    await numbered?.(id);
    await client.query('COMMIT');
    const job = await readJob(client, source, id);
    if (job === null) throw new RangeError('a job that was written is not there');
    return job;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw refusal(error, 'a key');
  }
}

const keysAtOnce = 20_000;

async function insertKeys(
  client: Queryable,
  job: number,
  route: TableRoute,
  keys: readonly SnapshotKey[],
): Promise<void> {
  for (let from = 0; from < keys.length; from += keysAtOnce) {
    await client.query(
      `INSERT INTO concord.snapshot_key (job, n, key)
       SELECT $1, $2 + n, ARRAY(SELECT jsonb_array_elements_text(key)) FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS k(key, n)`,
      [job, from, JSON.stringify(keys.slice(from, from + keysAtOnce))],
    );
  }
  // Each part must be a value of its column's type.
  const table = await readTable(client, route.schema, route.table);
  const casts = identifyingColumns(route).map(
    (name, index) => `count(key[${index + 1}]::${table?.columns.find((one) => one.name === name)?.type ?? 'text'})`,
  );
  await client.query(`SELECT ${casts.join(', ')} FROM concord.snapshot_key WHERE job = $1`, [job]);
}

/**
 * Whether PostgreSQL takes the text as a condition on rows of the table, and as nothing more: it must be one
 * expression in two different surroundings, so that it can not end one and begin another; each is parsed as a single
 * statement, in a transaction that can not write. Returns the planner's number of rows.
 */
export async function checkPredicate(client: pg.Client, route: TableRoute, predicate: string): Promise<number | null> {
  await client.query('BEGIN READ ONLY');
  try {
    // With a parameter, the server takes exactly one statement.
    await client.query(`SELECT 1 FROM ${quoteTable(route)} WHERE (${predicate}\n) LIMIT $1`, [0]);
    await client.query(`SELECT CASE WHEN ${predicate}\n THEN 1 END FROM ${quoteTable(route)} LIMIT $1`, [0]);
    const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: { 'Plan Rows': number } }[] }>(
      `EXPLAIN (FORMAT JSON) SELECT 1 FROM ${quoteTable(route)} WHERE (${predicate}\n)`,
    );
    return rows[0]?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? null;
  } catch (error) {
    throw refusal(error, 'the condition');
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Data exceptions and syntax errors are the asker's; all else is passed on. */
function refusal(error: unknown, what: string): unknown {
  if (!(error instanceof pg.DatabaseError) || !/^(22|42)/.test(error.code ?? '') || error.code === '42501')
    return error;
  return new Fault(
    'misconfigured',
    'SNAPSHOT_REFUSED',
    `PostgreSQL does not accept ${what}: ${error.message}.`,
    {},
    error,
  );
}

/** The first job that wants to be read, and whose table is not one of those that are parked. */
export async function nextJob(
  client: Queryable,
  source: string,
  parked: readonly string[],
): Promise<SnapshotJob | null> {
  const { rows } = await client.query<SnapshotJob>(
    `UPDATE concord.snapshot_job SET state = 'running', started_at = coalesce(started_at, now())
     WHERE id = (SELECT id FROM concord.snapshot_job WHERE source = $1 AND state IN ('queued', 'running') AND table_name <> ALL ($2) ORDER BY id LIMIT 1)
       AND state IN ('queued', 'running')
     RETURNING ${jobColumns}`,
    [source, parked],
  );
  return rows[0] ?? null;
}

/** The ids of jobs that are not closed: what progress says of others may be forgotten. */
export async function openJobs(client: Queryable, source: string): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM concord.snapshot_job WHERE source = $1 AND state IN ('queued', 'running', 'paused')`,
    [source],
  );
  return new Set(rows.map((row) => row.id));
}

/** Shows how far the job is; returns the state that somebody may have set meanwhile. */
export async function showProgress(client: Queryable, id: number, progress: JobProgress): Promise<JobWord> {
  const { rows } = await client.query<{ state: JobWord }>(
    'UPDATE concord.snapshot_job SET rows = $2, deletes = $3, untold = $4 WHERE id = $1 RETURNING state',
    [id, progress.rows, progress.deletes, progress.untold],
  );
  return rows[0]?.state ?? 'cancelled';
}

export async function endJob(
  client: Queryable,
  id: number,
  state: 'done' | 'failed',
  problem: string | null,
): Promise<void> {
  await client.query(`UPDATE concord.snapshot_job SET state = $2, problem = $3, ended_at = now() WHERE id = $1`, [
    id,
    state,
    problem,
  ]);
  if (state === 'done') await client.query('DELETE FROM concord.snapshot_key WHERE job = $1', [id]);
}

const wordsBefore = {
  paused: ['queued', 'running'],
  queued: ['paused', 'failed'],
  cancelled: ['queued', 'running', 'paused', 'failed'],
} as const;

/** Pauses, resumes (`queued`) or cancels. Null if there is no such job, or it is in no state for that. */
export async function setJobState(
  client: Queryable,
  source: string,
  id: number,
  state: 'paused' | 'queued' | 'cancelled',
): Promise<SnapshotJob | null> {
  const { rows } = await client.query<SnapshotJob>(
    `UPDATE concord.snapshot_job SET state = $3, problem = NULL, ended_at = CASE WHEN $3 = 'cancelled' THEN now() END
     WHERE source = $1 AND id = $2 AND state = ANY ($4) RETURNING ${jobColumns}`,
    [source, id, state, [...wordsBefore[state]]],
  );
  if (state === 'cancelled' && rows.length > 0)
    await client.query('DELETE FROM concord.snapshot_key WHERE job = $1', [id]);
  await client.query(`SELECT pg_notify(${quoteLiteral(jobChannel)}, '')`);
  return rows[0] ?? null;
}
