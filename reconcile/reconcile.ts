import type pg from 'pg';
import { formatLsn } from '../avro/position.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { type Base, type ChosenBase, readBase, readMark, refusalOf } from './base.ts';
import { explainedBreakdown, unexplainedBreakdown } from './breakdown.ts';
import type { OpenRow } from './comparison.ts';
import type { Finding, SourceProgress } from './evidence.ts';
import { type Compared, onPoint, shapeOfRun } from './point-view.ts';
import type { ReconcileDependencies, ReconcileSettings } from './settings.ts';
import type { Difference, ReconcileReport, TableReport } from './report.ts';
import { applicationName } from './sessions.ts';
import type { PagesToKeep } from './kept-pages.ts';
import { openPages } from './side-pages.ts';
import { type ReconciledTable, reconciledTables } from './tables.ts';
import { closes, countRow } from './tally.ts';

/** What a run found out that its report only shows: LSNs by table, to be kept. */
export interface Proof {
  readonly report: ReconcileReport;
  readonly lsn: number;
  readonly generation: number;
  /** Table → the LSN through which it is proved equal; tables with something unexplained are left out. */
  readonly verified: ReadonlyMap<string, number>;
  /** The rows that nothing explains, closely: what a repair is made of. */
  readonly open: readonly OpenTable[];
  /** What a later run since this one must know. */
  readonly base: Base;
  /** Digests of pages, for the same. */
  readonly pages: readonly PagesToKeep[];
}

export interface OpenTable {
  readonly table: ReconciledTable;
  readonly findings: readonly Finding[];
}

/** How often a row that events go over is looked at before it counts as it is found. */
const looksMax = 5;

/** Compares both sides at one point, while both keep changing. */
export async function reconcile(settings: ReconcileSettings, dependencies: ReconcileDependencies): Promise<Proof> {
  const startedAt = monotonicMs();
  const progress = dependencies.progress();
  progress.catch(() => {});
  return withDatabase(settings.metering, applicationName, (metering) =>
    withDatabase(settings.registration, applicationName, async (registration) =>
      compare(settings, dependencies, { metering, registration, progress, startedAt }),
    ),
  );
}

/** What a run begins with. The sessions see what is committed, not a snapshot. */
interface Beginning {
  readonly metering: pg.Client;
  readonly registration: pg.Client;
  readonly progress: Promise<SourceProgress>;
  readonly startedAt: number;
}

async function compare(
  settings: ReconcileSettings,
  dependencies: ReconcileDependencies,
  { metering, registration, progress: reading, startedAt }: Beginning,
): Promise<Proof> {
  const tables = reconciledTables(settings.source, settings.mapping, settings.mirrors).filter(
    ({ entity }) => settings.only === null || settings.only === entity,
  );
  const { source, patienceMs } = settings;
  const { signal } = dependencies;
  // What is kept is kept of all tables.
  const pages =
    settings.only === null
      ? await openPages({ source, metering, registration, patienceMs, ...(signal && { signal }) })
      : 'only one table was compared';
  const progress = await reading;
  const { base, because } = settings.since
    ? await chooseBase(settings, progress, metering, registration)
    : { base: null, because: null };
  const at = await onPoint(settings, dependencies, tables, progress, (view) =>
    view.compareAll(base, typeof pages === 'string' ? null : pages),
  );
  const lookedAgain = await lookAgain(settings, dependencies, at.compared, progress);
  const events = await at.events;
  const reports = at.compared.map(reportOf);
  const everyPage = typeof pages === 'string' ? pages : (at.pages?.every ?? null);
  const isAgreeing = reports.every(({ unexplained }) => unexplained === 0);
  const report: ReconcileReport = {
    verdict: isAgreeing ? 'agree' : 'differ',
    point: { ...at.point, generation: progress.generation },
    tables: reports,
    differences: at.compared.flatMap((one) => differencesOf(one, settings.listedMax)),
    breakdown: at.compared.flatMap(({ table, unexplained, explained, breakdown }) => [
      ...unexplainedBreakdown(
        table,
        unexplained.map(({ finding }) => finding),
      ),
      ...explainedBreakdown(table, explained),
      ...breakdown,
    ]),
    events,
    closes: events.closes && reports.every((one) => one.closes),
    seconds: Math.round(monotonicMs() - startedAt) / 1000,
    lookedAgain,
    version: settings.version,
    since:
      base === null
        ? null
        : {
            run: base.runId,
            lsn: base.lsn,
            at: base.at,
            looked: at.compared.reduce((sum, { looked }) => sum + looked, 0),
            pages: at.pages === null ? null : { read: at.pages.read, of: at.pages.of },
          },
    ...(base !== null && everyPage !== null ? { everyPageBecause: everyPage } : {}),
    ...(because === null ? {} : { wholeBecause: because }),
  };
  const verified = new Map(
    at.compared
      .filter(({ tally }) => tally.unexplained === 0 && closes(tally))
      .map(({ table, through }) => [table.entity, through]),
  );
  const open = at.compared.map(({ table, unexplained }) => ({
    table,
    findings: unexplained.map(({ finding }) => finding),
  }));
  return { report, lsn: at.lsn, generation: progress.generation, verified, open, base: at.base, pages: at.keep };
}

