import { type RowSides, standingOf } from './agreement.ts';
import type { Buckets } from './digests.ts';
import { examine, type Finding, type SourceProgress } from './evidence.ts';
import { type BothSides, rowsOfBuckets } from './rows.ts';
import { countBucket, countRow, emptyTally, type Tally } from './tally.ts';

/** Rows that are looked at closely at once. */
const rowsPerBatch = 1_000;
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
}

/** Counts the buckets that are the same, and reads those that differ, row by row, in bounded memory. */
export async function compareTable(
  both: BothSides,
  buckets: Buckets,
  progress: SourceProgress,
  source: string,
  listedMax: number,
): Promise<TableComparison> {
  const keptMax = Math.max(keptMin, listedMax);
  const tally = emptyTally();
  for (const bucket of buckets.same) countBucket(tally, bucket);
  const open: OpenRow[] = [];
  const { different } = buckets;
  if (different.length === 0) return { tally, open };
  let batch: RowSides[] = [];
  const examineBatch = async (): Promise<void> => {
    const findings = batch.length === 0 ? [] : await examine(both, batch, progress, source);
    for (const [at, finding] of findings.entries()) {
      const row = batch[at];
      if (row === undefined) continue;
      if (finding.by !== null) countRow(tally, row, { kind: 'explained', by: finding.by });
      else if (open.length < keptMax) open.push({ row, finding });
      else countRow(tally, row, { kind: 'open' });
    }
    batch = [];
  };
  for await (const row of rowsOfBuckets(both, buckets.size, different)) {
    const standing = standingOf(row);
    if (standing.kind !== 'open') {
      countRow(tally, row, standing);
      continue;
    }
    batch.push(row);
    if (batch.length >= rowsPerBatch) await examineBatch();
  }
  await examineBatch();
  return { tally, open };
}
