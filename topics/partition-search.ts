import type { FetchedRecord } from './contract.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';
import { readRecords } from './record-reader.ts';
import type { TopicReader } from './topic-reader.ts';

/**
 * Where a record stands to what is looked for: before it (negative), at it (0), after it (positive), or null when it can
 * not be said: a tombstone, or what can not be decoded.
 */
export type Standing = (topic: string, record: FetchedRecord) => Promise<number | null>;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

interface Window {
  readonly from: number;
  readonly records: readonly FetchedRecord[];
  readonly nextOffset: number;
}

const windowBytes = 64 * 1024;
const patienceMs = 10_000;
/** About what lies in a window. */
const firstStride = 500;

/** Looks for records in one partition, in which they are in the order in which `standing` puts them. */
export class PartitionSearch {
  readonly #reader: TopicReader;
  readonly #place: Place;
  readonly #standing: Standing;
  /** What was fetched last: the next thing that is looked for may lie in it. */
  #window: Window | null = null;

  constructor(reader: TopicReader, place: Place, standing: Standing) {
    this.#reader = reader;
    this.#place = place;
    this.#standing = standing;
  }

  /**
   * The first offset at which nothing before what is looked for can lie any more. Everything below `low` is before it, and
   * everything from `high` on is not.
   */
  async halve(low: number, high: number): Promise<number> {
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const first = await this.#firstClear(middle, high);
      if (first === null || first.standing >= 0) high = middle;
      else if (first.isFollowed) return first.lastBefore + 1;
      else low = first.lastBefore + 1;
    }
    return low;
  }

  /** The same where it is not far from `low`: by strides that double. */
  async stride(low: number, high: number): Promise<number> {
    for (let at = low, stride = firstStride; at < high; at = low + stride, stride *= 2) {
      const first = await this.#firstClear(at, high);
      if (first === null || first.standing >= 0) return this.halve(low, at);
      if (first.isFollowed) return first.lastBefore + 1;
      low = first.lastBefore + 1;
    }
    return this.halve(low, high);
  }

  /** The records at what is looked for, at most `max` of those that are wanted, and those of which it can not be said. */
  async collect(
    from: number,
    end: number,
    max: number,
    isWanted: (record: FetchedRecord) => boolean = () => true,
  ): Promise<{ matches: readonly FetchedRecord[]; unclear: readonly FetchedRecord[] }> {
    const matches: FetchedRecord[] = [];
    const unclear: FetchedRecord[] = [];
    for (let offset = from; offset < end; ) {
      const { records, nextOffset } = await this.#fetch(offset);
      for (const record of records) {
        const standing = await this.#standing(this.#place.topic, record);
        if (standing === null && record.value !== null) unclear.push(record);
        if (standing !== null && standing > 0) return { matches, unclear };
        if (standing === 0 && isWanted(record)) matches.push(record);
        if (matches.length >= max) return { matches, unclear };
      }
      if (nextOffset <= offset) break;
      offset = nextOffset;
    }
    return { matches, unclear };
  }

  /**
   * The first record from an offset on of which it can be said, and the last of its fetch that is before the goal;
   * `isFollowed`: by one that is not.
   */
  async #firstClear(
    from: number,
    to: number,
  ): Promise<{ standing: number; lastBefore: number; isFollowed: boolean } | null> {
    for (let offset = from; offset < to; ) {
      const { records, nextOffset } = await this.#fetch(offset);
      let first: { standing: number; lastBefore: number; isFollowed: boolean } | null = null;
      for (const record of records) {
        if (record.offset >= to) break;
        const standing = await this.#standing(this.#place.topic, record);
        if (standing === null) continue;
        first ??= { standing, lastBefore: record.offset, isFollowed: false };
        if (standing >= 0) {
          first.isFollowed = true;
          break;
        }
        first.lastBefore = record.offset;
      }
      if (first !== null) return first;
      if (nextOffset <= offset) return null;
      offset = nextOffset;
    }
    return null;
  }

  async #fetch(offset: number): Promise<Omit<Window, 'from'>> {
    const last = this.#window;
    if (last !== null && last.from <= offset && offset < last.nextOffset)
      return { records: last.records.filter((record) => record.offset >= offset), nextOffset: last.nextOffset };
    const fetched = await this.#fetchAnew(offset);
    this.#window = { from: offset, ...fetched };
    return fetched;
  }

  async #fetchAnew(offset: number): Promise<Omit<Window, 'from'>> {
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
