import { setTimeout as sleep } from 'node:timers/promises';
import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { type FetchResponse, fetchResponse } from './fetch-response.ts';
import { isAddressed, isPassing, kafkaFault, tooLate } from './kafka-fault.ts';
import {
  createCluster,
  errorOfCode,
  fetchRequest,
  type InternalBroker,
  type InternalCluster,
} from './kafkajs-internals.ts';

export interface WantedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  /** A fetch that may wait holds up what comes after it on its connection; one that may not goes on the other. */
  readonly connection: 0 | 1;
}

const readCommitted = 1;
const readUncommitted = 0;
const openLimitMs = 15_000;
const patienceMs = 5_000;

/**
 * Reads topics through kafkajs' cluster (metadata, leaders, connections) but neither with its consumer nor in a group.
 *
 * The consumer of kafkajs resets an offset that is out of range without a word, hides batches that hold only control
 * records, fetches after a rebalance before it can be told from where, and sends heartbeats only between batches.
 */
export class TopicReader {
  readonly topics: readonly string[];
  readonly client: KafkaClient;
  readonly cluster: InternalCluster;

  private constructor(client: KafkaClient, cluster: InternalCluster, topics: readonly string[]) {
    this.client = client;
    this.cluster = cluster;
    this.topics = topics;
  }

  /** Rejects with `KAFKA_UNAVAILABLE`, `KAFKA_REFUSED` or `TOPIC_MISSING`. */
  static async open(connection: KafkaConnection, topics: readonly string[], clientId?: string): Promise<TopicReader> {
    const client = connection.client(clientId);
    const action = `reading ${topics.join(', ')}`;
    try {
      const cluster = createCluster(client.kafka);
      const ready = cluster.connect().then(() => cluster.addMultipleTargetTopics(topics));
      await withDeadline(ready, openLimitMs, tooLate(action, openLimitMs));
      const reader = new TopicReader(client, cluster, topics);
      for (const topic of topics) {
        if (reader.partitionCount(topic) === 0) throw errorOfCode(3);
      }
      return reader;
    } catch (cause) {
      client.destroy();
      throw kafkaFault(cause, action);
    }
  }

  partitionCount(topic: string): number {
    return this.cluster.findTopicPartitionMetadata(topic).length;
  }

  leaderOf(topic: string, partition: number): number {
    const found = this.cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
    if (found === undefined) throw new Fault('misconfigured', 'TOPIC_MISSING', `${topic}/${partition} does not exist.`);
    return found.leader;
  }

  /**
   * `partitionName` → log start offset, or high watermark. The real one (P6): kafkajs' own look-up answers the last
   * stable offset, which an open transaction of anybody holds back. With a time (epoch milliseconds): the first record
   * that was written then or later, and -1 where there is none.
   */
  async listOffsets(which: 'earliest' | 'latest' | number): Promise<ReadonlyMap<string, number>> {
    const begun = performance.now();
    const timestamp = which === 'earliest' ? -2 : which === 'latest' ? -1 : which;
    for (;;) {
      try {
        return await this.#listOffsetsOnce(timestamp);
      } catch (cause) {
        // A topic that was made a moment ago, or a leader that moves.
        if (!isPassing(cause) || performance.now() - begun > patienceMs) {
          throw kafkaFault(cause, `asking for the ${which} offsets`);
        }
        await this.refresh(cause).catch(() => {});
      }
    }
  }

  /** After a failure that may pass: waits a moment and learns anew who leads what. */
  async refresh(cause: unknown): Promise<void> {
    if (isAddressed(cause)) this.cluster.removeBroker(cause);
    await sleep(100);
    await this.cluster.refreshMetadata();
  }

  async #listOffsetsOnce(timestamp: number): Promise<ReadonlyMap<string, number>> {
    const byLeader = new Map<number, Map<string, { partition: number; timestamp: number }[]>>();
    for (const topic of this.topics) {
      for (const { partitionId: partition, leader } of this.cluster.findTopicPartitionMetadata(topic)) {
        const topics = byLeader.get(leader) ?? new Map<string, { partition: number; timestamp: number }[]>();
        byLeader.set(leader, topics);
        topics.set(topic, [...(topics.get(topic) ?? []), { partition, timestamp }]);
      }
    }
    const found = new Map<string, number>();
    const asking = [...byLeader].map(async ([nodeId, topics]) => {
      const broker = await this.cluster.findBroker({ nodeId });
      const { responses } = await broker.listOffsets({
        isolationLevel: readUncommitted,
        topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      });
      for (const { topic, partitions } of responses) {
        for (const { partition, offset } of partitions) found.set(partitionName(topic, partition), Number(offset));
      }
    });
    await Promise.all(asking);
    return found;
  }

  /** One Fetch, `read_committed`, to one leader. Rejects with kafkajs' own errors. */
  async fetch(nodeId: number, wanted: readonly WantedPartition[], limits: FetchLimits): Promise<FetchResponse> {
    const broker: InternalBroker = await this.cluster.findBroker({ nodeId });
    const topics = new Map<string, { partition: number; fetchOffset: string; maxBytes: number }[]>();
    for (const { topic, partition, offset } of wanted) {
      const one = { partition, fetchOffset: String(offset), maxBytes: limits.partitionBytesMax };
      const partitions = topics.get(topic);
      if (partitions === undefined) topics.set(topic, [one]);
      else partitions.push(one);
    }
    const request = fetchRequest({
      replicaId: -1,
      maxWaitTime: limits.maxWaitMs,
      minBytes: 1,
      maxBytes: limits.bytesMax,
      isolationLevel: readCommitted,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    });
    const connection = await broker.connectionPool.getConnection(limits.connection);
    return await connection.send({ request, response: fetchResponse });
  }

  /** Never rejects, and takes two seconds at the most. */
  async close(): Promise<void> {
    // Destroying first: kafkajs would wait for the fetch that is under way.
    this.client.destroy();
    await withDeadline(this.cluster.disconnect(), 2_000, () => new Error('too late')).catch(() => {});
    this.client.destroy();
  }
}
