import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedBatch, NextOffsets } from './contract.ts';
import { createFollower } from './follower.ts';
import { readOffsets } from './offsets.ts';

/**
 * Hands over every committed record of the topics, from the first to where they end now, each partition in order.
 * Resolves with the offsets up to which it was read.
 */
export async function readWholeTopics(
  connection: KafkaConnection,
  topics: readonly string[],
  take: (batch: FetchedBatch) => void,
): Promise<NextOffsets> {
  const offsets = await readOffsets(connection, topics);
  const ends = new Map([...offsets].map(([name, { latest }]) => [name, latest]));
  const open = new Set([...offsets].filter(([, { earliest, latest }]) => latest > earliest).map(([name]) => name));
  if (open.size === 0) return ends;
  const follower = createFollower(connection, topics);
  try {
    await new Promise<void>((resolve, reject) => {
      const takeUpToTheEnd = (batch: FetchedBatch): void => {
        const name = partitionName(batch.topic, batch.partition);
        const end = ends.get(name) ?? 0;
        if (!open.has(name)) return;
        take({ ...batch, records: batch.records.filter(({ offset }) => offset < end) });
        if (batch.nextOffset >= end) open.delete(name);
        if (open.size === 0) resolve();
      };
      follower
        .start((batch) => {
          try {
            takeUpToTheEnd(batch);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        }, reject)
        .catch(reject);
    });
  } finally {
    await follower.stop();
  }
  return ends;
}
