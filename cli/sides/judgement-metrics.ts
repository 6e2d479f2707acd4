import pg from 'pg';
import type { Registry } from 'prom-client';
import type { MeteringReport } from '../../connectors/metering/report.ts';
import { type ProofFigures, readProofFigures } from '../../reconcile/history.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import { counterFrom, gaugeFrom, type Reading } from '../../runtime/metrics.ts';
import { clientConfigOf, type DatabaseSettings } from '../../runtime/postgres.ts';
import { addProof } from './proof-metrics.ts';

/** What the store has on record of the rule book's work: code → events. */
export interface JudgementCounts {
  readonly rejections: ReadonlyMap<string, number>;
  readonly open: ReadonlyMap<string, number>;
  readonly held: ReadonlyMap<string, number>;
}

/** What the rule book made of the events. `read` answers null when the store can not be asked in time. */
export interface Judgement {
  readonly report: MeteringReport;
  readonly read: () => Promise<JudgementCounts | null>;
  /** What reconcile has proved. */
  readonly readProof: () => Promise<ProofFigures | null>;
}

export function addJudgement(registry: Registry, { report, read, readProof }: Judgement): void {
  const byCode = (pick: (counts: JudgementCounts) => ReadonlyMap<string, number>) => async (): Promise<Reading> => {
    const counts = await read();
    return counts === null ? [] : [...pick(counts)].map(([code, events]) => [{ code }, events] as const);
  };
  counterFrom(
    registry,
    'concord_rejections_total',
    'Errors and rejections since the first day, by the rule that was broken; one that broke two counts for both.',
    ['code'],
    byCode((counts) => counts.rejections),
  );
  gaugeFrom(
    registry,
    'concord_rejections_open',
    'Errors and rejections that no later event has resolved, by rule.',
    ['code'],
    byCode((counts) => counts.open),
  );
  gaugeFrom(
    registry,
    'concord_held_events',
    'Events that wait for what may still arrive, by rule.',
    ['code'],
    byCode((counts) => counts.held),
  );
  counterFrom(
    registry,
    'concord_warnings_total',
    'Events that were applied with a warning since the process started, by rule.',
    ['code'],
    () => Object.entries(report.warnings).map(([code, events]) => [{ code }, events] as const),
  );
  addProof(registry, readProof);
}

/** Counting is a pass over the rejections: not more often than this, however many scrape. */
const freshMs = 10_000;
const answerMaxMs = 1_000;

const rejectionsSql = `
SELECT code, count(*)::int AS events, (count(*) FILTER (WHERE status = 'open'))::int AS open
FROM metering.rejection, unnest(rule_codes) AS code GROUP BY code`;
const heldSql = 'SELECT code, count(*)::int AS events FROM metering.held, unnest(rule_codes) AS code GROUP BY code';

/** Counts in the store when Prometheus asks, on a connection of its own and with a short time limit. */
export function openJudgement(
  database: DatabaseSettings,
  report: MeteringReport,
  source: string,
): Judgement & { close(): Promise<void> } {
  const pool = new pg.Pool({
    ...clientConfigOf(database, 'concord metrics'),
    max: 1,
    statement_timeout: answerMaxMs,
    connectionTimeoutMillis: answerMaxMs,
  });
  // A broken idle connection is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => {});
  // A store that is away is told by the leg and the probe; here its figures are absent until it answers.
  const read = kept(() => readCounts(pool));
  const readProof = kept(() => readProofFigures(pool, source));
  return { report, read, readProof, close: () => pool.end() };
}

/** What was read, until it is no longer fresh; null when it could not be. */
function kept<T>(read: () => Promise<T>): () => Promise<T | null> {
  let at = Number.NEGATIVE_INFINITY;
  let value: Promise<T | null> = Promise.resolve(null);
  return () => {
    if (monotonicMs() - at < freshMs) return value;
    at = monotonicMs();
    value = read().catch(() => null);
    return value;
  };
}

async function readCounts(pool: pg.Pool): Promise<JudgementCounts> {
  const rejections = await pool.query<{ code: string; events: number; open: number }>(rejectionsSql);
  const held = await pool.query<{ code: string; events: number }>(heldSql);
  return {
    rejections: new Map(rejections.rows.map((row) => [row.code, row.events])),
    open: new Map(rejections.rows.map((row) => [row.code, row.open])),
    held: new Map(held.rows.map((row) => [row.code, row.events])),
  };
}
