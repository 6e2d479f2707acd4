import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import type { NextOffsets, PartitionRecords, TransactionalPublisher } from './contract.ts';
import { withDeadline } from './deadline.ts';
import { kafkaFault, tooLate } from './kafka-fault.ts';
import { createCluster, type InternalCluster } from './kafkajs-internals.ts';
import { OffsetForecast } from './offset-forecast.ts';
import { splitIntoRounds, type Round } from './publishing-rounds.ts';
import { installBatchMessages } from './produce-request.ts';
import { TransactionSession } from './transaction-session.ts';

export interface PublisherSettings {
  readonly transactionalId: string;
  /** Kafka aborts a transaction of ours that is open for longer. At most the broker's `transaction.max.timeout.ms`. */
  readonly transactionTimeoutMs?: number;
  /** The watchdog: a call that takes longer has failed, whatever is still being tried. */
  readonly callLimitMs?: number;
  /** A record batch is not made larger than this, unless one record is. Brokers take 1 MiB by default. */
  readonly batchBytesMax?: number;
}

/**
 * Opens a transactional producer. Older instances with the same transactional id are fenced and what they left open is
 * aborted when this resolves; the checkpoint must be read after it. Rejects with a Fault: `KAFKA_UNAVAILABLE`,
 * `KAFKA_REFUSED`, `PUBLISHER_FENCED`.
 */
export async function openPublisher(
  connection: KafkaConnection,
  settings: PublisherSettings,
): Promise<TransactionalPublisher> {
  installBatchMessages();
  const { transactionalId, transactionTimeoutMs = 60_000, callLimitMs = 20_000 } = settings;
  const client = connection.client();
  const cluster = createCluster(client.kafka);
  const action = `opening the publisher ${transactionalId}`;
  try {
    const opening = TransactionSession.open(cluster, transactionalId, transactionTimeoutMs);
    const session = await withDeadline(opening, callLimitMs, tooLate(action, callLimitMs));
    return new Publisher({ client, cluster, session }, settings, callLimitMs);
  } catch (cause) {
    client.destroy();
    cluster.disconnect().catch(() => {});
    throw kafkaFault(cause, action, { transactionalId });
  }
}

type State = 'ready' | 'transaction' | 'busy' | 'dead' | 'closed';

interface PublisherParts {
  readonly client: KafkaClient;
  readonly cluster: InternalCluster;
  readonly session: TransactionSession;
}

class Publisher implements TransactionalPublisher {
  readonly #parts: PublisherParts;
  readonly #session: TransactionSession;
  readonly #settings: PublisherSettings;
  readonly #callLimitMs: number;
  /** The number of the next record of each partition, by which the broker recognises a batch that is sent again. */
  readonly #sequences = new Map<string, number>();
  readonly #forecast = new OffsetForecast();
  /** Where the record that tells the offsets went last: it takes part in the next transaction from its beginning. */
  #told: { readonly topic: string; readonly partition: number } | null = null;
  #isFirstSend = true;
  #state: State = 'ready';
  #failure: Error | null = null;

