/** One record, as it lies in its page. */
export interface PageRecord {
  /** Of the partition it came from. */
  readonly rank: number;
  readonly key: string;
  /** Where its value lies. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Some records of a page. */
export interface Piece {
  /** Where they begin. */
  readonly starts: readonly number[];
  readonly size: number;
}

// A record: where the record before it in its page begins (4 bytes, -1 for none; nothing once it is spilled), rank (1),
// key length (4), value length (4), key, value.
const headerBytes = 13;
/** As much as is usual before a spill: what is not written to takes no memory, and what is grown out of stays for a while. */
const firstBytes = 7 * 1024 * 1024;

/**
 * Records in pages by key, in one buffer in the order in which they came: each knows the one before it in its page. Many
 * small buffers would leave the process's memory in pieces.
 */
export class SpoolPages {
  /** Bytes of all records. */
  length = 0;
  private buffer = Buffer.alloc(0);
  /** By page, where its last record begins; -1 for none. */
  private readonly last: Int32Array;

  constructor() {
    this.last = new Int32Array(pageCount).fill(-1);
  }

  add(rank: number, key: string, value: Buffer): void {
    const keyBytes = Buffer.byteLength(key);
    const size = headerBytes + keyBytes + value.length;
    if (this.length + size > this.buffer.length) this.grow(this.length + size);
    const page = pageOf(key);
    let at = this.buffer.writeInt32LE(this.last[page] ?? -1, this.length);
    at = this.buffer.writeUInt8(rank, at);
    at = this.buffer.writeUInt32LE(keyBytes, at);
    at = this.buffer.writeUInt32LE(value.length, at);
    at += this.buffer.write(key, at);
    value.copy(this.buffer, at);
    this.last[page] = this.length;
    this.length += size;
  }

  /** In the order in which they came. */
  *recordsOf(page: number): Generator<PageRecord> {
    for (const start of this.startsOf(page)) yield recordAt(this.buffer, start);
  }

  /** All records of a page in the order in which they came, in pieces of about `bytesMax`. */
  *piecesOf(page: number, bytesMax: number): Generator<Piece> {
    let starts: number[] = [];
    let size = 0;
    for (const start of this.startsOf(page)) {
      const bytes = sizeAt(this.buffer, start);
      if (size > 0 && size + bytes > bytesMax) {
        yield { starts, size };
        starts = [];
        size = 0;
      }
      starts.push(start);
      size += bytes;
    }
    if (size > 0) yield { starts, size };
  }

  /** One record behind the other, as `recordsIn` reads them; answers with where they end. */
  copy({ starts }: Piece, target: Buffer, at: number): number {
    let end = at;
    for (const start of starts) end += this.buffer.copy(target, end, start, start + sizeAt(this.buffer, start));
    return end;
  }

  /** Keeps its memory, to be filled again. */
  clear(): void {
    this.length = 0;
    this.last.fill(-1);
  }

  release(): void {
    this.clear();
    this.buffer = Buffer.alloc(0);
  }

  private startsOf(page: number): readonly number[] {
    const starts: number[] = [];
    for (let at = this.last[page] ?? -1; at >= 0; at = this.buffer.readInt32LE(at)) starts.push(at);
    return starts.reverse();
  }

  private grow(least: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(firstBytes, least, this.buffer.length * 2));
    this.buffer.copy(next, 0, 0, this.length);
    this.buffer = next;
  }
}

export function* recordsIn(bytes: Buffer): Generator<PageRecord> {
  for (let at = 0; at < bytes.length; at += sizeAt(bytes, at)) yield recordAt(bytes, at);
}

function sizeAt(bytes: Buffer, at: number): number {
  return headerBytes + bytes.readUInt32LE(at + 5) + bytes.readUInt32LE(at + 9);
}

function recordAt(bytes: Buffer, at: number): PageRecord {
  const keyEnd = at + headerBytes + bytes.readUInt32LE(at + 5);
  return {
    rank: bytes.readUInt8(at + 4),
    key: bytes.toString('utf8', at + headerBytes, keyEnd),
    bytes,
    start: keyEnd,
    end: at + sizeAt(bytes, at),
  };
}

/** Keys are spread over so many pages, which is enough for a transaction of some millions. */
const keyPages = 1_024;
/** Records without a key (a null MPAN core) have nothing to be judged together with: theirs is the one page that may be cut. */
export const keylessPage = keyPages;
export const pageCount = keyPages + 1;

/** FNV-1a, which has nothing in common with the hash that chose the lane. */
function pageOf(key: string): number {
  if (key === '') return keylessPage;
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 8) % keyPages;
}
