import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedBatch } from './contract.ts';
import { Fetcher, fetcherLimits } from './fetcher.ts';
import { TopicReader } from './topic-reader.ts';

/** A part of a partition. */
export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Exclusive; null for no end: it is followed. */
  readonly to: number | null;
}

/**
 * Hands over the committed records of the ranges, each partition in order, in no group, so that nothing is left behind on the
 * broker. The next batch of a partition comes when `take` has resolved. Resolves at the end of all ranges, or soon after
 * the signal aborts; nothing is handed over then.
 */
export async function readRanges(
  connection: KafkaConnection,
  ranges: readonly PartitionRange[],
  take: (batch: FetchedBatch) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const open = new Map(
    ranges
      .filter(({ from, to }) => to === null || from < to)
      .map((one) => [partitionName(one.topic, one.partition), one]),
  );
  if (open.size === 0 || signal.aborted) return;
  const reader = await TopicReader.open(connection, [...new Set([...open.values()].map(({ topic }) => topic))]);
  const starts = [...open.values()].map(({ topic, partition, from }) => ({ topic, partition, offset: from }));
  let work: Promise<void> = Promise.resolve();
  let fetcher: Fetcher | null = null;
  try {
    await new Promise<void>((resolve, reject) => {
      const reading = new Fetcher(reader, starts, fetcherLimits, deliver, reject);
      fetcher = reading;

      function deliver(batch: FetchedBatch): number {
        const { topic, partition, nextOffset } = batch;
        const name = partitionName(topic, partition);
        const range = open.get(name);
        reading.pause(topic, partition);
        if (range === undefined) return nextOffset;
        const end = range.to ?? Number.POSITIVE_INFINITY;
        const records = batch.records.filter(({ offset }) => offset >= range.from && offset < end);
        work = work.then(async () => {
          if (signal.aborted) return;
          await take({ ...batch, records });
          if (nextOffset < end) reading.resume(topic, partition);
          else open.delete(name);
          if (open.size === 0) resolve();
        });
        work.catch(reject);
        return nextOffset;
      }

      signal.addEventListener('abort', () => resolve(), { once: true });
      reading.start();
    });
    await work;
  } finally {
    (fetcher as Fetcher | null)?.stop();
    await reader.close();
  }
}
