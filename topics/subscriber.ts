import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedBatch, LaneListener, LaneSubscriber } from './contract.ts';
import { memberClientId } from './dead-members.ts';
import { withDeadline } from './deadline.ts';
import { Fetcher, type FetcherLimits, fetcherLimits, offsetFault } from './fetcher.ts';
import { GroupMembership, type GroupSettings } from './group-membership.ts';
import { TopicReader, type WantedPartition } from './topic-reader.ts';

export interface SubscriberSettings extends Partial<GroupSettings> {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly limits?: Partial<FetcherLimits>;
  readonly commitHintIntervalMs?: number;
}

/**
 * A consumer group over lanes. Per rebalance: `revoked` of the old lanes is awaited, the group is joined again,
 * `assigned` says where to start, the starts are checked against the log (P15), and only then is anything fetched.
 *
 * `start` resolves when the first assignment is being fetched and rejects with a Fault; later failures go to
 * `listener.fault`, once. `stop` does not call `revoked`.
 */
export function createSubscriber(connection: KafkaConnection, settings: SubscriberSettings): LaneSubscriber {
  return new Subscriber(connection, settings);
}

class Subscriber implements LaneSubscriber {
  readonly #connection: KafkaConnection;
  readonly #settings: SubscriberSettings;
  readonly #stopping = new AbortController();
  #reader: TopicReader | null = null;
  #membership: GroupMembership | null = null;
  #fetcher: Fetcher | null = null;
  #hintTimer: NodeJS.Timeout | undefined;
  #hints = new Map<string, Map<number, number>>();
  #running: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(connection: KafkaConnection, settings: SubscriberSettings) {
    this.#connection = connection;
    this.#settings = settings;
  }

  async start(listener: LaneListener): Promise<void> {
    try {
      const clientId = memberClientId(this.#connection.settings.clientId);
      const reader = await TopicReader.open(this.#connection, this.#settings.topics, clientId);
      this.#reader = reader;
      const laneCount = this.#laneCount(reader);
      const {
        groupId,
        sessionTimeoutMs = 6_000,
        rebalanceTimeoutMs = 30_000,
        heartbeatIntervalMs = 500,
        commitHintIntervalMs = 3_000,
      } = this.#settings;
      this.#membership = new GroupMembership(
        reader,
        laneCount,
        { groupId, sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs },
        this.#connection.log,
      );
      this.#hintTimer = setInterval(() => void this.#flushHints(), commitHintIntervalMs);
      this.#hintTimer.unref();
      const { promise: begun, resolve, reject } = deferred();
      let hasBegun = false;
      const begin = (): void => {
        hasBegun = true;
        resolve();
      };
      this.#running = this.#hold(reader, this.#membership, listener, begin).then(resolve, (cause: unknown) => {
        if (hasBegun) this.#fail(listener, cause);
        else reject(cause);
      });
      await begun;
    } catch (cause) {
      this.#failed = true;
      await this.stop();
      throw cause;
    }
  }

  pause(topic: string, partition: number): void {
    this.#fetcher?.pause(topic, partition);
  }

  resume(topic: string, partition: number): void {
    this.#fetcher?.resume(topic, partition);
  }

  commitHint(topic: string, partition: number, nextOffset: number): void {
    const partitions = this.#hints.get(topic);
    if (partitions === undefined) this.#hints.set(topic, new Map([[partition, nextOffset]]));
    else partitions.set(partition, nextOffset);
  }

  async stop(): Promise<void> {
    clearInterval(this.#hintTimer);
    this.#fetcher?.stop();
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort();
      // Leaving tells the others at once; without it they wait for the session to end.
      const leaving = this.#flushHints().then(() => this.#membership?.leave());
      await withDeadline(leaving, 2_000, () => new Error('too late')).catch(() => {});
    }
    await this.#reader?.close();
    await withDeadline(this.#running, 2_000, () => new Error('too late')).catch(() => {});
  }

  /** One turn per generation of the group. */
  async #hold(
    reader: TopicReader,
    membership: GroupMembership,
    listener: LaneListener,
    begun: () => void,
  ): Promise<void> {
    const { signal } = this.#stopping;
    await membership.putOutTheDead();
    while (!signal.aborted) {
      const lanes = await membership.join();
      if (signal.aborted) return;
      // Heartbeats go on while the listener gets ready, which may take long.
      const rebalance = membership.untilRebalance(signal);
      rebalance.catch(() => {});
      const starts = await this.#startsOf(reader, listener, lanes);
      if (signal.aborted) return;
      this.#fetcher = new Fetcher(
        reader,
        starts,
        { ...fetcherLimits, ...this.#settings.limits },
        (batch) => deliver(listener, batch),
        (cause) => this.#fail(listener, cause),
      );
      this.#fetcher.start();
      begun();
      await rebalance;
      this.#fetcher.stop();
      this.#fetcher = null;
      if (signal.aborted) return;
      await this.#flushHints();
      // Letting go means to finish what is under way, which may take longer than a session.
      await membership.keptAliveDuring(() => listener.revoked(lanes));
    }
  }

  async #startsOf(reader: TopicReader, listener: LaneListener, lanes: readonly number[]): Promise<WantedPartition[]> {
    const offsets = await listener.assigned(lanes);
    const [earliest, latest] = await Promise.all([reader.listOffsets('earliest'), reader.listOffsets('latest')]);
    return lanes.flatMap((partition) =>
      this.#settings.topics.map((topic, index) => {
        const offset = offsets.get(partition)?.[index];
        if (offset === undefined) throw new Error(`no offset to start from for ${topic}/${partition}`);
        const name = partitionName(topic, partition);
        const first = earliest.get(name) ?? 0;
        const end = latest.get(name) ?? 0;
        if (offset < first) throw offsetFault(topic, partition, offset, first, true);
        if (offset > end) throw offsetFault(topic, partition, offset, end, false);
        return { topic, partition, offset };
      }),
    );
  }

  #laneCount(reader: TopicReader): number {
    const counts = this.#settings.topics.map((topic) => reader.partitionCount(topic));
    const [first = 0] = counts;
    if (counts.some((count) => count !== first)) {
      const found = this.#settings.topics.map((topic, index) => `${topic} ${counts[index]}`).join(', ');
      throw new Fault(
        'misconfigured',
        'LANES_UNEQUAL',
        `The topics of a source must have the same number of partitions, but have: ${found}. Make them equal with \`concord topics apply\`.`,
      );
    }
    return first;
  }

  async #flushHints(): Promise<void> {
    const hints = this.#hints;
    this.#hints = new Map();
    await this.#membership?.commit(hints);
  }

  #fail(listener: LaneListener, cause: unknown): void {
    if (this.#failed || this.#stopping.signal.aborted) return;
    this.#failed = true;
    this.#fetcher?.stop();
    listener.fault(cause);
  }
}

function deliver(listener: LaneListener, batch: FetchedBatch): number {
  if (listener.batch(batch)) return batch.nextOffset;
  const expected = listener.expectedOffset(batch.topic, batch.partition);
  if (expected === batch.fetchedOffset)
    throw new Error(`${batch.topic}/${batch.partition}: the expected batch was refused`);
  return expected;
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (cause: unknown) => void } {
  let resolve = (): void => {};
  let reject = (_cause: unknown): void => {};
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
