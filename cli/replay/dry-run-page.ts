import { print, printTable } from '../output.ts';
import { shown, shownKey } from '../shown.ts';
import type { DryRunCounts } from './dry-run-tally.ts';

/** With what was found while reading. */
export interface DryRunDocument extends DryRunCounts {
  /** Records that can not be decoded. */
  readonly unreadable: number;
  /** There was more than the limit. */
  readonly cut: boolean;
  /** Topics of mirrored tables. */
  readonly notJudged: readonly string[];
  readonly selected: number;
  /** Statements that emptied a table. */
  readonly truncates: number;
}

export function changesNothing({ inserts, deletes, updates, rejected, held }: DryRunCounts): boolean {
  return [inserts, deletes, updates, rejected, held].every((counts) => Object.keys(counts).length === 0);
}

export function maskedDryRun(document: DryRunDocument, reveal: boolean): DryRunDocument {
  const samples = document.samples.map((sample) => ({
    ...sample,
    key: shownKey(sample.key, sample.table === 'metering_point', reveal) ?? '',
    columns: Object.fromEntries(
      Object.entries(sample.columns).map(([name, [now, then]]) => {
        const seen = (value: unknown): unknown => shown({ [name]: value }, reveal)[name];
        return [name, [seen(now), seen(then)] as const];
      }),
    ),
  }));
  return { ...document, samples };
}

export function printDryRun(document: DryRunDocument): void {
  const {
    events,
    known,
    stale,
    forgotten,
    unreadable,
    cut,
    truncates,
    selected,
    interrupted,
    outcomes,
    inserts,
    deletes,
    updates,
  } = document;
  const rows = Object.entries(outcomes).flatMap(([topic, of]) =>
    Object.entries(of).map(([outcome, count]) => [topic, outcome, count] as const),
  );
  printTable(['topic', 'outcome', 'events'], rows, 'No event was judged.');
  print(
    `\n${number(events)} events were judged: of ${number(known)} the store has this very event, ${number(stale)} are older than what it has of their key.`,
  );
  if (unreadable > 0) print(`${number(unreadable)} records can not be decoded: \`concord dead-letters list\`.`);
  if (forgotten > 0) {
    print(
      `${number(forgotten)} are older than the history that the store keeps (\`concord retention\`), of keys that are gone: whether it had them can not be told, and they were not judged.`,
    );
  }
  if (truncates > 0) {
    print(`${number(truncates)} TRUNCATE on these topics were left out: what came before them is told as older.`);
  }
  print('Reference data is not judged: it was taken as it was at each event.');
  printNotJudged(document.notJudged);
  if (cut) print('There are more than --limit: the rest was left out.');
  if (interrupted) print(`Interrupted: ${number(selected - events)} of ${number(selected)} events were not judged.`);
  const tables = [...new Set([...Object.keys(inserts), ...Object.keys(deletes), ...Object.keys(updates)])];
  if (tables.length > 0) {
    print('\nWould change:');
    printTable(
      ['table', 'inserts', 'deletes', 'updates by column'],
      tables.map((table) => [table, inserts[table] ?? 0, deletes[table] ?? 0, counts(updates[table] ?? {})]),
      '',
    );
  }
  for (const [name, of] of [
    ['rejected', document.rejected],
    ['held', document.held],
  ] as const) {
    if (Object.keys(of).length > 0) print(`Would be ${name}: ${counts(of)}`);
  }
  if (document.samples.length > 0) {
    print('');
    printTable(
      ['sample', 'key', 'does', 'now → then'],
      document.samples.map(({ table, key, does, columns }) => [
        table,
        key,
        does,
        Object.entries(columns)
          .slice(0, 5)
          .map(([name, [now, then]]) => `${name} ${textOf(now)} → ${textOf(then)}`)
          .join(', '),
      ]),
      '',
    );
  }
  print('');
  if (changesNothing(document)) print('Applied again, they would change nothing. (Dry run: nothing was written.)');
  else
    print(
      'The live store lacks what these events say: somebody has changed it. Nothing was written; `concord reconcile --repair` sends the rows again.',
    );
}

export function printNotJudged(topics: readonly string[]): void {
  if (topics.length === 0) return;
  print(
    `Not judged: ${topics.join(', ')}, of mirrored tables, which no rule is about. \`concord replay --into NAME\` builds and compares them, too.`,
  );
}

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of)
    .map(([name, count]) => `${name} ${number(count)}`)
    .join(', ');
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
