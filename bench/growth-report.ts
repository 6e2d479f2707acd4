import { type GrowthResults, growths } from './growth-results.ts';
import { figure, table } from './report.ts';

/** A table for each thing that grows, as ratios to the ordinary size. */
export function growthMarkdown(results: GrowthResults): string {
  return Object.entries(growths)
    .flatMap(([growing, { title, base }]) => {
      const points = results.points.filter((point) => point.growing === growing);
      const of = points.find(({ size }) => size === base) ?? points[0];
      if (of === undefined) return [];
      const rows = points.map((point) => [
        point.size.toLocaleString('en-GB'),
        ratio(point.rate, of.rate),
        ratio(point.cpu, of.cpu),
        ratio(point.memoryMax, of.memoryMax),
        ratio(point.memorySum, of.memorySum),
        `${point.rate === null ? '' : `${figure(point.rate)}/s · `}${figure(point.cpu)} µs · ${figure(point.memoryMax)} MB`,
      ]);
      return [
        `**By ${title}**, ${base.toLocaleString('en-GB')} being 1:\n\n${table([
          ['', 'events/s', 'CPU per event', 'peak memory of the largest process', 'of all', 'measured'],
          ...rows,
        ])}\n\n![By ${title}](../bench/results/growth-${growing}.svg)`,
      ];
    })
    .join('\n\n');
}

function ratio(value: number | null, base: number | null): string {
  return value === null || base === null ? '' : (value / base).toFixed(2);
}
