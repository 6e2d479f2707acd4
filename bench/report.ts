import type { Measure, Sample } from './samples.ts';
import { measures, summarise } from './samples.ts';

/** Everything of one run, as it is kept in bench/results. */
export interface Results {
  readonly at: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** Load averages of the machine at the beginning and at the end: what else ran. */
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly seconds: number;
  readonly samples: readonly Sample[];
  /** CPU seconds per million events: phase → who → process → each round. */
  readonly cpu: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>>>;
}

export function valuesOf(results: Results, measure: string, who: Sample['who']): readonly number[] {
  return results.samples.filter((one) => one.measure === measure && one.who === who).map(({ value }) => value);
}

/** A row of the report: medians and ranges, and how many times better Concord is; null where one of both has no figure. */
export interface Comparison {
  readonly measure: Measure;
  readonly concord: string;
  readonly peer: string;
  readonly ceiling: string;
  readonly ratio: number | null;
}

export function comparisons(results: Results): readonly Comparison[] {
  return measures.flatMap((measure) => {
    const concord = summarise(valuesOf(results, measure.id, 'concord'));
    const peer = summarise(valuesOf(results, measure.id, 'peer'));
    const ceiling = summarise(valuesOf(results, measure.id, 'ceiling'));
    if (concord === null && peer === null && ceiling === null) return [];
    const ratio =
      concord === null || peer === null
        ? null
        : measure.better === 'higher'
          ? concord.median / peer.median
          : peer.median / concord.median;
    return [{ measure, concord: show(concord), peer: show(peer), ceiling: show(ceiling), ratio }];
  });
}

function show(summary: ReturnType<typeof summarise>): string {
  if (summary === null) return '';
  const { median, min, max } = summary;
  return min === max ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** Three significant digits, and no more. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Number(value.toPrecision(3)).toLocaleString('en-GB', { maximumFractionDigits: 6 });
}

/** Markdown: the same is printed and kept. Ceilings are a table of their own: they are nobody's. */
export function markdown(results: Results): string {
  const all = comparisons(results);
  const rows = all
    .filter(({ ceiling }) => ceiling === '')
    .map(({ measure, concord, peer, ratio }) => [
      measure.title,
      measure.unit,
      concord,
      peer,
      ratio === null ? '' : `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`,
    ]);
  const ceilings = all
    .filter(({ ceiling }) => ceiling !== '')
    .map(({ measure, ceiling }) => [measure.title, measure.unit, ceiling]);
  const sides = table([['', '', 'Concord', 'peer', 'better by'], ...rows]);
  return ceilings.length === 0 ? sides : `${sides}\n\n${table([['the machine itself', '', ''], ...ceilings])}`;
}

/** CPU seconds per million events by process. */
export function cpuMarkdown(results: Results): string {
  const rows = Object.entries(results.cpu).flatMap(([phase, byWho]) =>
    Object.entries(byWho).map(([who, byProcess]) => {
      const parts = Object.entries(byProcess).flatMap(([name, values]) => {
        const median = summarise(values)?.median ?? 0;
        return median < 0.05 ? [] : [`${name} ${figure(median)}`];
      });
      return [phase, who === 'concord' ? 'Concord' : who, parts.join(' · ')];
    }),
  );
  return table([['phase', '', 'CPU seconds per million events'], ...rows]);
}

export function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (head === undefined) return '';
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n');
}
