import type { Producer, Transaction } from 'kafkajs';
import { partitionName } from '../avro/progress.ts';
import { Fault } from '../runtime/fault.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import type { NextOffsets, PartitionRecords, TransactionalPublisher } from './contract.ts';
import { withDeadline } from './deadline.ts';
import { kafkaFault, tooLate } from './kafka-fault.ts';
import { splitIntoRounds, type Round } from './publishing-rounds.ts';
import { installBatchMessages, namedPartition } from './produce-request.ts';

export interface PublisherSettings {
  readonly transactionalId: string;
  /** Kafka aborts a transaction of ours that is open for longer. At most the broker's `transaction.max.timeout.ms`. */
  readonly transactionTimeoutMs?: number;
  /** The watchdog: a call that takes longer has failed, whatever kafkajs is still trying. */
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
  const callLimitMs = settings.callLimitMs ?? 20_000;
  const client = connection.client();
  // Not `idempotent`: that would take a second producer id, for sends outside a transaction, of which there are none.
  const producer = client.kafka.producer({
    transactionalId: settings.transactionalId,
    transactionTimeout: settings.transactionTimeoutMs ?? 60_000,
    createPartitioner: namedPartition,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
  });
  const action = `opening the publisher ${settings.transactionalId}`;
  try {
    await withDeadline(producer.connect(), callLimitMs, tooLate(action, callLimitMs));
    // kafkajs asks for the producer id, which fences, when the first transaction begins: so it is begun here. On the
    // broker a transaction begins with its first partition, so an unused one costs nothing.
    const first = await withDeadline(producer.transaction(), callLimitMs, tooLate(action, callLimitMs));
    return new Publisher(client, producer, first, settings, callLimitMs);
  } catch (cause) {
    client.destroy();
    producer.disconnect().catch(() => {});
    throw kafkaFault(cause, action, { transactionalId: settings.transactionalId });
  }
}

type State = 'ready' | 'transaction' | 'busy' | 'dead' | 'closed';

class Publisher implements TransactionalPublisher {
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #settings: PublisherSettings;
  readonly #callLimitMs: number;
  /** The number of the next record of each partition, by which the broker recognises a batch that is sent again. */
  readonly #sequences = new Map<string, number>();
  #begun: Transaction | null;
  #transaction: Transaction | null = null;
  #state: State = 'ready';
  #failure: Error | null = null;

  constructor(
    client: KafkaClient,
    producer: Producer,
    first: Transaction,
    settings: PublisherSettings,
    limitMs: number,
  ) {
    this.#client = client;
    this.#producer = producer;
    this.#begun = first;
    this.#settings = settings;
    this.#callLimitMs = limitMs;
  }

  begin(): Promise<void> {
    return this.#exclusively('ready', 'transaction', 'beginning a transaction', async () => {
      this.#transaction = this.#begun ?? (await this.#producer.transaction());
      this.#begun = null;
    });
  }

  send(records: readonly PartitionRecords[]): Promise<NextOffsets> {
    return this.#exclusively('transaction', 'transaction', 'sending to topics', async () => {
      const nextOffsets = new Map<string, number>();
      for (const round of splitIntoRounds(records, this.#sequences, this.#settings.batchBytesMax ?? 900_000)) {
        await this.#sendRound(round, nextOffsets);
      }
      return nextOffsets;
    });
  }

  commit(): Promise<void> {
    // A commit that fails may have happened (kafkajs trap 4): nothing but the checkpoint knows.
    return this.#exclusively('transaction', 'ready', 'committing a transaction', () => this.#current().commit());
  }

  abort(): Promise<void> {
    return this.#exclusively('transaction', 'ready', 'aborting a transaction', () => this.#current().abort());
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const before = this.#state;
    this.#state = 'closed';
    // An open transaction hides what others write after it until it times out, so it is ended where that is possible.
    // What a failed call left open is aborted when a successor fences us.
    const aborting = before === 'transaction' ? this.#current().abort() : Promise.resolve();
    await withDeadline(aborting, 2_000, () => new Error('aborting takes too long')).catch(() => {});
    if (before === 'busy' || before === 'dead') this.#client.destroy();
    await withDeadline(this.#producer.disconnect(), 2_000, () => new Error('disconnecting takes too long')).catch(
      () => {},
    );
    this.#client.destroy();
  }

  async #sendRound(round: Round, nextOffsets: Map<string, number>): Promise<void> {
    const acknowledged = await this.#current().sendBatch({ acks: -1, topicMessages: round.topicMessages });
    // On several brokers kafkajs can resolve without having sent a partition whose leader moved (trap 3).
    const missing = new Set(round.counts.keys());
    for (const { topicName, partition, errorCode, baseOffset } of acknowledged) {
      const name = partitionName(topicName, partition);
      const count = round.counts.get(name);
      const base = Number(baseOffset ?? -1);
      if (count === undefined || errorCode !== 0 || base < 0) continue;
      missing.delete(name);
      nextOffsets.set(name, base + count);
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

  #current(): Transaction {
    if (this.#transaction === null) throw new Error('no transaction is open');
    return this.#transaction;
  }

  /**
   * One call at a time, each in its state, each with a limit. Two concurrent sends of kafkajs lose one and duplicate
   * the other when a response is lost (trap 1), a producer is of no use after a failed call (trap 2), and its retries
   * can go on for ever (trap 8).
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
      // What kafkajs still tries in the background must not reach the broker any more.
      this.#client.destroy();
      throw this.#failure;
    }
  }
}
