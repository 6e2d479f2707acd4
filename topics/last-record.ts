import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedRecord } from './contract.ts';
import type { FetchedPartition } from './fetch-response.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';
import { readRecords } from './record-reader.ts';
import { type FetchLimits, TopicReader } from './topic-reader.ts';

export interface LastRecordsOptions {
  /** Only these keys. It is read backwards from the end until all are found, which is fast however long the topic is. */
  readonly keys?: readonly string[];
  /** How long another producer's open transaction is waited for. Kafka ends one by itself after its time-out. */
  readonly waitMs?: number;
}

/**
 * The last committed record of each key of a topic with one partition; a key whose last record is a tombstone is left
 * out. Reads to the real high watermark as it is at the call (P6): when an open transaction hides the end of the
 * topic, it is waited for, and after `waitMs` (default 65 s) the Fault `CHECKPOINT_HIDDEN` says so.
 */
export async function readLastRecords(
  connection: KafkaConnection,
  topic: string,
  options: LastRecordsOptions = {},
): Promise<ReadonlyMap<string, FetchedRecord>> {
  const reader = await TopicReader.open(connection, [topic]);
  try {
    const name = partitionName(topic, 0);
    const end = (await reader.listOffsets('latest')).get(name) ?? 0;
    const beginning = (await reader.listOffsets('earliest')).get(name) ?? 0;
    const deadline = performance.now() + (options.waitMs ?? 65_000);
    const wanted = options.keys === undefined ? null : new Set(options.keys);
    const last = new Map<string, FetchedRecord>();
    let to = end;
    let window = wanted === null ? end - beginning : 200;
    while (to > beginning) {
      const from = Math.max(beginning, to - window);
      const found = await readRange(reader, topic, from, to, deadline);
      for (const [key, record] of found) {
        // What is already there is later.
        if ((wanted === null || wanted.has(key)) && !last.has(key)) last.set(key, record);
      }
      if (wanted !== null && last.size === wanted.size) break;
      to = from;
      window *= 8;
    }
    for (const [key, { value }] of last) {
      if (value === null) last.delete(key);
    }
    return last;
  } finally {
    await reader.close();
  }
}

async function readRange(
  reader: TopicReader,
  topic: string,
  from: number,
  to: number,
  deadline: number,
): Promise<Map<string, FetchedRecord>> {
  const last = new Map<string, FetchedRecord>();
  let offset = from;
  while (offset < to) {
    const fetched = await fetchOnce(reader, topic, offset, deadline);
    const { records, nextOffset } = readRecords(fetched.recordSet, offset, fetched.abortedTransactions);
    for (const record of records) {
      if (record.offset < to && record.key !== null) last.set(record.key.toString('utf8'), record);
    }
    if (nextOffset === offset && performance.now() > deadline) {
      throw new Fault(
        'unavailable',
        'CHECKPOINT_HIDDEN',
        `${topic} can be read to offset ${fetched.lastStableOffset} of ${to} only: the transaction of another producer is open on it. ` +
          'Only one source may write it; Kafka aborts the open transaction after its time-out.',
        { topic, lastStableOffset: fetched.lastStableOffset, highWatermark: to },
      );
    }
    offset = nextOffset;
  }
  return last;
}

async function fetchOnce(
  reader: TopicReader,
  topic: string,
  offset: number,
  deadline: number,
): Promise<FetchedPartition> {
  const bytesMax = 8 * 1024 * 1024;
  const limits: FetchLimits = { maxWaitMs: 100, bytesMax, partitionBytesMax: bytesMax, connection: 1 };
  for (;;) {
    try {
      const answer = await reader.fetch(reader.leaderOf(topic, 0), [{ topic, partition: 0, offset }], limits);
      const [fetched] = answer.partitions;
      if (fetched === undefined || fetched.errorCode !== 0) throw errorOfCode(fetched?.errorCode ?? answer.errorCode);
      return fetched;
    } catch (cause) {
      if (!isPassing(cause) || performance.now() > deadline) {
        throw kafkaFault(cause, `reading the last records of ${topic}`);
      }
      await reader.refresh(cause).catch((again: unknown) => {
        throw kafkaFault(again, `reading the last records of ${topic}`);
      });
    }
  }
}
