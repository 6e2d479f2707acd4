import type { RowSides } from './agreement.ts';
import type { Bucket } from './digests.ts';
import type { Tally } from './tally.ts';

/**
 * The rows of a table that nobody has written since the run before: they stand as they stood then. Those that are refused,
 * held or on their way are never among them, so that a row of both sides agrees, and a row of the source alone is not ours.
 */
export interface Unchanged {
  sourceRows: number;
  notOurs: number;
  versions: number;
}

export function emptyUnchanged(): Unchanged {
  return { sourceRows: 0, notOurs: 0, versions: 0 };
}

/** A bucket that has the same keys on both sides. */
export function addUnchanged(unchanged: Unchanged, bucket: Bucket): void {
  unchanged.sourceRows += bucket.source.rows;
  unchanged.notOurs += bucket.notOurs;
  unchanged.versions += bucket.versions;
}

/** A row of such a bucket that is looked at, and so counted by itself. */
export function takeUnchanged(unchanged: Unchanged, { source, versions }: RowSides): void {
  if (source?.notOurs === true) unchanged.notOurs -= 1;
  else if (source !== null) unchanged.sourceRows -= 1;
  unchanged.versions -= versions.length;
}

export function countUnchanged(tally: Tally, { sourceRows, notOurs, versions }: Unchanged): void {
  tally.sourceRows += sourceRows + notOurs;
  tally.storeRows += versions;
  tally.agreeing += sourceRows;
  tally.explained.notOurs += notOurs;
  tally.source.agreeing += sourceRows;
  tally.source.explained += notOurs;
  tally.store.agreeing += versions;
}
