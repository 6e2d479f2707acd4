import { mkdtemp, open, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Position } from '../../avro/position.ts';

/** A record as it is kept: not decoded. */
export interface SpooledRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** Belongs to what was asked for, and is not there only because its key is. */
  readonly isSelected: boolean;
  /** What is asked of most records, so that they need not be decoded again. */
  readonly position: Position;
  /** Epoch microseconds. */
  readonly sourceTime: number;
  /** Of an appointment its id, else the key. */
  readonly rowKey: string;
  readonly value: Buffer;
}

/** A run of records of one bucket in the file. */
interface Extent {
  readonly offset: number;
  readonly bytes: number;
}

const pendingBytesMax = 16 * 1024 * 1024;
/**
 * topic u16 · partition u32 · offset f64 · selected u8 · key bytes u32 · value bytes u32 · generation u32 · LSN f64 ·
 * ordinal f64 · source time f64 · row key bytes u32 (none where it is the key), then key, row key and value
 */
const headBytes = 55;

/**
 * Records by bucket, in a file that has no name: it is gone when the process is, however that ends. What is judged
 * together is in one bucket, so that one bucket at a time is in memory, whatever the number of events.
 */
export class EventSpool {
  readonly bucketCount: number;
  private readonly file: FileHandle;
  private readonly extents: Extent[][];
  private readonly pending: Buffer[][];
  private readonly topics: string[] = [];
  private pendingBytes = 0;
  private fileBytes = 0;

  private constructor(file: FileHandle, bucketCount: number) {
    this.file = file;
    this.bucketCount = bucketCount;
    this.extents = Array.from({ length: bucketCount }, () => []);
    this.pending = Array.from({ length: bucketCount }, () => []);
  }

  static async open(bucketCount: number): Promise<EventSpool> {
    const directory = await mkdtemp(path.join(tmpdir(), 'concord-replay-'));
    const name = path.join(directory, 'spool');
    const file = await open(name, 'wx+', 0o600);
    await unlink(name);
    await rmdir(directory);
    return new EventSpool(file, bucketCount);
  }

  /** Is it time to `flush`? */
  add(bucket: number, record: SpooledRecord): boolean {
    const bytes = this.encode(record);
    this.pending[bucket]?.push(bytes);
    this.pendingBytes += bytes.length;
    return this.pendingBytes > pendingBytesMax;
  }

  async flush(): Promise<void> {
    const parts: Buffer[] = [];
    let offset = this.fileBytes;
    for (const [bucket, records] of this.pending.entries()) {
      if (records.length === 0) continue;
      const bytes = records.reduce((sum, one) => sum + one.length, 0);
      this.extents[bucket]?.push({ offset, bytes });
      parts.push(...records);
      offset += bytes;
      this.pending[bucket] = [];
    }
    const all = Buffer.concat(parts);
    for (let done = 0; done < all.length; ) {
      const { bytesWritten } = await this.file.write(all, done, all.length - done, this.fileBytes + done);
      done += bytesWritten;
    }
    this.fileBytes = offset;
    this.pendingBytes = 0;
  }

  /** The records of a bucket, those of a partition in order. To be asked for after the last `flush`. */
  async bucket(bucket: number): Promise<readonly SpooledRecord[]> {
    const records: SpooledRecord[] = [];
    for (const { offset, bytes } of this.extents[bucket] ?? []) {
      const all = Buffer.allocUnsafe(bytes);
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await this.file.read(all, done, bytes - done, offset + done);
        if (bytesRead === 0) throw new Error('the file of a replay is shorter than what was written to it');
        done += bytesRead;
      }
      for (let at = 0; at < bytes; ) at = this.decode(all, at, records);
    }
    return records;
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private encode(record: SpooledRecord): Buffer {
    const { topic, partition, offset, key, isSelected, position, sourceTime, rowKey, value } = record;
    const keyBytes = Buffer.byteLength(key);
    const rowKeyBytes = rowKey === key ? 0 : Buffer.byteLength(rowKey);
    const bytes = Buffer.allocUnsafe(headBytes + keyBytes + rowKeyBytes + value.length);
    bytes.writeUInt16LE(this.topicNumber(topic), 0);
    bytes.writeUInt32LE(partition, 2);
    bytes.writeDoubleLE(offset, 6);
    bytes.writeUInt8(isSelected ? 1 : 0, 14);
    bytes.writeUInt32LE(keyBytes, 15);
    bytes.writeUInt32LE(value.length, 19);
    bytes.writeUInt32LE(position.generation, 23);
    bytes.writeDoubleLE(position.lsn, 27);
    bytes.writeDoubleLE(position.ordinal, 35);
    bytes.writeDoubleLE(sourceTime, 43);
    bytes.writeUInt32LE(rowKeyBytes, 51);
    bytes.write(key, headBytes);
    if (rowKeyBytes > 0) bytes.write(rowKey, headBytes + keyBytes);
    value.copy(bytes, headBytes + keyBytes + rowKeyBytes);
    return bytes;
  }

  private decode(all: Buffer, at: number, records: SpooledRecord[]): number {
    const keyEnd = at + headBytes + all.readUInt32LE(at + 15);
    const rowKeyEnd = keyEnd + all.readUInt32LE(at + 51);
    const end = rowKeyEnd + all.readUInt32LE(at + 19);
    const key = all.toString('utf8', at + headBytes, keyEnd);
    records.push({
      topic: this.topics[all.readUInt16LE(at)] ?? '',
      partition: all.readUInt32LE(at + 2),
      offset: all.readDoubleLE(at + 6),
      key,
      isSelected: all.readUInt8(at + 14) === 1,
      position: {
        generation: all.readUInt32LE(at + 23),
        lsn: all.readDoubleLE(at + 27),
        ordinal: all.readDoubleLE(at + 35),
      },
      sourceTime: all.readDoubleLE(at + 43),
      rowKey: rowKeyEnd === keyEnd ? key : all.toString('utf8', keyEnd, rowKeyEnd),
      value: all.subarray(rowKeyEnd, end),
    });
    return end;
  }

  private topicNumber(topic: string): number {
    const known = this.topics.indexOf(topic);
    return known >= 0 ? known : this.topics.push(topic) - 1;
  }
}
