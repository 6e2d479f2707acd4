import { type InternalRequest, type ProduceOptions, produceVersions } from './kafkajs-internals.ts';
import { type BatchRecords, recordBatchBytes, writeRecordBatch } from './record-batch.ts';

/**
 * One whole record batch, dressed as a single kafkajs message. The library's connection sends it and never touches the
 * records: its encoder is ten times slower than ours. The batch carries its own base sequence, so that what is sent
 * again always repeats the same one.
 */
export class BatchMessage {
  readonly partition: number;
  readonly records: BatchRecords;
  readonly baseSequence: number;

  constructor(partition: number, records: BatchRecords, baseSequence: number) {
    this.partition = partition;
    this.records = records;
    this.baseSequence = baseSequence;
  }
}

let installed = false;

/** Teaches the pinned kafkajs to send batch messages. Messages of other producers are encoded as before. */
export function installBatchMessages(): void {
  if (installed) return;
  installed = true;
  const original = produceVersions.protocol;
  produceVersions.protocol = ({ version }) => {
    const make = original({ version });
    if (version < 3) return make;
    return (options) => {
      const call = make(options);
      if (!carriesBatches(options)) return call;
      return { request: withEncoder(call.request, options), response: call.response };
    };
  };
}

function carriesBatches(options: ProduceOptions): boolean {
  return options.topicData.some(({ partitions }) =>
    partitions.some(({ messages }) => messages[0] instanceof BatchMessage),
  );
}

function withEncoder(request: InternalRequest, options: ProduceOptions): InternalRequest {
  return {
    ...request,
    encode: () => {
      const buffer = encodeProduceRequest(options, Date.now());
      return Promise.resolve({ buf: buffer, buffer });
    },
  };
}

/**
 * Produce request, versions 3 to 7 (they do not differ):
 * transactionalId string · acks int16 · timeout int32 · [topic string · [partition int32 · size int32 · record batch]]
 */
export function encodeProduceRequest(options: ProduceOptions, timestamp: number): Buffer {
  const { transactionalId = null, acks, timeout, topicData } = options;
  const producerId = BigInt(options.producerId);
  const sizes: number[] = [];
  let bytes = 2 + (transactionalId === null ? 0 : Buffer.byteLength(transactionalId)) + 10;
  for (const { topic, partitions } of topicData) {
    bytes += 2 + Buffer.byteLength(topic) + 4;
    for (const { messages } of partitions) {
      const size = recordBatchBytes(onlyBatch(messages).records);
      sizes.push(size);
      bytes += 8 + size;
    }
  }
  // Every byte is written below, so that it need not be cleared first.
  const target = Buffer.allocUnsafe(bytes);
  let at = writeString(target, 0, transactionalId);
  at = target.writeInt16BE(acks, at);
  at = target.writeInt32BE(timeout, at);
  at = target.writeInt32BE(topicData.length, at);
  let next = 0;
  for (const { topic, partitions } of topicData) {
    at = writeString(target, at, topic);
    at = target.writeInt32BE(partitions.length, at);
    for (const { partition, messages } of partitions) {
      const batch = onlyBatch(messages);
      at = target.writeInt32BE(partition, at);
      at = target.writeInt32BE(sizes[next++] ?? 0, at);
      at = writeRecordBatch(target, at, batch.records, {
        producerId,
        producerEpoch: options.producerEpoch,
        baseSequence: batch.baseSequence,
        transactional: transactionalId !== null,
        timestamp,
      });
    }
  }
  if (at !== bytes) throw new Error(`a produce request of ${bytes} bytes took ${at}`);
  return target;
}

/** Kafka takes exactly one record batch per partition in a request. */
function onlyBatch(messages: readonly unknown[]): BatchMessage {
  const [batch, second] = messages;
  if (!(batch instanceof BatchMessage) || second !== undefined) {
    throw new Error('batch messages can not be mixed with others in one partition of a request');
  }
  return batch;
}

function writeString(target: Buffer, at: number, text: string | null): number {
  if (text === null) return target.writeInt16BE(-1, at);
  const length = target.write(text, at + 2);
  target.writeInt16BE(length, at);
  return at + 2 + length;
}
