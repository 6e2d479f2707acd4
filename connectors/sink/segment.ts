import type { FetchedRecord } from '../../topics/contract.ts';

/** What a record costs besides its bytes. */
const recordOverheadBytes = 16;

/**
 * The records of one fetch of one partition, copied into one buffer: the fetch's own memory (which may hold many
 * partitions) is let go, and the garbage collector sees one object instead of thousands. Read once, from the front.
 */
export class Segment {
  readonly sizeBytes: number;
  /** Whatever lies in it beside the record's own bytes is others'. */
  readonly bytes: Buffer;
  /** Where the records end in it. */
  private readonly end: number;
  private readonly offsets: Float64Array;
  /** Key length and value length of each record; -1 is null. */
  private readonly lengths: Int32Array;
  private index = 0;
  private at = 0;

  constructor(records: readonly FetchedRecord[]) {
    let size = 0;
    for (const { key, value } of records) size += (key?.length ?? 0) + (value?.length ?? 0);
    this.bytes = takeSlab(size);
    this.end = size;
    this.offsets = new Float64Array(records.length);
    this.lengths = new Int32Array(records.length * 2);
    this.sizeBytes = size + records.length * recordOverheadBytes;
    let to = 0;
    let index = 0;
    for (const { offset, key, value } of records) {
      this.offsets[index] = offset;
      this.lengths[index * 2] = key === null ? -1 : key.length;
      this.lengths[index * 2 + 1] = value === null ? -1 : value.length;
      if (key !== null) to += key.copy(this.bytes, to);
      if (value !== null) to += value.copy(this.bytes, to);
      index += 1;
    }
  }

  get done(): boolean {
    return this.index >= this.offsets.length;
  }

  get offset(): number {
    return this.offsets[this.index] ?? 0;
  }

  /** A view of the slab, as all bytes from here: to be copied by who keeps it. */
  get key(): Buffer | null {
    const length = this.keyLength;
    return length < 0 ? null : this.bytes.subarray(this.at, this.at + length);
  }

  get keyText(): string {
    return this.bytes.toString('utf8', this.at, this.at + Math.max(0, this.keyLength));
  }

  get value(): Buffer | null {
    return this.isTombstone ? null : this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get isTombstone(): boolean {
    return this.valueLength < 0;
  }

  get valueStart(): number {
    return this.at + Math.max(0, this.keyLength);
  }

  get valueEnd(): number {
    return this.valueStart + Math.max(0, this.valueLength);
  }

  get recordBytes(): number {
    return Math.max(0, this.keyLength) + Math.max(0, this.valueLength) + recordOverheadBytes;
  }

  /** The bytes of the last value that is not null, wherever reading stands; null when there is none. */
  lastValue(): Buffer | null {
    let { end } = this;
    for (let index = this.offsets.length - 1; index >= 0; index -= 1) {
      const valueLength = this.lengths[index * 2 + 1] ?? -1;
      if (valueLength >= 0) return this.bytes.subarray(end - valueLength, end);
      end -= Math.max(0, this.lengths[index * 2] ?? -1);
    }
    return null;
  }

  /** Lets its memory be used again: every view of it must have been copied or forgotten. */
  release(): void {
    returnSlab(this.bytes);
  }

  next(): void {
    this.at += Math.max(0, this.keyLength) + Math.max(0, this.valueLength);
    this.index += 1;
  }

  private get keyLength(): number {
    return this.lengths[this.index * 2] ?? -1;
  }

  private get valueLength(): number {
    return this.lengths[this.index * 2 + 1] ?? -1;
  }
}

// Memory that is given up waits for a full garbage collection, which comes rarely where little else is kept. Slabs are of
// sizes that double, and each size keeps some.
const slabBytesMin = 32 * 1024;
const slabBytesMax = 2 * 1024 * 1024;
const freeBytesOfSizeMax = 2 * 1024 * 1024;
const freeSlabs = new Map<number, Buffer[]>();

function takeSlab(bytes: number): Buffer {
  if (bytes < slabBytesMin || bytes > slabBytesMax) return Buffer.allocUnsafeSlow(bytes);
  const size = 2 ** Math.ceil(Math.log2(bytes));
  return freeSlabs.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

function returnSlab(slab: Buffer): void {
  const size = slab.length;
  if (size < slabBytesMin || size > slabBytesMax || !Number.isInteger(Math.log2(size))) return;
  const free = freeSlabs.get(size) ?? [];
  freeSlabs.set(size, free);
  if ((free.length + 1) * size <= freeBytesOfSizeMax) free.push(slab);
}