  constructor(parts: PublisherParts, settings: PublisherSettings, limitMs: number) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#settings = settings;
    this.#callLimitMs = limitMs;
  }

  begin(): Promise<void> {
    // Kafka hears of a transaction with its first partition.
    return this.#exclusively('ready', 'transaction', 'beginning a transaction', () => {
      this.#isFirstSend = true;
      return Promise.resolve();
    });
  }

  send(records: readonly PartitionRecords[]): Promise<NextOffsets> {
    return this.#exclusively('transaction', 'transaction', 'sending to topics', () => this.#send(records));
  }

  sendAndTell(
    records: readonly PartitionRecords[],
    tell: (nextOffsets: NextOffsets) => PartitionRecords,
  ): Promise<NextOffsets> {
    return this.#exclusively('transaction', 'transaction', 'sending to topics', async () => {
      // What was sent before in this transaction could not be sent again if the forecast were wrong.
      const foretold = this.#isFirstSend ? this.#forecast.after(records) : null;
      if (foretold !== null) {
        const offsets = await this.#send([...records, this.#telling(tell(foretold))]);
        if ([...foretold].every(([name, offset]) => offsets.get(name) === offset)) return offsets;
        await this.#session.end('abort');
        this.#forecast.ended();
      }
      const offsets = await this.#send(records);
      const told = await this.#send([this.#telling(tell(offsets))]);
      return new Map([...offsets, ...told]);
    });
  }

  commit(): Promise<void> {
    // A commit that fails may have happened: nothing but the checkpoint knows.
    return this.#exclusively('transaction', 'ready', 'committing a transaction', () => this.#end('commit'));
  }

  abort(): Promise<void> {
    return this.#exclusively('transaction', 'ready', 'aborting a transaction', () => this.#end('abort'));
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const before = this.#state;
    this.#state = 'closed';
    const { client, cluster } = this.#parts;
    // An open transaction hides what others write after it until it times out, so it is ended where that is possible.
    // What a failed call left open is aborted when a successor fences us.
    const aborting = before === 'transaction' ? this.#session.end('abort') : Promise.resolve();
    await withDeadline(aborting, 2_000, () => new Error('aborting takes too long')).catch(() => {});
    if (before === 'busy' || before === 'dead') client.destroy();
    await withDeadline(cluster.disconnect(), 2_000, () => new Error('disconnecting takes too long')).catch(() => {});
    client.destroy();
  }

  #telling(record: PartitionRecords): PartitionRecords {
    this.#told = { topic: record.topic, partition: record.partition };
    return record;
  }

  async #send(records: readonly PartitionRecords[]): Promise<NextOffsets> {
    this.#isFirstSend = false;
    const nextOffsets = new Map<string, number>();
    for (const round of splitIntoRounds(records, this.#sequences, this.#settings.batchBytesMax ?? 900_000)) {
      await this.#sendRound(round, nextOffsets);
    }
    return nextOffsets;
  }

  async #sendRound({ batches, counts }: Round, nextOffsets: Map<string, number>): Promise<void> {
    const partitions = batches.map(({ topic, message }) => ({ topic, partition: message.partition }));
    await this.#session.join(this.#told === null ? partitions : [...partitions, this.#told]);
    // On several brokers one of them could say nothing of a partition.
    const missing = new Set(counts.keys());
    for (const { topic, partition, baseOffset } of await this.#session.produce(batches)) {
      const name = partitionName(topic, partition);
      const count = counts.get(name);
      if (count === undefined || baseOffset < 0) continue;
      missing.delete(name);
      nextOffsets.set(name, baseOffset + count);
      this.#forecast.acknowledged(name, baseOffset + count);
      this.#sequences.set(name, ((this.#sequences.get(name) ?? 0) + count) % 0x8000_0000);
    }
    if (missing.size > 0) {
      throw new Fault(
        'unavailable',
        'PUBLISH_UNCONFIRMED',
        `Kafka did not acknowledge every partition that was sent to: ${[...missing].join(', ')}. ` +
          'The transaction is given up and made again from the checkpoint.',
        { partitions: missing.size },
      );
    }
  }

  async #end(how: 'commit' | 'abort'): Promise<void> {
    await this.#session.end(how);
    this.#forecast.ended();
  }

  /**
   * One call at a time, each in its state, each with a limit. Of two sends at a time the broker could take the second
   * and not the first; and after a failed call nobody knows what the broker has of it.
   */
  async #exclusively<T>(needed: State, after: State, action: string, call: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#state !== needed) throw new Error(`${action}: the publisher is ${this.#state}, it must be ${needed}`);
    this.#state = 'busy';
    try {
      const result = await withDeadline(call(), this.#callLimitMs, tooLate(action, this.#callLimitMs));
      // It may have been closed meanwhile.
      if (this.#state === 'busy') this.#state = after;
      return result;
    } catch (cause) {
      this.#failure = kafkaFault(cause, action, { transactionalId: this.#settings.transactionalId });
      if (this.#state === 'busy') this.#state = 'dead';
      // What is still tried in the background must not reach the broker any more.
      this.#parts.client.destroy();
      throw this.#failure;
    }
  }
}
