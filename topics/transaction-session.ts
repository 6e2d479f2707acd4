import { setTimeout as sleep } from 'node:timers/promises';
import { partitionName } from '../avro/progress.ts';
import { isAddressed, isAnswer, isPassing } from './kafka-fault.ts';
import { errorOfCode, type InternalBroker, type InternalCluster } from './kafkajs-internals.ts';
import type { BatchMessage } from './produce-request.ts';

/** A record batch and the topic that it goes to. */
export interface TopicBatch {
  readonly topic: string;
  readonly message: BatchMessage;
}

export interface Acknowledged {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
}

const transactionCoordinator = 1;
const unknownTopic = 3;
const concurrentTransactions = 'CONCURRENT_TRANSACTIONS';

/**
 * The first waits are short because the most frequent reason is that the markers of the transaction before are not
 * written yet, which takes a few milliseconds. All of them together take 3 to 4 seconds: what lasts longer is a fault,
 * and the loop outside, which is visible, does the waiting.
 */
const waitsMs = [1, 1, 2, 3, 5, 8, 13, 20, 30, 50, 80, 120, 200, 300, 500, 500, 500, 500, 500];

/**
 * Kafka's transaction protocol (KIP-98) over kafkajs' connections: one request after the other, none that could be
 * saved. kafkajs' own producer looks the coordinator up before each step, adds partitions with each send, and asks for
 * all metadata again whenever the markers of the transaction before are still being written: eleven round trips for a
 * lone change, which are three here.
 */
export class TransactionSession {
  readonly #cluster: InternalCluster;
  readonly #transactionalId: string;
  #coordinatorNode: number | null = null;
  #producer = { producerId: '-1', producerEpoch: -1 };
  /** `partitionName` of those that take part in the transaction. */
  readonly #members = new Set<string>();

  private constructor(cluster: InternalCluster, transactionalId: string) {
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
  }

  /** Fences every older session with the same transactional id; what they left open is aborted. */
  static async open(
    cluster: InternalCluster,
    transactionalId: string,
    transactionTimeoutMs: number,
  ): Promise<TransactionSession> {
    const session = new TransactionSession(cluster, transactionalId);
    await cluster.connect();
    session.#producer = await session.#persist(isPassing, async () => {
      const coordinator = await session.#coordinator();
      return coordinator.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs });
    });
    return session;
  }

  /** Makes the partitions part of the transaction, which begins with the first of them. */
  async join(partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of partitions) {
      if (this.#members.has(partitionName(topic, partition))) continue;
      const found = topics.get(topic);
      if (found === undefined) topics.set(topic, [partition]);
      else found.push(partition);
    }
    if (topics.size === 0) return;
    const joining = [...topics].map(([topic, numbers]) => ({ topic, partitions: numbers }));
    await this.#persist(isPassing, async () => {
      const coordinator = await this.#coordinator();
      await coordinator.addPartitionsToTxn({
        transactionalId: this.#transactionalId,
        ...this.#producer,
        topics: joining,
      });
    });
    for (const { topic, partitions: numbers } of joining) {
      for (const partition of numbers) this.#members.add(partitionName(topic, partition));
    }
  }

  /**
   * Sends batches of partitions that have joined, at most one for each partition. What is sent again after a failure
   * that may pass has the same sequence numbers, by which the broker knows it.
   */
  async produce(batches: readonly TopicBatch[]): Promise<readonly Acknowledged[]> {
    await this.#persist(isPassing, () =>
      this.#cluster.addMultipleTargetTopics([...new Set(batches.map((one) => one.topic))]),
    );
    return this.#persist(isPassing, async () => {
      // All of them end before anything is sent again: two sends of one producer at a time lose what one of them repeats.
      const sent = await Promise.allSettled(
        [...this.#byLeader(batches)].map(([leader, theirs]) => this.#produceTo(leader, theirs)),
      );
      return sent.flatMap((one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value;
      });
    });
  }

  /**
   * Ends the transaction. An end that the broker did not answer may have happened, so it is not asked for again; a
   * transaction without a partition was never begun.
   */
  async end(how: 'commit' | 'abort'): Promise<void> {
    if (this.#members.size === 0) return;
    await this.#persist(isAnswer, async () => {
      const coordinator = await this.#coordinator();
      await coordinator.endTxn({
        transactionalId: this.#transactionalId,
        ...this.#producer,
        transactionResult: how === 'commit',
      });
    });
    this.#members.clear();
  }

  #byLeader(batches: readonly TopicBatch[]): Map<number, TopicBatch[]> {
    const byLeader = new Map<number, TopicBatch[]>();
    for (const batch of batches) {
      const { topic, message } = batch;
      const found = this.#cluster
        .findTopicPartitionMetadata(topic)
        .find(({ partitionId }) => partitionId === message.partition);
      if (found === undefined) throw errorOfCode(unknownTopic);
      const theirs = byLeader.get(found.leader);
      if (theirs === undefined) byLeader.set(found.leader, [batch]);
      else theirs.push(batch);
    }
    return byLeader;
  }

  async #produceTo(leader: number, batches: readonly TopicBatch[]): Promise<readonly Acknowledged[]> {
    const topics = new Map<string, { partition: number; firstSequence: number; messages: BatchMessage[] }[]>();
    for (const { topic, message } of batches) {
      const entry = { partition: message.partition, firstSequence: message.baseSequence, messages: [message] };
      const found = topics.get(topic);
      if (found === undefined) topics.set(topic, [entry]);
      else found.push(entry);
    }
    const broker = await this.#cluster.findBroker({ nodeId: leader });
    const response = await broker.produce({
      acks: -1,
      transactionalId: this.#transactionalId,
      ...this.#producer,
      topicData: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    });
    return response.topics.flatMap(({ topicName, partitions }) =>
      partitions.map(({ partition, baseOffset }) => ({ topic: topicName, partition, baseOffset: Number(baseOffset) })),
    );
  }

  async #coordinator(): Promise<InternalBroker> {
    if (this.#coordinatorNode === null) {
      const found = await this.#cluster.findGroupCoordinator({
        groupId: this.#transactionalId,
        coordinatorType: transactionCoordinator,
      });
      this.#coordinatorNode = found.nodeId;
      return found;
    }
    return this.#cluster.findBroker({ nodeId: this.#coordinatorNode });
  }

  /** Tries again after failures that may be over in a moment, for as long as `waitsMs` says. */
  async #persist<T>(mayPass: (cause: unknown) => boolean, act: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await act();
      } catch (cause) {
        const waitMs = waitsMs[attempt];
        if (waitMs === undefined || !mayPass(cause)) throw cause;
        await sleep(waitMs);
        if (!isConcurrent(cause)) await this.#learnAnew(cause);
      }
    }
  }

  /** Who leads and who coordinates may have changed. A failure here is met again by what is tried next. */
  async #learnAnew(cause: unknown): Promise<void> {
    this.#coordinatorNode = null;
    if (isAddressed(cause)) this.#cluster.removeBroker(cause);
    try {
      if (!this.#cluster.isConnected()) await this.#cluster.connect();
      await this.#cluster.refreshMetadata();
    } catch (failure) {
      if (!isPassing(failure)) throw failure;
    }
  }
}

function isConcurrent(cause: unknown): boolean {
  return cause instanceof Error && 'type' in cause && cause.type === concurrentTransactions;
}
