import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { FetchedBatch } from './contract.ts';
import type { FetchedPartition } from './fetch-response.ts';
import { isPassing, kafkaFault } from './kafka-fault.ts';
import { errorOfCode } from './kafkajs-internals.ts';
import { readRecords } from './record-reader.ts';
import type { TopicReader, WantedPartition } from './topic-reader.ts';

export interface FetcherLimits {
  /** A fetch without data comes back after so long. What is resumed meanwhile does not wait for it. */
  readonly maxWaitMs: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  /** The watchdog: data is there, nobody paused, and nothing came for so long. */
  readonly stallLimitMs: number;
  /** Kafka may be away for so long before it is a fault. */
  readonly outageLimitMs: number;
}

export const fetcherLimits: FetcherLimits = {
  maxWaitMs: 200,
  bytesMax: 2 * 1024 * 1024,
  partitionBytesMax: 512 * 1024,
  stallLimitMs: 30_000,
  outageLimitMs: 5_000,
};

/** Error codes that only say that our knowledge of the cluster is old, or not yet complete. */
const staleMetadata = new Set([3, 5, 6, 9, 74, 75, 76, 100, 103]);
const offsetOutOfRange = 1;

interface Partition {
  readonly topic: string;
  readonly partition: number;
  position: number;
  paused: boolean;
  inFlight: boolean;
  /** Resumed, or has just brought data: worth a fetch of its own while the long one is still waiting. */
  fresh: boolean;
  /** Came while it was paused. */
  held: FetchedPartition | null;
  /** When it last had no reason to complain: moved, was at the end, or was paused. */
  contentAt: number;
}

/**
 * Fetches a set of partitions and delivers each batch, in the order of the partition, one at a time. `deliver` returns
 * the offset to go on from: the batch's next offset, or another one to seek. Everything that goes wrong and stays wrong
 * is one call of `fail`, after which nothing is delivered.
 */
export class Fetcher {
  readonly #reader: TopicReader;
  readonly #limits: FetcherLimits;
  readonly #deliver: (batch: FetchedBatch) => number;
  readonly #fail: (cause: unknown) => void;
  readonly #partitions = new Map<string, Partition>();
  /** `node/connection` of the fetches that are under way. */
  readonly #busy = new Set<string>();
  #running = true;
  #turn = 0;
  #outageSince: number | null = null;
  #refreshing: Promise<void> | null = null;
  readonly #watchdog: NodeJS.Timeout;

