import { parseSnapshot } from '../reconcile/visibility.ts';
import { type Difference, isUnexplained, type ReconcileReport } from '../reconcile/report.ts';
import { print, printTable } from './output.ts';

/** One line on standard error that tells what is going on: alive in a terminal, each new stage once elsewhere. */
export class ProgressLine {
  readonly #quiet: boolean;
  #last = '';

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  tell(text: string): void {
    if (this.#quiet) return;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
      return;
    }
    const stage = text.replace(/[:\d].*$/, '');
    if (stage !== this.#last) process.stderr.write(`${stage.trim()}\n`);
    this.#last = stage;
  }

  clear(): void {
    if (!this.#quiet && process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  }
}

export function printReport(report: ReconcileReport): void {
  const { verdict, point, tables, differences, seconds } = report;
  const unexplained = tables.reduce((sum, table) => sum + table.unexplained, 0);
  print(
    verdict === 'agree'
      ? 'Both sides AGREE: every row is the same, or its difference is explained.'
      : `Both sides DIFFER: nothing explains ${count(unexplained, 'row')}.`,
  );
  const { inProgress } = parseSnapshot(point.snapshot, point.generation);
  print(
    `At ${point.at}, LSN ${point.lsn}, snapshot ${point.snapshot} (${count(inProgress.length, 'transaction')} in progress).`,
  );
  printSince(report);
  print('');
  printTable(
    [
      'table',
      'source rows',
      'store rows',
      'agreeing',
      'rejected',
      'held',
      'dead-lettered',
      'not ours',
      'loading',
      'unsent',
      'parked',
      'unverified',
      'unexplained',
      'verified through',
    ],
    tables.map((one) => [
      one.table,
      one.sourceRows,
      one.storeRows,
      one.agreeing,
      one.explained.rejected,
      one.explained.held,
      one.explained.deadLettered,
      one.explained.notOurs,
      one.explained.loading,
      one.explained.unsent,
      one.explained.parked,
      one.explained.unverified,
      one.unexplained,
      one.verifiedThrough,
    ]),
    'No table was compared.',
  );
  print('');
  printEquations(report);
  const shown = differences.filter(isUnexplained);
  if (shown.length > 0) {
    print('');
    printTable(
      ['table', 'key', 'cause', 'items (registration → metering)'],
      shown.map((one) => [one.table, one.key, one.cause, itemsOf(one)]),
      '',
    );
    if (unexplained > shown.length) print(`… and ${count(unexplained - shown.length, 'row')} more.`);
  }
  printRules(report);
  if (unexplained > 0) {
    print('');
    print(
      'What to do: `concord diff MPAN` shows both sides and every event of one metering point (--reveal here shows its MPAN); `concord reconcile --repair` shows what would correct the rows, and with --yes does it.',
    );
  }
  print('');
  print(`It took ${seconds.toFixed(1)} s.`);
}

/** What a run since another has looked at, and what it has not. */
function printSince({ since = null, wholeBecause, everyPageBecause }: ReconcileReport): void {
  if (wholeBecause !== undefined) print(`Everything was compared, because ${wholeBecause}.`);
  if (since === null) return;
  const base = `Since run ${since.run} (${since.at}, LSN ${since.lsn}), which passed`;
  const { pages = null, looked } = since;
  if (pages === null) {
    print(`${base}: ${count(looked, 'row')} looked at, those written on either side since then, by whomever.`);
    print('The rest has the same keys on both sides and was not written since; its content was not read again.');
  } else {
    print(
      `${base}: ${pages.read.toLocaleString('en-GB')} of ${count(pages.of, 'page')} read, all that were written on either side since then, by whomever; of the others the digests of rows are known.`,
    );
    if (looked > 0) print(`Where the digests differ, ${count(looked, 'row')} looked at one by one.`);
  }
  if (everyPageBecause !== undefined) print(`Every page was read, because ${everyPageBecause}.`);
}

function printEquations({ tables, events, closes }: ReconcileReport): void {
  const sum = (of: (table: ReconcileReport['tables'][number]) => number): string =>
    tables.reduce((total, table) => total + of(table), 0).toLocaleString('en-GB');
  print(
    `source rows  ${sum((one) => one.sourceRows)} = ${sum((one) => one.source.agreeing)} agreeing + ${sum((one) => one.source.explained)} explained + ${sum((one) => one.source.unexplained)} unexplained`,
  );
  print(
    `store rows   ${sum((one) => one.storeRows)} = ${sum((one) => one.store.agreeing)} agreeing + ${sum((one) => one.store.explained)} explained + ${sum((one) => one.store.unexplained)} unexplained`,
  );
  const number = (value: number): string => value.toLocaleString('en-GB');
  print(
    `events       ${number(events.captured)} captured = ${number(events.applied)} applied + ${number(events.unchanged)} unchanged + ${number(events.superseded)} superseded + ${number(events.rejected)} rejected + ${number(events.held)} held + ${number(events.deadLettered)} dead-lettered + ${number(events.notOurs)} not ours + ${number(events.inFlight)} on their way`,
  );
  print(closes ? 'All three close.' : 'They do NOT all close.');
}

function printRules({ tables }: ReconcileReport): void {
  const rules = tables
    .flatMap(({ table, rules: byCode }) => Object.entries(byCode).map(([code, rows]) => [table, code, rows] as const))
    .sort(([, , more], [, , less]) => less - more);
  if (rules.length === 0) return;
  print('');
  printTable(['refused rows of', 'by rule', 'rows'], rules.slice(0, rulesShown), '');
  if (rules.length > rulesShown)
    print(`… and ${count(rules.length - rulesShown, 'rule')} more: --html shows them all.`);
}

const rulesShown = 10;

function itemsOf({ items, values }: Difference): string {
  return items
    .map((item) => `${item}: ${values[item]?.registration ?? 'null'} → ${values[item]?.metering ?? 'null'}`)
    .join(', ');
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-GB')} ${noun}${number === 1 ? '' : 's'}`;
}
