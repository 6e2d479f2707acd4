import type { KafkaConnection } from './connection.ts';
import type { FetchedRecord } from './contract.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';
import { readRecords } from './record-reader.ts';
import { TopicReader } from './topic-reader.ts';
import { partitionName } from '../avro/progress.ts';

/**
 * Where a record stands to what is looked for: before it (negative), at it (0), after it (positive), or null when it can
 * not be said: a tombstone, or what can not be decoded.
 */
export type Standing = (topic: string, record: FetchedRecord) => Promise<number | null>;

export interface SearchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Records at what is looked for, at most `max`. */
  readonly matches: readonly FetchedRecord[];
  /** Those of which it can not be said, where it would be. */
  readonly unclear: readonly FetchedRecord[];
  /** The first offset at which nothing before what is looked for can lie any more. */
  readonly from: number;
  /** The end of the partition when it was looked at. */
  readonly end: number;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

const windowBytes = 64 * 1024;
const patienceMs = 10_000;

/**
 * Looks for records in topics whose partitions are in the order in which `standing` puts them, by halving: a few fetches
 * however long a topic is. Every partition is looked at, or only the one with the number.
 */
export async function searchRecords(
  connection: KafkaConnection,
  topics: readonly string[],
  standing: Standing,
  max: number,
  onlyPartition: number | null = null,
): Promise<readonly SearchedPartition[]> {
  const reader = await TopicReader.open(connection, topics);
  try {
    const [earliest, latest] = await Promise.all([reader.listOffsets('earliest'), reader.listOffsets('latest')]);
    const places = topics.flatMap((topic) =>
      Array.from({ length: reader.partitionCount(topic) }, (_, partition) => ({ topic, partition })).filter(
        ({ partition }) => onlyPartition === null || partition === onlyPartition,
      ),
    );
    const found: SearchedPartition[] = [];
    for (const place of places) {
      const name = partitionName(place.topic, place.partition);
      const search = new PartitionSearch(reader, place, standing);
      found.push(await search.run(earliest.get(name) ?? 0, latest.get(name) ?? 0, max));
    }
    return found;
  } finally {
    await reader.close();
  }
}

class PartitionSearch {
  readonly #reader: TopicReader;
  readonly #place: Place;
  readonly #standing: Standing;

  constructor(reader: TopicReader, place: Place, standing: Standing) {
    this.#reader = reader;
    this.#place = place;
    this.#standing = standing;
  }

  async run(earliest: number, end: number, max: number): Promise<SearchedPartition> {
    // Everything below `low` is before what is looked for, and everything from `high` on is not.
    let low = earliest;
    let high = end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const first = await this.#firstClear(middle, high);
      if (first === null || first.standing >= 0) high = middle;
      else low = first.lastBefore + 1;
    }
    return { ...this.#place, ...(await this.#collect(low, end, max)), from: low, end };
  }

  /** The first record from an offset on of which it can be said, and the last of its fetch that is before the goal. */
  async #firstClear(from: number, to: number): Promise<{ standing: number; lastBefore: number } | null> {
    for (let offset = from; offset < to; ) {
      const { records, nextOffset } = await this.#fetch(offset);
      let first: { standing: number; lastBefore: number } | null = null;
      for (const record of records) {
        if (record.offset >= to) break;
        const standing = await this.#standing(this.#place.topic, record);
        if (standing === null) continue;
        first ??= { standing, lastBefore: record.offset };
        if (standing >= 0) break;
        first.lastBefore = record.offset;
      }
      if (first !== null) return first;
      if (nextOffset <= offset) return null;
      offset = nextOffset;
    }
    return null;
  }

  async #collect(
    from: number,
    end: number,
    max: number,
  ): Promise<{ matches: readonly FetchedRecord[]; unclear: readonly FetchedRecord[] }> {
    const matches: FetchedRecord[] = [];
    const unclear: FetchedRecord[] = [];
    for (let offset = from; offset < end; ) {
      const { records, nextOffset } = await this.#fetch(offset);
      for (const record of records) {
        const standing = await this.#standing(this.#place.topic, record);
        if (standing === null && record.value !== null) unclear.push(record);
        if (standing !== null && standing > 0) return { matches, unclear };
        if (standing === 0) matches.push(record);
        if (matches.length >= max) return { matches, unclear };
      }
      if (nextOffset <= offset) break;
      offset = nextOffset;
    }
    return { matches, unclear };
  }

  async #fetch(offset: number): Promise<{ records: readonly FetchedRecord[]; nextOffset: number }> {
    const { topic, partition } = this.#place;
    const begun = performance.now();
    for (;;) {
      try {
        const answer = await this.#reader.fetch(
          this.#reader.leaderOf(topic, partition),
          [{ topic, partition, offset }],
          {
            maxWaitMs: 50,
            bytesMax: windowBytes,
            partitionBytesMax: windowBytes,
            connection: 1,
          },
        );
        const [fetched] = answer.partitions;
        if (fetched === undefined || fetched.errorCode !== 0) throw errorOfCode(fetched?.errorCode ?? answer.errorCode);
        return readRecords(fetched.recordSet, offset, fetched.abortedTransactions);
      } catch (cause) {
        const isTooLate = performance.now() - begun > patienceMs;
        if (!isPassing(cause) || isTooLate) throw kafkaFault(cause, `looking for a record in ${topic}`);
        await this.#reader.refresh(cause).catch(() => {});
      }
    }
  }
}
