/** One record of a page. */
export interface PageRecord {
  /** Of the partition it came from. */
  readonly rank: number;
  readonly key: string;
  /** A view into the page. */
  readonly value: Buffer;
}

// A record: rank (1 byte), key length (4), value length (4), key, value.
const headerBytes = 9;
const firstPageBytes = 4 * 1024;

/** Records one behind the other in one buffer, which grows. Two gigabytes are never reached: pages are spilled before. */
export class SpoolPage {
  length = 0;
  private buffer = Buffer.alloc(0);

  add(rank: number, key: string, value: Buffer): number {
    const keyBytes = Buffer.byteLength(key);
    const size = headerBytes + keyBytes + value.length;
    if (this.length + size > this.buffer.length) this.grow(this.length + size);
    let at = this.buffer.writeUInt8(rank, this.length);
    at = this.buffer.writeUInt32LE(keyBytes, at);
    at = this.buffer.writeUInt32LE(value.length, at);
    at += this.buffer.write(key, at);
    value.copy(this.buffer, at);
    this.length += size;
    return size;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private grow(least: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(firstPageBytes, least, this.buffer.length * 2));
    this.buffer.copy(next, 0, 0, this.length);
    this.buffer = next;
  }
}

export function* recordsIn(bytes: Buffer): Generator<PageRecord> {
  for (let at = 0; at < bytes.length; ) {
    const rank = bytes.readUInt8(at);
    const keyEnd = at + headerBytes + bytes.readUInt32LE(at + 1);
    const valueEnd = keyEnd + bytes.readUInt32LE(at + 5);
    yield {
      rank,
      key: bytes.toString('utf8', at + headerBytes, keyEnd),
      value: bytes.subarray(keyEnd, valueEnd),
    };
    at = valueEnd;
  }
}

/** The page of a key: FNV-1a, which has nothing in common with the hash that chose the lane. */
export function pageOf(key: string, pages: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 8) % pages;
}
