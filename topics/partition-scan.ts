import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedRecord } from './contract.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';
import { readRecords } from './record-reader.ts';
import { type FetchLimits, TopicReader } from './topic-reader.ts';

const patienceMs = 65_000;
const fetchBytesMax = 4 * 1024 * 1024;
const limits: FetchLimits = {
  maxWaitMs: 100,
  bytesMax: fetchBytesMax,
  partitionBytesMax: fetchBytesMax,
  connection: 1,
};

/**
 * Shows the committed records of a topic's only partition in order, from an offset (null: the first that is there) up
 * to another, until `take` says no. Rejects with `RECORDS_LOST` if what it should begin with is not there any more.
 */
export async function scanPartition(
  connection: KafkaConnection,
  topic: string,
  from: number | null,
  to: number,
  take: (record: FetchedRecord) => boolean,
): Promise<void> {
  const reader = await TopicReader.open(connection, [topic]);
  try {
    const earliest = (await reader.listOffsets('earliest')).get(partitionName(topic, 0)) ?? 0;
    if (from !== null && from < earliest) {
      throw new Fault(
        'gap',
        'RECORDS_LOST',
        `${topic} begins at offset ${earliest}, and what stood at ${from} is needed: somebody has deleted records there.`,
        { topic, earliest, from },
      );
    }
    let offset = from ?? earliest;
    let deadline = performance.now() + patienceMs;
    while (offset < to) {
      const { records, nextOffset } = await fetchOnce(reader, topic, offset, deadline);
      for (const record of records) if (record.offset >= to || !take(record)) return;
      if (nextOffset > offset) deadline = performance.now() + patienceMs;
      offset = nextOffset;
    }
  } finally {
    await reader.close();
  }
}

async function fetchOnce(
  reader: TopicReader,
  topic: string,
  offset: number,
  deadline: number,
): Promise<ReturnType<typeof readRecords>> {
  for (;;) {
    try {
      const answer = await reader.fetch(reader.leaderOf(topic, 0), [{ topic, partition: 0, offset }], limits);
      const [fetched] = answer.partitions;
      if (fetched === undefined || fetched.errorCode !== 0) throw errorOfCode(fetched?.errorCode ?? answer.errorCode);
      if (performance.now() > deadline)
        throw new Fault(
          'unavailable',
          'CHECKPOINT_HIDDEN',
          `${topic} can not be read beyond offset ${offset}: a transaction is open on it.`,
          { topic, offset },
        );
      return readRecords(fetched.recordSet, offset, fetched.abortedTransactions);
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      if (!isPassing(cause) || performance.now() > deadline) throw kafkaFault(cause, `reading ${topic}`);
      await reader.refresh(cause).catch((again: unknown) => {
        throw kafkaFault(again, `reading ${topic}`);
      });
    }
  }
}
