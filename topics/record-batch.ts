import { crc32c } from '@node-rs/crc32';

/**
 * Kafka's record batch, version 2, written into one preallocated buffer.
 *
 *   baseOffset int64 · length int32 · partitionLeaderEpoch int32 · magic int8 · crc uint32 ·
 *   attributes int16 · lastOffsetDelta int32 · firstTimestamp int64 · maxTimestamp int64 ·
 *   producerId int64 · producerEpoch int16 · baseSequence int32 · count int32 · records
 *
 *   record: length varint · attributes int8 · timestampDelta varlong · offsetDelta varint ·
 *           key varint|bytes · value varint|bytes · headers varint|[varint|string, varint|bytes]
 *
 * All records have the same headers and the time of the batch, so that each of those is made once.
 * kafkajs' own encoder costs ten times as much: many small buffers, and CRC-32C in JavaScript.
 */
export interface BatchRecords {
  readonly keys: readonly (Buffer | null)[];
  readonly values: readonly (Buffer | null)[];
  /** The slice [from, to) of keys and values is one batch. */
  readonly from: number;
  readonly to: number;
  /** Made by `encodeHeaders`. */
  readonly headers: Buffer;
}

export interface BatchProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly transactional: boolean;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

export const batchHeaderBytes = 61;
const transactionalFlag = 16;
const shortCopyMax = 32;
const noHeaders = Buffer.from([0]);

/** The header part of a record, count first. */
export function encodeHeaders(headers: Readonly<Record<string, string | Buffer>> | undefined): Buffer {
  const entries = Object.entries(headers ?? {});
  if (entries.length === 0) return noHeaders;
  const parts: Buffer[] = [varint(entries.length)];
  for (const [name, value] of entries) {
    const nameBytes = Buffer.from(name);
    const valueBytes = Buffer.from(value);
    parts.push(varint(nameBytes.length), nameBytes, varint(valueBytes.length), valueBytes);
  }
  return Buffer.concat(parts);
}

/** Bytes of one record, its own length included. `offsetDelta` is its index in the batch. */
export function recordBytes(
  key: Buffer | null,
  value: Buffer | null,
  headerBytes: number,
  offsetDelta: number,
): number {
  const body = recordBodyBytes(key, value, headerBytes, offsetDelta);
  return varintBytes(body) + body;
}

export function recordBatchBytes(records: BatchRecords): number {
  const { keys, values, from, to, headers } = records;
  let bytes = batchHeaderBytes;
  for (let at = from; at < to; at++) {
    bytes += recordBytes(keys[at] ?? null, values[at] ?? null, headers.length, at - from);
  }
  return bytes;
}

/** Writes the batch at `start` and returns the offset after it. The caller has made room: `recordBatchBytes`. */
export function writeRecordBatch(
  target: Buffer,
  start: number,
  records: BatchRecords,
  producer: BatchProducer,
): number {
  const { keys, values, from, to, headers } = records;
  const count = to - from;
  let at = start + batchHeaderBytes;
  for (let index = from; index < to; index++) {
    const key = keys[index] ?? null;
    const value = values[index] ?? null;
    const offsetDelta = index - from;
    at = writeVarint(target, at, recordBodyBytes(key, value, headers.length, offsetDelta));
    target[at++] = 0; // attributes
    target[at++] = 0; // timestamp delta
    at = writeVarint(target, at, offsetDelta);
    at = writeBytes(target, at, key);
    at = writeBytes(target, at, value);
    if (headers.length === 1) target[at++] = 0;
    else at += headers.copy(target, at);
  }
  target.writeBigInt64BE(0n, start); // base offset: the broker's to give
  target.writeInt32BE(at - start - 12, start + 8);
  target.writeInt32BE(0, start + 12); // partition leader epoch
  target[start + 16] = 2; // magic
  target.writeInt16BE(producer.transactional ? transactionalFlag : 0, start + 21);
  target.writeInt32BE(count - 1, start + 23);
  const timestamp = BigInt(producer.timestamp);
  target.writeBigInt64BE(timestamp, start + 27);
  target.writeBigInt64BE(timestamp, start + 35);
  target.writeBigInt64BE(producer.producerId, start + 43);
  target.writeInt16BE(producer.producerEpoch, start + 51);
  target.writeInt32BE(producer.baseSequence, start + 53);
  target.writeInt32BE(count, start + 57);
  target.writeUInt32BE(crc32c(target.subarray(start + 21, at)), start + 17);
  return at;
}

function recordBodyBytes(key: Buffer | null, value: Buffer | null, headerBytes: number, offsetDelta: number): number {
  const keyBytes = key === null ? 1 : varintBytes(key.length) + key.length;
  const valueBytes = value === null ? 1 : varintBytes(value.length) + value.length;
  return 2 + varintBytes(offsetDelta) + keyBytes + valueBytes + headerBytes;
}

function writeBytes(target: Buffer, start: number, bytes: Buffer | null): number {
  if (bytes === null) {
    target[start] = 1; // −1, zigzag
    return start + 1;
  }
  const { length } = bytes;
  const at = writeVarint(target, start, length);
  // A loop beats the native call for what is as short as most keys, and `set` beats `copy`, which checks more.
  if (length > shortCopyMax) target.set(bytes, at);
  else for (let index = 0; index < length; index++) target[at + index] = bytes[index] ?? 0;
  return at + length;
}

/** Lengths, counts and deltas only: never negative. */
function writeVarint(target: Buffer, start: number, value: number): number {
  let rest = value * 2; // zigzag of a positive number
  let at = start;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  if (value < 0x800_0000) return 4;
  return 5;
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(varintBytes(value));
  writeVarint(bytes, 0, value);
  return bytes;
}