/** The last run that passed, or why everything must be compared. */
async function chooseBase(
  settings: ReconcileSettings,
  { generation }: SourceProgress,
  metering: pg.Client,
  registration: pg.Client,
): Promise<{ readonly base: ChosenBase | null; readonly because: string | null }> {
  const base = await readBase(metering, settings.source);
  if (base === null) return { base, because: 'no run over all tables has passed yet' };
  const [source, store] = await Promise.all([readMark(registration), readMark(metering)]);
  const because = refusalOf(base, { generation, source, store, shape: shapeOfRun(settings) });
  return { base: because === null ? base : null, because };
}

/**
 * Looks at open rows again at a later point, and again as long as events go over them: what was refused and then
 * replaced within moments has left no trace of what it was at the first point.
 */
async function lookAgain(
  settings: ReconcileSettings,
  dependencies: ReconcileDependencies,
  compared: readonly Compared[],
  progress: SourceProgress,
): Promise<number> {
  let lookedAgain = 0;
  for (const { table, tally, open, unexplained, explained } of compared) {
    let waiting: readonly OpenRow[] = open;
    lookedAgain += waiting.length;
    for (let look = 2; waiting.length > 0; look += 1) {
      const current = waiting;
      dependencies.tell(`looking again at ${current.length} rows of ${table.entity}`);
      const looked = await onPoint(settings, dependencies, lockedWith(settings, table), progress, (view) =>
        view.look(table, current),
      );
      const next: OpenRow[] = [];
      for (const { row, standing, finding } of looked) {
        if (finding === null) countRow(tally, row, standing);
        else if (finding.by !== null) {
          countRow(tally, row, { kind: 'explained', by: finding.by });
          explained.push(finding);
        } else if (finding.movedOn && look < looksMax) next.push({ row, finding });
        else {
          countRow(tally, row, { kind: 'open' });
          unexplained.push({ row, finding });
        }
      }
      waiting = next;
    }
  }
  return lookedAgain;
}

/** Whether an appointment is ours is said by the participants. */
function lockedWith(settings: ReconcileSettings, table: ReconciledTable): readonly ReconciledTable[] {
  const wanted = table.entity === 'appointment' ? ['appointment', 'participant'] : [table.entity];
  return reconciledTables(settings.source, settings.mapping, settings.mirrors).filter(({ entity }) =>
    wanted.includes(entity),
  );
}

function reportOf({ table, tally, rules, through }: Compared): TableReport {
  const { sourceRows, storeRows, agreeing, explained, unexplained, source, store } = tally;
  return {
    table: table.entity,
    sourceRows,
    storeRows,
    agreeing,
    explained,
    unexplained,
    source,
    store,
    closes: closes(tally),
    rules,
    verifiedThrough: unexplained === 0 && closes(tally) ? formatLsn(through) : null,
  };
}

function differencesOf({ table, unexplained, explained, refused }: Compared, listedMax: number): readonly Difference[] {
  const found = unexplained.map(
    ({ finding }): Difference => ({
      table: table.entity,
      key: finding.key,
      cause: finding.cause,
      items: Object.keys(finding.items),
      values: finding.items,
      rules: [],
    }),
  );
  const refusals = new Map(refused.map((one) => [one.key, one]));
  const closely = explained.flatMap(({ key, by, items }): readonly Difference[] => {
    // A value that was too large to be sent is too large to be listed as well: those rows are only counted.
    if (by !== 'deadLettered' && by !== 'unverified') return [];
    const cause = by === 'unverified' ? by : 'dead-lettered';
    const { rules = [] } = refusals.get(key) ?? {};
    return [{ table: table.entity, key, cause, items: Object.keys(items), values: items, rules }];
  });
  const named = new Set([...found, ...closely].map(({ key }) => key));
  return [...found, ...closely, ...refused.filter(({ key }) => !named.has(key))].slice(0, listedMax);
}