  constructor(
    reader: TopicReader,
    starts: readonly WantedPartition[],
    limits: FetcherLimits,
    deliver: (batch: FetchedBatch) => number,
    fail: (cause: unknown) => void,
  ) {
    this.#reader = reader;
    this.#limits = limits;
    this.#deliver = deliver;
    this.#fail = fail;
    const now = performance.now();
    for (const { topic, partition, offset } of starts) {
      this.#partitions.set(partitionName(topic, partition), {
        topic,
        partition,
        position: offset,
        paused: false,
        inFlight: false,
        fresh: true,
        held: null,
        contentAt: now,
      });
    }
    this.#watchdog = setInterval(() => this.#watch(), Math.min(1_000, limits.stallLimitMs / 2));
    this.#watchdog.unref();
  }

  start(): void {
    this.#pump();
  }

  pause(topic: string, partition: number): void {
    const found = this.#partitions.get(partitionName(topic, partition));
    if (found !== undefined) found.paused = true;
  }

  resume(topic: string, partition: number): void {
    const found = this.#partitions.get(partitionName(topic, partition));
    if (found === undefined || !found.paused) return;
    found.paused = false;
    found.fresh = true;
    found.contentAt = performance.now();
    // Not at once: the caller may be in the middle of taking from the buffer that this would fill.
    setImmediate(() => this.#release(found));
  }

  /** Nothing is delivered any more from here on. The reader stays open. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#watchdog);
  }

  /** Issues a fetch for each leader that has none under way, and a second one, that does not wait, for fresh partitions. */
  #pump(): void {
    if (!this.#running || this.#refreshing !== null) return;
    const byLeader = new Map<number, Partition[]>();
    try {
      for (const one of this.#partitions.values()) {
        if (one.paused || one.inFlight || one.held !== null) continue;
        const leader = this.#reader.leaderOf(one.topic, one.partition);
        const partitions = byLeader.get(leader);
        if (partitions === undefined) byLeader.set(leader, [one]);
        else partitions.push(one);
      }
    } catch (cause) {
      this.#stopWith(kafkaFault(cause, 'fetching'));
      return;
    }
    for (const [leader, partitions] of byLeader) {
      if (!this.#busy.has(`${leader}/1`)) this.#launch(leader, partitions, 1);
      else if (!this.#busy.has(`${leader}/0`)) {
        const fresh = partitions.filter((one) => one.fresh);
        if (fresh.length > 0) this.#launch(leader, fresh, 0);
      }
    }
  }

  #launch(leader: number, partitions: readonly Partition[], connection: 0 | 1): void {
    const slot = `${leader}/${connection}`;
    this.#busy.add(slot);
    for (const one of partitions) one.inFlight = true;
    void this.#fetch(leader, partitions, connection)
      .catch((cause: unknown) => this.#recover(cause))
      .finally(() => {
        this.#busy.delete(slot);
        for (const one of partitions) one.inFlight = false;
        this.#pump();
      });
  }

  async #fetch(leader: number, partitions: readonly Partition[], connection: 0 | 1): Promise<void> {
    // A broker fills its answer in the order of the request, and may cut a batch off that is not the first: everyone
    // must come first now and then.
    const first = this.#turn++ % partitions.length;
    const wanted = [...partitions.slice(first), ...partitions.slice(0, first)].map(
      ({ topic, partition, position }) => ({
        topic,
        partition,
        offset: position,
      }),
    );
    const { bytesMax, partitionBytesMax } = this.#limits;
    const maxWaitMs = connection === 1 ? this.#limits.maxWaitMs : 0;
    const answer = await this.#reader.fetch(leader, wanted, { maxWaitMs, bytesMax, partitionBytesMax, connection });
    if (answer.errorCode !== 0) throw errorOfCode(answer.errorCode);
    const full = answer.partitions.filter(({ recordSet }) => recordSet.length > 0).length;
    let stale: number | null = null;
    for (const fetched of answer.partitions) {
      if (!this.#running) return;
      const one = this.#partitions.get(partitionName(fetched.topic, fetched.partition));
      if (one === undefined) continue;
      if (fetched.errorCode !== 0) {
        if (fetched.errorCode === offsetOutOfRange) throw await this.#outOfRange(one);
        if (!staleMetadata.has(fetched.errorCode)) throw errorOfCode(fetched.errorCode);
        stale = fetched.errorCode;
      } else if (fetched.recordSet.length === 0) {
        one.fresh = false;
        if (one.position >= fetched.lastStableOffset) one.contentAt = performance.now();
      } else {
        one.fresh = true;
        // What is held longer must not keep the whole answer, other partitions' data included, alive.
        if (one.paused) one.held = { ...fetched, recordSet: Buffer.from(fetched.recordSet) };
        else {
          this.#take(one, fetched);
          if (full > 1) await yieldToOthers();
        }
      }
    }
    if (stale !== null) throw errorOfCode(stale);
    this.#outageSince = null;
  }

  #take(one: Partition, fetched: FetchedPartition): void {
    const { topic, partition, position } = one;
    const { records, nextOffset } = readRecords(fetched.recordSet, position, fetched.abortedTransactions);
    if (nextOffset === position) return;
    const { highWatermark } = fetched;
    one.position = this.#deliver({ topic, partition, fetchedOffset: position, nextOffset, highWatermark, records });
    one.contentAt = performance.now();
  }

  #release(one: Partition): void {
    if (!this.#running || one.paused) return;
    const { held } = one;
    if (held !== null) {
      one.held = null;
      try {
        this.#take(one, held);
      } catch (cause) {
        this.#stopWith(cause);
      }
    }
    this.#pump();
  }

  async #recover(cause: unknown): Promise<void> {
    if (!this.#running) return;
    const now = performance.now();
    this.#outageSince ??= now;
    if (!isPassing(cause) || now - this.#outageSince > this.#limits.outageLimitMs) {
      this.#stopWith(kafkaFault(cause, 'fetching'));
      return;
    }
    this.#refreshing ??= this.#refresh(cause).finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #refresh(cause: unknown): Promise<void> {
    try {
      await this.#reader.refresh(cause);
    } catch (again) {
      if (performance.now() - (this.#outageSince ?? 0) > this.#limits.outageLimitMs) {
        this.#stopWith(kafkaFault(again, 'fetching'));
      }
    }
  }

  /** P15: where kafkajs would start again from the beginning or the end without a word, this stops. */
  async #outOfRange(one: Partition): Promise<Fault> {
    const earliest = (await this.#reader.listOffsets('earliest')).get(partitionName(one.topic, one.partition)) ?? 0;
    return offsetFault(one.topic, one.partition, one.position, earliest, one.position < earliest);
  }

  #watch(): void {
    const now = performance.now();
    for (const one of this.#partitions.values()) {
      if (one.paused || now - one.contentAt < this.#limits.stallLimitMs) continue;
      this.#stopWith(
        new Fault(
          'unavailable',
          'TOPIC_STALLED',
          `${one.topic}/${one.partition} has brought nothing since offset ${one.position} for ${this.#limits.stallLimitMs} ms, ` +
            'although there is more, or Kafka does not answer. Reading starts over.',
          { topic: one.topic, partition: one.partition, offset: one.position },
        ),
      );
      return;
    }
  }

  #stopWith(cause: unknown): void {
    if (!this.#running) return;
    this.stop();
    this.#fail(cause);
  }
}

/** `expired`: below the log start; otherwise beyond the end. */
export function offsetFault(topic: string, partition: number, offset: number, bound: number, expired: boolean): Fault {
  const context = { topic, partition, offset, bound };
  return expired
    ? new Fault(
        'gap',
        'TOPIC_DATA_EXPIRED',
        `${topic}/${partition} is to be read from offset ${offset}, but begins at ${bound}: what lies between was deleted ` +
          'before it was read. Load the affected tables again with `concord snapshot`.',
        context,
      )
    : new Fault(
        'gap',
        'TOPIC_MADE_ANEW',
        `${topic}/${partition} is to be read from offset ${offset}, but ends before it (at ${bound}): the topic was deleted and made anew, or ` +
          'Kafka lost data. Decide which is right before anything is applied.',
        context,
      );
}
