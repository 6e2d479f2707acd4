import { formatLsn } from '../../avro/position.ts';
import { maskMpan } from '../../runtime/mask.ts';
import { print, printTable } from '../output.ts';
import { shown, shownKey } from '../shown.ts';
import type { TableComparison } from './compare.ts';
import type { ReplayReport } from './into.ts';

/** The report as it may be shown: no MPAN core in full. Keys are made of what names a row, which may be one. */
export function maskedReplay(report: ReplayReport, reveal: boolean): ReplayReport {
  if (reveal) return report;
  return { ...report, tables: report.tables.map(maskedTable) };
}

/** Which part of a row's name is an MPAN core. */
function mpanPart(table: string, parts: readonly string[]): number {
  if (table.startsWith('metering_point') || table.startsWith('appointment')) return 0;
  return parts[0] === 'metering_point' ? 1 : -1;
}

function maskedTable(table: TableComparison): TableComparison {
  const samples = table.samples.map(({ key, cause, columns }) => {
    const parts = key.split('|');
    const mpan = mpanPart(table.table, parts);
    return {
      key: parts.map((part, at) => shownKey(part, at === mpan, false) ?? '').join('|'),
      cause,
      columns: Object.fromEntries(
        Object.entries(columns).map(
          ([name, [live, second]]) => [name, [maskedColumn(name, live), maskedColumn(name, second)] as const] as const,
        ),
      ),
    };
  });
  return { ...table, samples };
}

function maskedColumn(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return shown(value, false);
  if (name === 'key' || name === 'value') return '(bytes)';
  return name === 'mpan_core' || name === 'lane_key' || name === 'entity_key' ? maskMpan(value) : shown(value, false);
}

export function printReplay(report: ReplayReport): void {
  const { verdict, store, completeFrom, rules, tables, seconds } = report;
  printTable(
    ['table', 'live', 'replayed', 'differing keys', 'because'],
    tables.map(({ table, live, second, differing, causes }) => [
      table,
      live,
      second,
      differing,
      Object.entries(causes)
        .map(([cause, keys]) => `${cause}: ${keys.toLocaleString('en-GB')}`)
        .join('; '),
    ]),
    'There is no table.',
  );
  printSamples(tables);
  printPairs('rejections and holds by rule', report.refusals);
  printPairs('events by topic and outcome that are not the same', report.outcomes);
  print('');
  for (const [entity, since] of Object.entries(report.historyFrom)) {
    print(
      `\`concord retention\` has removed history of ${entity} from the live store that was over by ${since.slice(0, 19)}.`,
    );
  }
  if (report.notCompared.length > 0) {
    print(`Not compared: ${report.notCompared.map(({ table, why }) => `${table} (${why})`).join('; ')}.`);
  }
  if (completeFrom !== null) {
    print(
      `What was before ${formatLsn(completeFrom.lsn)} (generation ${completeFrom.generation}) has expired from some topics: the replayed store is complete from there on.`,
    );
  }
  const by =
    rules === null
      ? 'the same rules'
      : rules.from === null
        ? 'the rules of the file'
        : `the rules of the file from ${formatLsn(rules.from.lsn)} on`;
  const lanes = Object.entries(report.lanes).map(([lane, { lsn }]) => `${lane}: ${formatLsn(lsn)}`);
  const where =
    report.asOf === null
      ? `at lane ${lanes.join(', ')}`
      : `as of ${formatLsn(report.asOf.lsn)}, as the history of the live store tells it`;
  print(`Compared ${where}; by ${by}; ${seconds.toFixed(1)} s; the store is the database ${report.database}.`);
  const explained = tables.reduce((sum, table) => sum + table.explained, 0);
  if (verdict === 'stopped')
    print(`${store} was built as far as it was to be; of the live store there nothing could be told.`);
  else if (verdict === 'same' && explained > 0) {
    print(
      `${store} and the live store are the same as far as both have it: ${explained.toLocaleString('en-GB')} keys differ only by what is no longer there.`,
    );
  } else if (verdict === 'same') print(`${store} and the live store are the same, row for row.`);
  else if (rules === null)
    print(
      `${store} and the live store are NOT the same. \`concord reconcile\` says which of both the source agrees with.`,
    );
  else print(`So much would be other by these rules. \`concord replay drop ${store}\` clears up.`);
}

function printSamples(tables: readonly TableComparison[]): void {
  const samples = tables.flatMap(({ table, samples: of }) => of.map((sample) => ({ table, ...sample })));
  if (samples.length === 0) return;
  print('');
  printTable(
    ['sample', 'key', 'live → replayed', 'because'],
    samples.map(({ table, key, columns, cause }) => [
      table,
      key,
      Object.entries(columns)
        .slice(0, 6)
        .map(([name, [live, second]]) => `${name} ${textOf(live)} → ${textOf(second)}`)
        .join(', '),
      cause,
    ]),
    '',
  );
}

function printPairs(title: string, values: Readonly<Record<string, readonly [number, number]>>): void {
  const rows = Object.entries(values);
  if (rows.length === 0) return;
  print('');
  printTable(
    [title, 'live', 'replayed', 'more or less'],
    rows.map(([name, [a, b]]) => [name, a, b, b - a]),
    '',
  );
}

const textMax = 40;

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > textMax ? `${text.slice(0, textMax)}…` : text;
}
