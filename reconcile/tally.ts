import type { Explanation, RowSides, Standing } from './agreement.ts';
import type { Bucket } from './digests.ts';

/** The rows of one table by how they stand. Keys are counted once; rows are counted on each side. */
export interface Tally {
  sourceRows: number;
  storeRows: number;
  agreeing: number;
  readonly explained: Record<Explanation, number>;
  unexplained: number;
  readonly source: SideTally;
  readonly store: SideTally;
}

export interface SideTally {
  agreeing: number;
  explained: number;
  unexplained: number;
}

export function emptyTally(): Tally {
  return {
    sourceRows: 0,
    storeRows: 0,
    agreeing: 0,
    explained: { rejected: 0, held: 0, deadLettered: 0, notOurs: 0, loading: 0, unsent: 0, parked: 0, unverified: 0 },
    unexplained: 0,
    source: { agreeing: 0, explained: 0, unexplained: 0 },
    store: { agreeing: 0, explained: 0, unexplained: 0 },
  };
}

/** A bucket whose digests are the same on both sides. */
export function countBucket(tally: Tally, bucket: Bucket): void {
  const agreeing = bucket.source.rows - bucket.refusedInSource;
  tally.sourceRows += bucket.source.rows + bucket.notOurs;
  tally.storeRows += bucket.versions;
  tally.agreeing += agreeing;
  tally.explained.rejected += bucket.rejected;
  tally.explained.held += bucket.held;
  tally.explained.loading += bucket.loading;
  tally.explained.notOurs += bucket.notOurs;
  tally.source.agreeing += agreeing;
  tally.source.explained += bucket.refusedInSource + bucket.notOurs;
  tally.store.agreeing += bucket.versions - bucket.refusedInStore;
  tally.store.explained += bucket.refusedInStore;
}

/**
 * A row that is looked at by itself. Refused deletes of what the store never had are on no side. `times`: -1 for one that was
 * counted, and turns out to stand otherwise.
 */
export function countRow(tally: Tally, { source, versions }: RowSides, standing: Standing, times: 1 | -1 = 1): void {
  const inSource = source === null ? 0 : times;
  const inStore = versions.length * times;
  if (inSource === 0 && inStore === 0) return;
  tally.sourceRows += inSource;
  tally.storeRows += inStore;
  if (standing.kind === 'agreeing') tally.agreeing += times;
  else if (standing.kind === 'explained') tally.explained[standing.by] += times;
  else tally.unexplained += times;
  const side = standing.kind === 'open' ? 'unexplained' : standing.kind;
  tally.source[side] += inSource;
  tally.store[side] += inStore;
}

/** Do both equations hold, and is what agrees the same number of rows on both sides? */
export function closes({ sourceRows, storeRows, agreeing, source, store }: Tally): boolean {
  return (
    sourceRows === source.agreeing + source.explained + source.unexplained &&
    storeRows === store.agreeing + store.explained + store.unexplained &&
    agreeing === source.agreeing &&
    agreeing === store.agreeing
  );
}
