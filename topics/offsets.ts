import type { KafkaConnection } from './connection.ts';
import { TopicReader } from './topic-reader.ts';

export interface PartitionOffsets {
  /** The first offset that is still there. */
  readonly earliest: number;
  /** The offset of the next record that somebody writes (the high watermark). Transaction markers count. */
  readonly latest: number;
}

/** `partitionName` → offsets, for all partitions of the topics. */
export async function readOffsets(
  connection: KafkaConnection,
  topics: readonly string[],
): Promise<ReadonlyMap<string, PartitionOffsets>> {
  const reader = await TopicReader.open(connection, topics);
  try {
    const [earliest, latest] = await Promise.all([reader.listOffsets('earliest'), reader.listOffsets('latest')]);
    return new Map([...latest].map(([name, offset]) => [name, { earliest: earliest.get(name) ?? 0, latest: offset }]));
  } finally {
    await reader.close();
  }
}

/** `partitionName` → the first offset that was written at the time (epoch milliseconds) or later; the end where there is none. */
export async function offsetsAt(
  connection: KafkaConnection,
  topics: readonly string[],
  timeMs: number,
): Promise<ReadonlyMap<string, number>> {
  const reader = await TopicReader.open(connection, topics);
  try {
    const [latest, found] = await Promise.all([reader.listOffsets('latest'), reader.listOffsets(timeMs)]);
    return new Map(
      [...latest].map(([name, end]) => [name, (found.get(name) ?? -1) < 0 ? end : (found.get(name) ?? end)]),
    );
  } finally {
    await reader.close();
  }
}
