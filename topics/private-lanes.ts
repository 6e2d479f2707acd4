import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedBatch, LaneListener, LaneSubscriber } from './contract.ts';
import { Fetcher, fetcherLimits, offsetFault } from './fetcher.ts';
import { TopicReader } from './topic-reader.ts';

/**
 * All lanes for one reader alone, in no group: nothing of it is left on the broker, no offset is committed, and no group that
 * reads the same topics takes notice. For stores that are built beside the live one.
 */
export function createPrivateLanes(connection: KafkaConnection, topics: readonly string[]): LaneSubscriber {
  return new PrivateLanes(connection, topics);
}

class PrivateLanes implements LaneSubscriber {
  readonly #connection: KafkaConnection;
  readonly #topics: readonly string[];
  #reader: TopicReader | null = null;
  #fetcher: Fetcher | null = null;
  #stopped = false;

  constructor(connection: KafkaConnection, topics: readonly string[]) {
    this.#connection = connection;
    this.#topics = topics;
  }

  async start(listener: LaneListener): Promise<void> {
    const reader = await TopicReader.open(this.#connection, this.#topics);
    this.#reader = reader;
    if (this.#stopped) return await this.stop();
    const lanes = Array.from({ length: reader.partitionCount(this.#topics[0] ?? '') }, (_, lane) => lane);
    const offsets = await listener.assigned(lanes);
    const earliest = await reader.listOffsets('earliest');
    const starts = lanes.flatMap((partition) =>
      this.#topics.map((topic, index) => {
        const offset = offsets.get(partition)?.[index] ?? 0;
        const first = earliest.get(partitionName(topic, partition)) ?? 0;
        if (offset < first) throw offsetFault(topic, partition, offset, first, true);
        return { topic, partition, offset };
      }),
    );
    const take = (batch: FetchedBatch): number =>
      listener.batch(batch) ? batch.nextOffset : listener.expectedOffset(batch.topic, batch.partition);
    this.#fetcher = new Fetcher(reader, starts, fetcherLimits, take, (cause) => listener.fault(cause));
    if (this.#stopped) this.#fetcher.stop();
    else this.#fetcher.start();
  }

  pause(topic: string, partition: number): void {
    this.#fetcher?.pause(topic, partition);
  }

  resume(topic: string, partition: number): void {
    this.#fetcher?.resume(topic, partition);
  }

  /** Hints are for groups. */
  commitHint(): void {}

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#fetcher?.stop();
    await this.#reader?.close();
  }
}
