import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { partitionName } from '../avro/progress.ts';
import { type KafkaConnection, type KafkaSettings, prepareKafka } from './connection.ts';
import type { FetchedBatch, FetchedRecord } from './contract.ts';
import { deletingRecords } from './delete-records.ts';
import { createFollower } from './follower.ts';
import { readOffsets } from './offsets.ts';

export const quiet = pino({ level: process.env['CONCORD_TEST_LOG'] ?? 'silent' });

export interface TestTopics {
  readonly connection: KafkaConnection;
  /** A random prefix, also good for group and transactional ids. */
  readonly prefix: string;
  /** Makes a topic, empty, and returns its name. */
  create(name: string, partitions: number, configuration?: Readonly<Record<string, string>>): Promise<string>;
  /** Deletes what lies below the offset in partition 0, as retention would. */
  deleteRecords(topic: string, beforeOffset: number): Promise<void>;
  /** What tools show as the offset of a group in partition 0. */
  committedOffset(groupId: string, topic: string): Promise<number>;
  groups(): Promise<string[]>;
  /** Deletes every topic that was made. */
  drop(): Promise<void>;
}

/** Topics of one test file on the real broker. */
export async function freshTopics(brokers: string, redirect?: KafkaSettings['redirect']): Promise<TestTopics> {
  const settings = { brokers: brokers.split(','), clientId: 'test' };
  const connection = prepareKafka(redirect === undefined ? settings : { ...settings, redirect }, quiet);
  const client = prepareKafka(settings, quiet).client();
  const admin = client.kafka.admin();
  await admin.connect();
  const prefix = `t-${randomBytes(4).toString('hex')}`;
  const topics: string[] = [];
  return {
    connection,
    prefix,
    create: async (name, numPartitions, configuration = {}) => {
      const topic = `${prefix}.${name}`;
      const configEntries = Object.entries(configuration).map(([key, value]) => ({ name: key, value }));
      await admin.createTopics({
        topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
        waitForLeaders: false,
      });
      topics.push(topic);
      // kafkajs' own wait gives up on a busy machine.
      for (let led = false; !led; ) {
        const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }));
        const partitions = metadata.topics.flatMap((one) => one.partitions);
        led = partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0);
      }
      return topic;
    },
    deleteRecords: deletingRecords(connection),
    committedOffset: async (groupId, topic) => {
      const [shown] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return Number(shown?.partitions[0]?.offset ?? -1);
    },
    groups: async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId),
    drop: async () => {
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.disconnect();
    },
  };
}

/** Every committed record of a topic, by partition, up to where it ends now. */
export async function readAll(connection: KafkaConnection, topic: string): Promise<FetchedRecord[][]> {
  const offsets = await readOffsets(connection, [topic]);
  const partitions: FetchedRecord[][] = Array.from({ length: offsets.size }, () => []);
  const open = new Map(
    [...offsets].filter(([, { earliest, latest }]) => latest > earliest).map(([name, { latest }]) => [name, latest]),
  );
  if (open.size === 0) return partitions;
  const follower = createFollower(connection, [topic]);
  await new Promise<void>((resolve, reject) => {
    const take = (batch: FetchedBatch): void => {
      partitions[batch.partition]?.push(...batch.records);
      const name = partitionName(topic, batch.partition);
      if (batch.nextOffset >= (open.get(name) ?? 0)) open.delete(name);
      if (open.size === 0) resolve();
    };
    follower.start(take, reject).catch(reject);
  });
  await follower.stop();
  return partitions;
}

export function texts(records: readonly FetchedRecord[]): string[] {
  return records.map(({ value }) => value?.toString('utf8') ?? '(tombstone)');
}

/** Resolves when the condition holds; looked at whenever something happened (`poke`). */
export class Condition {
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ holds, resolve }));
  }

  poke(): void {
    const met = this.#waiting.filter(({ holds }) => holds());
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }
}
