import { ruleOf } from '../connectors/metering/rules/rule-book.ts';
import { maskedRepairRow } from '../reconcile/masked.ts';
import type { ReconcileSettings } from '../reconcile/settings.ts';
import { sendAgain } from '../reconcile/repair.ts';
import { endRepair, openRepair, type RepairState } from '../reconcile/repair-ledger.ts';
import { planRepair, type RepairPlan, type RepairRow } from '../reconcile/repair-plan.ts';
import type { Proof } from '../reconcile/reconcile.ts';
import type { ReconcileReport } from '../reconcile/report.ts';
import { explanationOf } from '../runtime/codes.ts';
import { Fault } from '../runtime/fault.ts';
import { exit, print, printJson, printTable } from './output.ts';
import { printReport, type ProgressLine } from './reconcile-page.ts';
import { writeFiles } from './reconcile-files.ts';
import type { ReconcileOptions } from './reconcile-options.ts';
import { type KeptRun, runReconcile } from './reconcile-run.ts';
import type { Settings } from './settings.ts';

/** Where a repair takes place. */
interface Repairing {
  readonly settings: Settings;
  readonly wanted: ReconcileSettings;
  readonly options: ReconcileOptions;
  readonly line: ProgressLine;
  readonly signal: AbortSignal;
}

/** `repair` of the JSON document; the rest of it is the report of the last comparison. */
export interface RepairReport {
  /** What there was to do, what was planned, or what came of it. `refused`: none of the rows can be sent. */
  readonly state: 'nothing' | 'planned' | 'too-many' | 'refused' | RepairState;
  /** Of the audit record; null where nothing was sent. */
  readonly id: number | null;
  readonly rows: readonly RepairRow[];
  /** The source's snapshots. */
  readonly jobs: readonly number[];
  /** The point at which the rows were found. */
  readonly found: ReconcileReport['point'];
}

/** After a comparison that found something: shows what a repair would do, and does it with `--yes`. */
export async function repair(repairing: Repairing, found: KeptRun): Promise<number> {
  const { wanted, options } = repairing;
  const { proof } = found;
  const plan = planRepair(proof.open);
  const unexplained = proof.report.tables.reduce((sum, table) => sum + table.unexplained, 0);
  const base = { id: null, rows: plan.rows, jobs: [], found: proof.report.point };
  if (unexplained === 0) return tell(repairing, found, { ...base, state: 'nothing' });
  if (unexplained > wanted.listedMax) return tell(repairing, found, { ...base, state: 'too-many' });
  if (plan.rows.every(isRefused)) return tell(repairing, found, { ...base, state: 'refused' });
  if (options.yes !== true) return tell(repairing, found, { ...base, state: 'planned' });
  if (options.json !== true) printPlan(plan.rows, options);
  return send(repairing, found, plan);
}

async function send(repairing: Repairing, { runId, proof }: KeptRun, plan: RepairPlan): Promise<number> {
  const { settings, wanted, line, signal } = repairing;
  const { metering, source } = wanted;
  const sendable = plan.rows.filter((row) => !isRefused(row));
  const id = await openRepair(metering, source, runId, sendable);
  let jobs: readonly number[] = [];
  try {
    const sent = await sendAgain(wanted, id, plan.requests, (text) => line.tell(text), signal);
    jobs = sent.map((job) => job.id);
    const again = await runReconcile(settings, wanted, (text) => line.tell(text), signal);
    line.clear();
    const state = stillOpen(again.proof, sendable) === 0 ? 'proved' : 'unproved';
    await endRepair(metering, id, { state, problem: null, provedByRunId: again.runId });
    return await tell(repairing, again, { state, id, rows: plan.rows, jobs, found: proof.report.point });
  } catch (error) {
    const problem = error instanceof Fault ? `${error.code}: ${error.message}` : 'It was interrupted.';
    // A source that only waits may still do it: the next comparison tells.
    await endRepair(metering, id, { state: 'failed', problem, provedByRunId: null }).catch(() => {});
    throw error;
  }
}

function stillOpen({ open }: Proof, rows: readonly RepairRow[]): number {
  const sent = new Set(rows.map(({ table, key }) => `${table} ${key}`));
  return open.reduce(
    (sum, { table, findings }) => sum + findings.filter(({ key }) => sent.has(`${table.entity} ${key}`)).length,
    0,
  );
}

async function tell({ options, wanted }: Repairing, run: KeptRun, repaired: RepairReport): Promise<number> {
  const report = await writeFiles(wanted, options, run);
  const rows = options.reveal === true ? repaired.rows : repaired.rows.map(maskedRepairRow);
  if (options.json === true) printJson({ ...report, repair: { ...repaired, rows: rows.map(withRemedies) } });
  else {
    printReport(report);
    print('');
    printRepair(repaired, options, wanted.listedMax);
  }
  return report.verdict === 'agree' && report.closes ? exit.done : exit.found;
}

