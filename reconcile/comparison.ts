import { type Explanation, isBereft, type RowSides, type Standing, standingOf } from './agreement.ts';
import type { Buckets } from './digests.ts';
import { type Circumstances, examine, type Finding } from './evidence.ts';
import { type BothSides, bucketRowsOfKeys, overruledRows, rowsOfBuckets } from './rows.ts';
import { countBucket, countRow, emptyTally, type Tally } from './tally.ts';
import { addUnchanged, countUnchanged, emptyUnchanged, takeUnchanged } from './unchanged.ts';

/** Rows that are looked at closely at once. */
const rowsPerBatch = 1_000;
/** Rows whose events are looked up at once: a batch costs no more than some passes over their topics, whatever its size. */
const lookedUpAtOnce = 10_000;
/** At least so many rows are kept to be looked at again; of more than are listed only the number is told. */
const keptMin = 1_000;

/** An open row: as it was at the point, and what was found. */
export interface OpenRow {
  readonly row: RowSides;
  readonly finding: Finding;
}

/** One table at the point. */
export interface TableComparison {
  readonly tally: Tally;
  /** Not counted yet. */
  readonly open: OpenRow[];
  /** Some of the rows that only a close look explained. */
  readonly explained: Finding[];
  /** Rows that were looked at one by one. */
  readonly looked: number;
}

/** Counts the buckets that are the same, and reads those that differ, row by row, in bounded memory. */
export async function compareTable(
  both: BothSides,
  buckets: Buckets,
  isSince: boolean,
  circumstances: Circumstances,
  listedMax: number,
): Promise<TableComparison> {
  const keptMax = Math.max(keptMin, listedMax);
  const tally = emptyTally();
  const unchanged = emptyUnchanged();
  for (const bucket of buckets.same) {
    if (isSince) addUnchanged(unchanged, bucket);
    else countBucket(tally, bucket);
  }
  const open: OpenRow[] = [];
  const explained: Finding[] = [];
  let looked = 0;
  let batch: RowSides[] = [];
  const examineBatch = async (): Promise<void> => {
    const findings = await examine(both, batch, circumstances);
    for (const [at, finding] of findings.entries()) take(batch[at], finding);
    batch = [];
  };
  const take = (row: RowSides | undefined, finding: Finding): void => {
    if (row === undefined) return;
    if (finding.by !== null) {
      countRow(tally, row, { kind: 'explained', by: finding.by });
      if (explained.length < keptMax) explained.push(finding);
    } else if (open.length < keptMax) open.push({ row, finding });
    else countRow(tally, row, { kind: 'open' });
  };
  for await (const { row, isOfSame } of isSince ? rowsSince(both, buckets) : rowsOf(both, buckets)) {
    looked += 1;
    if (isOfSame) takeUnchanged(unchanged, row);
    const standing = standingOf(row);
    if (standing.kind !== 'open') {
      countRow(tally, row, standing);
      continue;
    }
    batch.push(row);
    if (batch.length >= rowsPerBatch) await examineBatch();
  }
  await examineBatch();
  countUnchanged(tally, unchanged);
  if (refusals.every((by) => tally.explained[by] === 0)) return { tally, open, explained, looked };
  for await (const rows of overruledRows(both, lookedUpAtOnce)) {
    const overruled = rows.filter(isOverruled);
    const findings = await examine(both, overruled, circumstances);
    for (const [at, finding] of findings.entries()) {
      const row = overruled[at];
      const standing = row === undefined ? null : standingOf(row);
      if (row === undefined || standing?.kind !== 'explained' || standing.by === finding.by) continue;
      countRow(tally, row, standing, -1);
      take(row, finding);
    }
  }
  return { tally, open, explained, looked };
}

const refusals: readonly Explanation[] = ['rejected', 'held', 'loading'];

/** Is it explained by a refused event, and has, or had, a good version that somebody may have changed? */
export function isOverruled(row: RowSides): boolean {
  const standing: Standing = standingOf(row);
  return (row.versions.length > 0 || isBereft(row)) && standing.kind === 'explained' && refusals.includes(standing.by);
}

interface ComparedRow {
  readonly row: RowSides;
  /** Its bucket is counted as unchanged: the row must be taken from that. */
  readonly isOfSame: boolean;
}

async function* rowsOf(both: BothSides, { size, different }: Buckets): AsyncGenerator<ComparedRow> {
  if (different.length === 0) return;
  for await (const row of rowsOfBuckets(both, size, different)) yield { row, isOfSame: false };
}

/** The rows that were written since the base, and every row of the buckets whose keys are not the same. */
async function* rowsSince(both: BothSides, buckets: Buckets): AsyncGenerator<ComparedRow> {
  yield* rowsOf(both, buckets);
  const different = new Set(buckets.different);
  const keys = [...buckets.fresh];
  for (let from = 0; from < keys.length; from += rowsPerBatch) {
    for (const { row, bucket } of await bucketRowsOfKeys(both, buckets.size, keys.slice(from, from + rowsPerBatch))) {
      if (!different.has(bucket)) yield { row, isOfSame: true };
    }
  }
}
