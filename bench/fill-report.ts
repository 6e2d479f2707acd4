import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutDirectory } from '../local/checkout.ts';
import { growthMarkdown } from './growth-report.ts';
import type { GrowthResults } from './growth-results.ts';
import { comparisons, cpuMarkdown, figure, markdown, type Results, table, valuesOf } from './report.ts';
import { summarise } from './samples.ts';
import { ceilingShares, targets } from './targets.ts';
import { growthOnPaper } from './on-paper.ts';

/**
 * `npm run bench:report`: puts the figures of bench/results into docs/performance.md, between its marks. Nothing there is
 * written by hand, so what is told is what was measured.
 */
const file = path.join(checkoutDirectory, 'docs', 'performance.md');
const latest = read<Results>('latest.json');
const growth = read<GrowthResults>('growth.json');

let text = readFileSync(file, 'utf8');
if (latest !== null) {
  fill('run', whatRan(latest));
  fill('comparison', markdown(latest));
  fill('targets', targetsMarkdown(latest));
  fill('ceilings', ceilingsMarkdown(latest));
  fill('cpu', cpuMarkdown(latest));
  fill('paper', growthOnPaper(latest));
}
if (growth !== null) fill('growth', growthMarkdown(growth));
writeFileSync(file, text);
process.stdout.write(
  `docs/performance.md: filled from ${[latest && 'latest.json', growth && 'growth.json'].filter(Boolean).join(' and ')}\n`,
);

function read<T>(name: string): T | null {
  const from = path.join(checkoutDirectory, 'bench', 'results', name);
  return existsSync(from) ? (JSON.parse(readFileSync(from, 'utf8')) as T) : null;
}

function fill(mark: string, content: string): void {
  const begin = `<!-- ${mark}: filled by npm run bench:report -->`;
  const end = `<!-- /${mark} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no mark ${mark}`);
  text = `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

function whatRan(results: Results): string {
  const { machine, options, load, at, commit, seconds } = results;
  const loads = (values: readonly number[]): string => values.map((one) => one.toFixed(1)).join(' ');
  return (
    `Measured ${at.slice(0, 10)} at commit ${commit}: ${machine['cores']} cores (${machine['cpu']}), ${machine['memoryGiB']} GiB, Node ${machine['node']}; ` +
    `${Number(options['rows']).toLocaleString('en-GB')} rows, backlogs of ${Number(options['changes']).toLocaleString('en-GB')}, ${options['rounds']} rounds each, ` +
    `the peer with a heap of ${options['peerHeap']}; load averages ${loads(load.before)} before and ${loads(load.after)} after; ${Math.round(seconds / 60)} minutes.`
  );
}

function targetsMarkdown(results: Results): string {
  const found = new Map(comparisons(results).map((one) => [one.measure.id, one]));
  return table([
    ['target', 'at least', 'measured', ''],
    ...targets.map(({ id, title, atLeast }) => {
      const ratio = found.get(id)?.ratio ?? null;
      if (ratio === null) return [title, `${atLeast}×`, 'not measured', ''];
      return [title, `${atLeast}×`, `${ratio.toFixed(2)}×`, ratio >= atLeast ? 'met' : '**missed**'];
    }),
  ]);
}

function ceilingsMarkdown(results: Results): string {
  const median = (id: string): number | null =>
    (summarise(valuesOf(results, id, 'concord')) ?? summarise(valuesOf(results, id, 'ceiling')))?.median ?? null;
  return table([
    ['', 'events/s', 'slowest ceiling on the path', 'its events/s', 'share'],
    ...ceilingShares.map(({ id, title, ceilings }) => {
      const rate = median(id);
      const rates = ceilings.flatMap((ceiling) => {
        const value = median(ceiling.id);
        return value === null ? [] : [{ ...ceiling, value }];
      });
      const slowest = rates.toSorted((a, b) => a.value - b.value)[0];
      if (rate === null || slowest === undefined) return [title, 'not measured', '', '', ''];
      return [
        title,
        figure(rate),
        slowest.title,
        figure(slowest.value),
        `${Math.round((rate / slowest.value) * 100)} %`,
      ];
    }),
  ]);
}
