import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedBatch, TopicFollower } from './contract.ts';
import { Fetcher, type FetcherLimits, fetcherLimits } from './fetcher.ts';
import { TopicReader } from './topic-reader.ts';

/**
 * Reads whole topics from their earliest offset and follows them. In no group, so that nothing is left behind on the
 * broker, nobody's rebalance interrupts it, and it starts at once.
 */
export function createFollower(
  connection: KafkaConnection,
  topics: readonly string[],
  limits: Partial<FetcherLimits> = {},
): TopicFollower {
  return new Follower(connection, topics, { ...fetcherLimits, ...limits });
}

class Follower implements TopicFollower {
  readonly #connection: KafkaConnection;
  readonly #topics: readonly string[];
  readonly #limits: FetcherLimits;
  #reader: TopicReader | null = null;
  #fetcher: Fetcher | null = null;
  #stopped = false;

  constructor(connection: KafkaConnection, topics: readonly string[], limits: FetcherLimits) {
    this.#connection = connection;
    this.#topics = topics;
    this.#limits = limits;
  }

  async start(onBatch: (batch: FetchedBatch) => void, onFault: (cause: unknown) => void): Promise<void> {
    const reader = await TopicReader.open(this.#connection, this.#topics);
    this.#reader = reader;
    const earliest = await reader.listOffsets('earliest');
    const starts = this.#topics.flatMap((topic) =>
      Array.from({ length: reader.partitionCount(topic) }, (_, partition) => ({
        topic,
        partition,
        offset: earliest.get(partitionName(topic, partition)) ?? 0,
      })),
    );
    if (this.#stopped) return await this.stop();
    const take = (batch: FetchedBatch): number => {
      onBatch(batch);
      return batch.nextOffset;
    };
    this.#fetcher = new Fetcher(reader, starts, this.#limits, take, onFault);
    this.#fetcher.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#fetcher?.stop();
    await this.#reader?.close();
  }
}
