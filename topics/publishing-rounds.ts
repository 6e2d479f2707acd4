import { partitionName } from '../avro/progress.ts';
import type { PartitionRecords } from './contract.ts';
import { BatchMessage } from './produce-request.ts';
import { batchHeaderBytes, encodeHeaders, recordBytes } from './record-batch.ts';
import type { TopicBatch } from './transaction-session.ts';

/** What goes into one produce request: at most one batch per partition. */
export interface Round {
  readonly batches: readonly TopicBatch[];
  /** `partitionName` → records sent. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * Cuts records into batches that a broker takes, and deals the batches out into rounds: the first batch of every
 * partition, then the second of those that have one, and so on. `sequences` is read when a round is taken, after the
 * one before it was acknowledged.
 */
export function* splitIntoRounds(
  records: readonly PartitionRecords[],
  sequences: ReadonlyMap<string, number>,
  batchBytesMax: number,
): Generator<Round> {
  let open = records
    .map((one) => ({ one, headers: encodeHeaders(one.headers), from: 0 }))
    .filter(({ one }) => one.keys.length > 0);
  for (const { one } of open) {
    if (one.keys.length !== one.values.length) throw new Error('as many keys as values');
  }
  if (new Set(open.map(({ one }) => partitionName(one.topic, one.partition))).size !== open.length) {
    throw new Error('a partition may come only once in a send');
  }
  while (open.length > 0) {
    const batches: TopicBatch[] = [];
    const counts = new Map<string, number>();
    for (const part of open) {
      const { topic, partition, keys, values } = part.one;
      const to = endOfBatch(part.one, part.headers.length, part.from, batchBytesMax);
      const name = partitionName(topic, partition);
      const batch = { keys, values, from: part.from, to, headers: part.headers };
      batches.push({ topic, message: new BatchMessage(partition, batch, sequences.get(name) ?? 0) });
      counts.set(name, to - part.from);
      part.from = to;
    }
    yield { batches, counts };
    open = open.filter(({ one, from }) => from < one.keys.length);
  }
}

function endOfBatch(records: PartitionRecords, headerBytes: number, from: number, batchBytesMax: number): number {
  let bytes = batchHeaderBytes;
  for (let at = from; at < records.keys.length; at++) {
    bytes += recordBytes(records.keys[at] ?? null, records.values[at] ?? null, headerBytes, at - from);
    if (bytes > batchBytesMax && at > from) return at;
  }
  return records.keys.length;
}
