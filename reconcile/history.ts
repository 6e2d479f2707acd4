import { formatLsn } from '../avro/position.ts';
import { type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import type { ReconcileReport } from './report.ts';
import { applicationName } from './sessions.ts';

/** `table`: of some tables only. `since`: what has changed since an earlier run. */
export type RunScope = 'full' | 'table' | 'since';

/** A run as it is kept, in short. */
export interface RunSummary {
  readonly id: number;
  /** When its point was taken; for a failed run, when it began. */
  readonly at: string;
  readonly verdict: 'agree' | 'differ' | 'failed';
  readonly scope: RunScope;
  readonly lsn: string | null;
  readonly seconds: number;
  /** Of all tables that it compared; null for a failed run. */
  readonly sourceRows: number | null;
  readonly explained: number | null;
  readonly unexplained: number | null;
  /** Why it could say nothing. */
  readonly problem: string | null;
}

interface RunRow {
  readonly id: number;
  readonly at: Date;
  readonly verdict: RunSummary['verdict'];
  readonly scope: RunSummary['scope'];
  readonly lsn: string | null;
  readonly seconds: number;
  readonly source_rows: number | null;
  readonly explained: number | null;
  readonly unexplained: number | null;
  readonly problem: string | null;
}

/** The newest runs, the oldest of them first. `before`: only runs that were kept before that one. */
export async function readRuns(
  metering: DatabaseSettings,
  source: string,
  limit: number,
  before: number | null = null,
): Promise<readonly RunSummary[]> {
  return withDatabase(metering, applicationName, async (client) => {
    const { rows } = await client.query<RunRow>(
      `SELECT run_id::int AS id, at, verdict, scope, lsn::text, seconds, unexplained::float8 AS unexplained,
         (SELECT sum((t ->> 'sourceRows')::bigint) FROM jsonb_array_elements(document -> 'tables') AS t)::float8 AS source_rows,
         (SELECT sum((e.value)::bigint) FROM jsonb_array_elements(document -> 'tables') AS t, jsonb_each_text(t -> 'explained') AS e)::float8
           AS explained,
         CASE WHEN verdict = 'failed' THEN concat(document ->> 'code', ': ', document ->> 'text') END AS problem
       FROM metering.reconcile_run WHERE source = $1 AND ($2::bigint IS NULL OR run_id < $2) ORDER BY run_id DESC LIMIT $3`,
      [source, before, limit],
    );
    return rows.toReversed().map(summaryOf);
  });
}

/** What a run said; null if there is no such run, or it could say nothing. */
export async function readReport(
  metering: DatabaseSettings,
  source: string,
  runId: number,
): Promise<ReconcileReport | null> {
  return withDatabase(metering, applicationName, async (client) => {
    const { rows } = await client.query<{ document: ReconcileReport }>(
      `SELECT document FROM metering.reconcile_run WHERE source = $1 AND run_id = $2 AND verdict <> 'failed'`,
      [source, runId],
    );
    const report = rows[0]?.document ?? null;
    // A run of an older version had no breakdown.
    return report === null ? null : { ...report, breakdown: report.breakdown ?? [] };
  });
}

function summaryOf({ at, lsn, source_rows: sourceRows, ...row }: RunRow): RunSummary {
  return { ...row, at: at.toISOString(), lsn: lsn === null ? null : formatLsn(Number(lsn)), sourceRows };
}

/** How proved the store is now: what an alert watches. */
export interface ProofFigures {
  /** Epoch milliseconds of the point of the last run that found nothing unexplained; null when there was none. */
  readonly lastPassMs: number | null;
  /** Of the last run that could say something. */
  readonly unexplained: number | null;
  /** Runs that failed since the last that could say something. */
  readonly failedInARow: number;
  /** Table → LSN, as a number. */
  readonly verified: ReadonlyMap<string, number>;
  /** Verdict → runs. */
  readonly runs: ReadonlyMap<string, number>;
}

interface Queryable {
  query<R extends object>(text: string, values: readonly unknown[]): Promise<{ readonly rows: R[] }>;
}

export async function readProofFigures(client: Queryable, source: string): Promise<ProofFigures> {
  const runs = await client.query<{ verdict: string; runs: number; last: Date | null }>(
    `SELECT verdict, count(*)::int AS runs, max(at) FILTER (WHERE scope <> 'table') AS last
     FROM metering.reconcile_run WHERE source = $1 GROUP BY verdict`,
    [source],
  );
  const last = await client.query<{ unexplained: number }>(
    `SELECT unexplained::float8 AS unexplained FROM metering.reconcile_run WHERE source = $1 AND verdict <> 'failed' AND scope <> 'table'
     ORDER BY run_id DESC LIMIT 1`,
    [source],
  );
  const failed = await client.query<{ runs: number }>(
    `SELECT count(*)::int AS runs FROM metering.reconcile_run WHERE source = $1 AND verdict = 'failed'
       AND run_id > coalesce((SELECT max(run_id) FROM metering.reconcile_run WHERE source = $1 AND verdict <> 'failed'), 0)`,
    [source],
  );
  const verified = await client.query<{ table_name: string; lsn: string }>(
    'SELECT table_name, lsn::text AS lsn FROM metering.verified_through WHERE source = $1 ORDER BY table_name',
    [source],
  );
  return {
    lastPassMs: runs.rows.find(({ verdict }) => verdict === 'agree')?.last?.getTime() ?? null,
    unexplained: last.rows[0]?.unexplained ?? null,
    failedInARow: failed.rows[0]?.runs ?? 0,
    verified: new Map(verified.rows.map((row) => [row.table_name, Number(row.lsn)])),
    runs: new Map(runs.rows.map((row) => [row.verdict, row.runs])),
  };
}
