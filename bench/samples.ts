import type { RigName } from './rig.ts';

/** One figure of one round. Ceilings and what only one side has carry the name of who was measured. */
export interface Sample {
  readonly measure: string;
  readonly who: RigName | 'ceiling';
  readonly round: number;
  readonly value: number;
}

export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** The letter of `--only` that it belongs to. */
  readonly letter: string;
}

const rates = [
  ['a', 'snapshot-to-topic', 'snapshot, table → topic'],
  ['b', 'topic-to-store', 'topic → store'],
  ['b', 'table-to-store', 'table → store'],
  ['c', 'drain-100-to-topic', 'backlog in transactions of 100 → topic'],
  ['c', 'drain-100-to-store', 'backlog in transactions of 100 → store'],
  ['d', 'drain-1-to-topic', 'backlog in transactions of 1 → topic'],
  ['d', 'drain-1-to-store', 'backlog in transactions of 1 → store'],
] as const;

/** What is measured, in the order in which it is told. CPU and memory are measured along with the rates. */
export const measures: readonly Measure[] = [
  ...rates.map(([letter, id, title]): Measure => ({ id, title, unit: 'events/s', better: 'higher', letter })),
  ...(['p50', 'p95', 'p99', 'max'] as const).map(
    (part): Measure => ({
      id: `latency-${part}`,
      title: `commit → visible in the store at 500/s, ${part}`,
      unit: 'ms',
      better: 'lower',
      letter: 'e',
    }),
  ),
  ...rates.map(
    ([, id, title]): Measure => ({
      id: `cpu-${id}`,
      title: `CPU of the connectors, ${title}`,
      unit: 's per million',
      better: 'lower',
      letter: 'f',
    }),
  ),
  { id: 'memory-peak', title: 'peak resident memory of the connectors', unit: 'MB', better: 'lower', letter: 'g' },
  { id: 'memory-idle', title: 'resident memory of the connectors at 500/s', unit: 'MB', better: 'lower', letter: 'g' },
  ...(
    [
      ['bytes-event', 'bytes of an event on the topic'],
      ['bytes-current', 'bytes of a current row in the store, with its index'],
      ['bytes-history', 'bytes of a superseded version in the store, with its indexes'],
      ['bytes-wal', 'bytes of WAL of a change in transactions of 100, at the source'],
    ] as const
  ).map(([id, title]): Measure => ({ id, title, unit: 'bytes', better: 'lower', letter: 'g' })),
  { id: 'first-event', title: 'start to first event on the topic', unit: 's', better: 'lower', letter: 'h' },
  { id: 'worker-start', title: 'start of the Connect worker before that', unit: 's', better: 'lower', letter: 'h' },
  { id: 'reconcile', title: 'reconcile, both sides at one point', unit: 's', better: 'lower', letter: 'i' },
  { id: 'digests', title: 'the bare digest queries in parallel', unit: 's', better: 'lower', letter: 'i' },
  ...(
    [
      ['ceiling-slot-100', 'raw drain of the slot, transactions of 100'],
      ['ceiling-slot-1', 'raw drain of the slot, transactions of 1'],
      ['ceiling-producer', "the broker's producer test, 300-byte records"],
      ['ceiling-copy', 'COPY of the rows into a table with their key'],
      ['ceiling-insert', 'INSERT … ON CONFLICT of the rows, all new'],
      ['ceiling-upsert', 'INSERT … ON CONFLICT of the rows, all there'],
    ] as const
  ).map(([id, title]): Measure => ({ id, title, unit: 'events/s', better: 'higher', letter: 'ceilings' })),
];

export const letters: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'ceilings'];

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summarise(values: readonly number[]): Summary | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (min === undefined || max === undefined || upper === undefined) return null;
  const lower = sorted.length % 2 === 1 ? upper : (sorted[middle - 1] ?? upper);
  return { median: (lower + upper) / 2, min, max };
}

/** The value below which a share of the sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
