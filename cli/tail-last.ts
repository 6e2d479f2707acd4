import { comparePositions, type Position } from '../avro/position.ts';
import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from '../topics/connection.ts';
import type { FetchedRecord } from '../topics/contract.ts';
import { readOffsets } from '../topics/offsets.ts';
import { type PartitionRange, readRanges } from '../topics/range-reader.ts';

/** A record, and the partition in which it lies. */
export interface PlacedRecord {
  readonly partition: number;
  readonly record: FetchedRecord;
}

/** Offsets are also taken by what is no record: the end of each transaction. So many are read for each record at first. */
const offsetsPerRecord = 4;

/** The last records of each of the ranges that `isWanted` takes, so many of each, in the order of offsets. */
export async function lastOfEach(
  kafka: KafkaConnection,
  topic: string,
  ranges: readonly PartitionRange[],
  count: number,
  isWanted: (record: FetchedRecord) => boolean,
  signal: AbortSignal,
): Promise<readonly (readonly PlacedRecord[])[]> {
  const ends = await readOffsets(kafka, [topic]);
  const parts = ranges.map(({ partition, from }) => {
    const earliest = ends.get(partitionName(topic, partition))?.earliest ?? 0;
    return { partition, earliest, begin: from, found: [] as PlacedRecord[] };
  });
  for (let span = count * offsetsPerRecord; !signal.aborted; span *= 8) {
    const open = parts.filter(({ found, begin, earliest }) => found.length < count && begin > earliest);
    if (open.length === 0) break;
    const older = new Map(open.map(({ partition }) => [partition, [] as PlacedRecord[]]));
    const wider = open.map(({ partition, begin, earliest }) => ({
      topic,
      partition,
      from: Math.max(earliest, begin - span),
      to: begin,
    }));
    await readRanges(
      kafka,
      wider,
      ({ partition, records }) => {
        const wanted = records.filter(isWanted).map((record) => ({ partition, record }));
        older.get(partition)?.push(...wanted);
        return Promise.resolve();
      },
      signal,
    );
    for (const [at, part] of open.entries()) {
      part.found = [...(older.get(part.partition) ?? []), ...part.found].slice(-count);
      part.begin = wider[at]?.from ?? part.earliest;
    }
  }
  return parts.map(({ found }) => found);
}

/**
 * The newest of several partitions, in the order of commits. What has no position (it can not be read) counts as new as
 * what comes after it in its partition.
 */
export function newestOf<R>(
  partitions: readonly (readonly R[])[],
  positionOf: (record: R) => Position | null,
  count: number,
): readonly R[] {
  const ranked = partitions.flatMap((records) => {
    let after: Position | null = null;
    return records
      .toReversed()
      .map((record) => {
        after = positionOf(record) ?? after;
        return { record, at: after };
      })
      .toReversed();
  });
  const newer = (a: Position | null, b: Position | null): number => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    return comparePositions(a, b);
  };
  return ranked
    .toSorted((a, b) => newer(a.at, b.at))
    .slice(-count)
    .map(({ record }) => record);
}
