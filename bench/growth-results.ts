/** One point of `npm run bench:growth`: what one of the four was, and what came of it. */
export interface GrowthPoint {
  readonly growing: 'rows' | 'transaction' | 'partitions' | 'sinks';
  readonly size: number;
  /** Events a second into the store; null where so few commits make them visible that it would say nothing. */
  readonly rate: number | null;
  /** Peak resident memory of the largest process of ours, and of all of them. */
  readonly memoryMax: number;
  readonly memorySum: number;
  /** CPU seconds of our processes per million events. */
  readonly cpu: number;
}

export interface GrowthResults {
  readonly at: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly seconds: number;
  readonly points: readonly GrowthPoint[];
}

export const growths = {
  rows: { title: 'rows of the table (initial load, table → store)', base: 1_000_000 },
  transaction: { title: 'rows of a transaction (backlog → store)', base: 100 },
  partitions: { title: 'partitions (table → store)', base: 4 },
  sinks: { title: 'processes of the metering side (table → store)', base: 1 },
} as const;