function printRepair({ state, id, rows: all }: RepairReport, options: ReconcileOptions, limit: number): void {
  const rows = all.filter((row) => !isRefused(row));
  const number = rows.length.toLocaleString('en-GB');
  switch (state) {
    case 'nothing':
      print('There is nothing to repair.');
      return;
    case 'planned':
      printPlan(all, options);
      print('');
      print(
        'Nothing was changed. With --yes the rows to repair are read again from the registration database, and go through the pipe.',
      );
      return;
    case 'refused':
      printRefused(all, options);
      print('Nothing was sent, and nothing was changed.');
      return;
    case 'too-many': {
      const { title = '', remedy = '' } = explanationOf('RECONCILE_REPAIR_TOO_MANY') ?? {};
      print(`RECONCILE_REPAIR_TOO_MANY: ${title} (--limit is ${limit}). Nothing was changed.\n  What to do: ${remedy}`);
      return;
    }
    case 'proved':
      print(
        `Repair ${id}: ${number} ${rows.length === 1 ? 'row was' : 'rows were'} sent again, and the comparison above, at a later point, finds nothing unexplained in them.`,
      );
      printRefused(all, options);
      return;
    case 'unproved':
      print(
        `Repair ${id}: ${number} ${rows.length === 1 ? 'row was' : 'rows were'} sent again, but the comparison above still finds some of them unexplained.`,
      );
      print(
        '  What to do: `concord diff MPAN` shows both sides and every event of one; what is changed in the store again and again has a writer of its own there.',
      );
      printRefused(all, options);
      return;
    case 'asked':
    case 'failed':
      print(`Repair ${id} is ${state}.`);
  }
}

const verbs = { insert: 'puts back', update: 'corrects', delete: 'takes out', refused: 'is refused' } as const;

function printPlan(all: readonly RepairRow[], options: ReconcileOptions): void {
  const rows = all.filter((row) => !isRefused(row));
  const shown = options.reveal === true ? rows : rows.map(maskedRepairRow);
  print(`A repair of ${rows.length.toLocaleString('en-GB')} row${rows.length === 1 ? '' : 's'}:`);
  printTable(
    ['table', 'key', 'cause', 'it', 'item', 'in the store', 'after it'],
    shown.flatMap(({ table, key, cause, action, changes }) =>
      Object.entries(changes).map(([item, { before, after }], at) =>
        at === 0
          ? [table, key, cause, verbs[action], item, before ?? 'null', after ?? 'null']
          : ['', '', '', '', item, before ?? 'null', after ?? 'null'],
      ),
    ),
    '',
  );
  printRefused(all, options);
}

function isRefused({ action }: RepairRow): boolean {
  return action === 'refused';
}

/** What can not be repaired, with why and what to do. Nothing where there is none. */
function printRefused(rows: readonly RepairRow[], options: ReconcileOptions): void {
  const refused = rows.filter(isRefused);
  if (refused.length === 0) return;
  const [subject, has] =
    refused.length === 1 ? ['1 row', 'it'] : [`${refused.length.toLocaleString('en-GB')} rows`, 'them'];
  print('');
  print(
    `RECONCILE_REPAIR_REFUSED: ${subject} can not be repaired: what the registration database has of ${has} is refused by the rules, and would be again. In the store belongs the last version that was accepted.`,
  );
  printTable(
    ['table', 'key', 'cause', 'item', 'in the store', 'was accepted', 'refused by'],
    (options.reveal === true ? refused : refused.map(maskedRepairRow)).flatMap(
      ({ table, key, cause, changes, refusal }) => {
        const codes = (refusal?.codes ?? []).join(' ') || (refusal?.outcome ?? '');
        const items = Object.entries(changes);
        if (items.length === 0) return [[table, key, cause, '', cause === 'missing' ? '(no row)' : '', '', codes]];
        return items.map(([item, { before, after }], at) => {
          const values = [item, before ?? 'null', after ?? 'null'];
          return at === 0 ? [table, key, cause, ...values, codes] : ['', '', '', ...values, ''];
        });
      },
    ),
    '',
  );
  for (const { code, remedy } of distinctRemedies(refused)) print(`  ${code}: ${remedy}`);
  const { remedy = '' } = explanationOf('RECONCILE_REPAIR_REFUSED') ?? {};
  print(`  What to do: ${remedy}`);
}

interface Remedy {
  readonly code: string;
  readonly remedy: string;
}

function remediesOf({ refusal }: RepairRow): readonly Remedy[] {
  return (refusal?.codes ?? []).map((code) => ({ code, remedy: ruleOf(code)?.remedy ?? '' }));
}

function distinctRemedies(rows: readonly RepairRow[]): readonly Remedy[] {
  return [...new Map(rows.flatMap(remediesOf).map((one) => [one.code, one])).values()];
}

function withRemedies(row: RepairRow): RepairRow & { readonly remedies: readonly Remedy[] } {
  return { ...row, remedies: remediesOf(row) };
}
