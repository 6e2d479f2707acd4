import { Partitioners, type Producer } from 'kafkajs';
import { maskDigits } from '../runtime/mask.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { kafkaFault, tooLate } from './kafka-fault.ts';

/** A record that can not be taken further: where it lay, why, and its bytes as they were. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** A code: `EVENT_UNREADABLE`. */
  readonly code: string;
  /** A sentence. Runs of digits that may be an MPAN core are masked before it leaves. */
  readonly reason: string;
}

/** Sends to the dead letter topic, idempotently and outside any transaction. Opened when first needed. */
export interface DeadLetterSender {
  /** Resolves when every letter is stored. After a rejection the letters may be there: a second copy does no harm. */
  send(letters: readonly DeadLetter[]): Promise<void>;
  close(): Promise<void>;
}

const sendLimitMs = 15_000;

export function createDeadLetterSender(connection: KafkaConnection, deadLetterTopic: string): DeadLetterSender {
  let open: { client: KafkaClient; producer: Producer } | null = null;
  // One send at a time (kafkajs trap 1).
  let last: Promise<void> = Promise.resolve();

  async function send(letters: readonly DeadLetter[]): Promise<void> {
    const { client, producer } = (open ??= openProducer(connection));
    const messages = letters.map((letter) => ({ key: letter.key, value: letter.value, headers: headersOf(letter) }));
    const action = `sending to ${deadLetterTopic}`;
    try {
      const sending = producer.connect().then(() => producer.send({ topic: deadLetterTopic, acks: -1, messages }));
      await withDeadline(sending, sendLimitMs, tooLate(action, sendLimitMs));
    } catch (cause) {
      // A producer is of no use after a failed send (trap 2): the next send opens another.
      open = null;
      client.destroy();
      throw kafkaFault(cause, action);
    }
  }

  return {
    send: (letters) => {
      const sent = last.then(() => send(letters));
      last = sent.catch(() => {});
      return sent;
    },
    close: async () => {
      await last;
      if (open === null) return;
      const { client, producer } = open;
      open = null;
      await withDeadline(producer.disconnect(), 2_000, () => new Error('too late')).catch(() => {});
      client.destroy();
    },
  };
}

function openProducer(connection: KafkaConnection): { client: KafkaClient; producer: Producer } {
  const client = connection.client();
  const producer = client.kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  return { client, producer };
}

function headersOf(letter: DeadLetter): Record<string, string> {
  return {
    'concord.topic': letter.topic,
    'concord.partition': String(letter.partition),
    'concord.offset': String(letter.offset),
    'concord.code': letter.code,
    'concord.reason': maskDigits(letter.reason),
  };
}
