import { gunzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { Fault } from '../runtime/fault.ts';
import type { FetchedRecord } from './contract.ts';

/** An entry of the list of aborted transactions that comes with fetched data: from `firstOffset` to its abort marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** Records of the partition in order, and the offset after everything that was looked at. */
export interface ReadRecords {
  readonly records: FetchedRecord[];
  readonly nextOffset: number;
}

const noHeaders: Readonly<Record<string, Buffer>> = Object.freeze({});
const gzip = 1;

/**
 * Reads record batches (layout: record-batch.ts) as a `read_committed` consumer: control batches and batches of aborted
 * transactions are left out, but count for the next offset; so do offsets that compaction removed. Records below
 * `fromOffset` (the broker sends whole batches) are left out. A batch that is cut off at the end is left for next time.
 *
 * Keys and values are views into `bytes`.
 */
export function readRecords(
  bytes: Buffer,
  fromOffset: number,
  abortedTransactions: readonly AbortedTransaction[],
): ReadRecords {
  const records: FetchedRecord[] = [];
  const beginnings = abortedTransactions.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<bigint>();
  let begun = 0;
  let nextOffset = fromOffset;
  let start = 0;
  while (start + 12 <= bytes.length) {
    const end = start + 12 + bytes.readInt32BE(start + 8);
    if (end > bytes.length) break;
    const baseOffset = readOffset(bytes, start);
    if (bytes[start + 16] !== 2) throw unreadable(baseOffset, `its format version is ${bytes[start + 16]}, not 2`);
    if (crc32c(bytes.subarray(start + 21, end)) !== bytes.readUInt32BE(start + 17)) {
      throw unreadable(baseOffset, 'its checksum is wrong');
    }
    const attributes = bytes.readInt16BE(start + 21);
    const lastOffset = baseOffset + bytes.readInt32BE(start + 23);
    const producerId = bytes.readBigInt64BE(start + 43);
    for (; begun < beginnings.length; begun++) {
      const beginning = beginnings[begun];
      if (beginning === undefined || beginning.firstOffset > lastOffset) break;
      aborting.add(beginning.producerId);
    }
    const transactional = (attributes & 0x10) !== 0;
    const control = (attributes & 0x20) !== 0;
    if (control) {
      // Commit or abort: either way the transaction of this producer ends here.
      aborting.delete(producerId);
    } else if (!transactional || !aborting.has(producerId)) {
      const count = bytes.readInt32BE(start + 57);
      const compression = attributes & 7;
      if (compression === 0) readBatch(bytes, start + 61, count, baseOffset, fromOffset, records);
      else if (compression === gzip) {
        readBatch(gunzipSync(bytes.subarray(start + 61, end)), 0, count, baseOffset, fromOffset, records);
      } else
        throw unreadable(baseOffset, `its compression ${compression} is not supported: set compression.type=producer`);
    }
    nextOffset = Math.max(nextOffset, lastOffset + 1);
    start = end;
  }
  return { records, nextOffset };
}

function readBatch(
  bytes: Buffer,
  start: number,
  count: number,
  baseOffset: number,
  fromOffset: number,
  records: FetchedRecord[],
): void {
  const cursor = new Cursor(bytes, start);
  for (let index = 0; index < count; index++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at += 1; // attributes, unused in version 2
    cursor.skipVarlong(); // timestamp delta
    const offset = baseOffset + cursor.varint();
    if (offset >= fromOffset) {
      const key = cursor.bytes();
      const value = cursor.bytes();
      const headerCount = cursor.varint();
      const headers = headerCount === 0 ? noHeaders : readHeaders(cursor, headerCount);
      records.push({ offset, key, value, headers });
    }
    cursor.at = end;
  }
}

function readHeaders(cursor: Cursor, count: number): Record<string, Buffer> {
  const headers: Record<string, Buffer> = {};
  for (let index = 0; index < count; index++) {
    const name = cursor.bytes()?.toString('utf8') ?? '';
    headers[name] = cursor.bytes() ?? Buffer.alloc(0);
  }
  return headers;
}

class Cursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Zigzag, up to 32 bits. */
  varint(): number {
    let value = 0;
    let shift = 0;
    for (;;) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new RangeError('a record ends beyond its batch');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
      shift += 7;
    }
  }

  skipVarlong(): void {
    while ((this.#bytes[this.at++] ?? 0) >= 0x80);
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.#bytes.subarray(start, this.at);
  }
}

/** An int64 as a number: offsets stay far below 2^53. */
export function readOffset(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function unreadable(offset: number, reason: string): Fault {
  return new Fault(
    'corrupt',
    'RECORD_BATCH_UNREADABLE',
    `The record batch at offset ${offset} can not be read: ${reason}.`,
    {
      offset,
    },
  );
}
