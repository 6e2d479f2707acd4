import type { RepeatedText } from './repeated-text.ts';

const emptyArray: readonly never[] = Object.freeze([]);
const emptyMap: Readonly<Record<string, never>> = Object.freeze({});

/**
 * Reads Avro's binary encoding from the middle of a buffer, without a view of it. Nothing beyond `end` is taken for the
 * record's: every length is checked, and `finish` finds what was read too far. Throws plain Errors, which name what is wrong.
 */
export class AvroCursor {
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private end = 0;
  /** A text that is likely to come: the record's key is one of its items too. */
  private expected = '';

  begin(bytes: Buffer, start: number, end: number, expected: string): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.expected = expected;
  }

  finish(): void {
    if (this.at > this.end) throw new Error('the record is cut short');
    if (this.at < this.end) throw new Error(`${this.end - this.at} bytes are left over after the record`);
  }

  /** An int or a long, in zigzag. Beyond 2^53 is an error and no other number. */
  long(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] ?? 0;
    let low = byte & 0x7f;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    byte = bytes[this.at++] ?? 0;
    low |= (byte & 0x7f) << 7;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    byte = bytes[this.at++] ?? 0;
    low |= (byte & 0x7f) << 14;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    byte = bytes[this.at++] ?? 0;
    low |= (byte & 0x7f) << 21;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    return this.longRest(low);
  }

  text(field: RepeatedText): string {
    const length = this.length();
    const start = this.at;
    this.at = start + length;
    return this.isExpected(start, length) ? this.expected : field.read(this.bytes, start, length);
  }

  boolean(): boolean {
    const byte = this.bytes[this.at++];
    if (byte !== 0 && byte !== 1) throw new Error(`a boolean of ${byte}`);
    return byte === 1;
  }

  double(): number {
    this.demand(8);
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  float(): number {
    this.demand(4);
    const value = this.bytes.readFloatLE(this.at);
    this.at += 4;
    return value;
  }

  /** A copy: the buffer is used again. */
  binary(): Buffer {
    const length = this.length();
    this.at += length;
    return Buffer.from(this.bytes.subarray(this.at - length, this.at));
  }

  /** The unscaled value of a decimal: two's complement, big-endian. */
  decimal(): number {
    const length = this.length();
    if (length === 0) throw new RangeError('a decimal of no bytes');
    const first = this.bytes[this.at] ?? 0;
    let units = first < 128 ? first : first - 256;
    for (let index = 1; index < length; index += 1) units = units * 256 + (this.bytes[this.at + index] ?? 0);
    this.at += length;
    if (!Number.isSafeInteger(units)) throw new RangeError('a decimal beyond 2^53');
    return units;
  }

  /** Which branch of a union. */
  branch(branches: number): number {
    const branch = this.long();
    if (branch < 0 || branch >= branches) throw new Error(`branch ${branch} of a union of ${branches}`);
    return branch;
  }

  array<T>(item: () => T): readonly T[] {
    let count = this.block();
    if (count === 0) return emptyArray;
    const items: T[] = [];
    for (; count > 0; count = this.block()) for (let left = count; left > 0; left -= 1) items.push(item());
    return items;
  }

  map<T>(key: RepeatedText, item: () => T): Readonly<Record<string, T>> {
    let count = this.block();
    if (count === 0) return emptyMap;
    const entries: Record<string, T> = {};
    for (; count > 0; count = this.block()) {
      for (let left = count; left > 0; left -= 1) {
        const name = this.text(key);
        entries[name] = item();
      }
    }
    return entries;
  }

  /** How many items follow. A block may tell its size, too, which nobody asks for here. */
  private block(): number {
    const count = this.long();
    if (count < 0) this.long();
    const items = Math.abs(count);
    if (items > this.end - this.at) throw new Error('the record is cut short');
    return items;
  }

  private longRest(low: number): number {
    let high = 0;
    for (let factor = 1, read = 0; ; factor *= 128, read += 1) {
      const byte = this.bytes[this.at++] ?? 0;
      high += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      if (read === 5) throw new Error('a long of more than ten bytes');
    }
    const magnitude = (low >>> 1) + high * 0x800_0000;
    if (magnitude >= Number.MAX_SAFE_INTEGER) throw new RangeError('a long beyond 2^53');
    return (low & 1) === 0 ? magnitude : -magnitude - 1;
  }

  private length(): number {
    const length = this.long();
    this.demand(length);
    return length;
  }

  private demand(length: number): void {
    if (length < 0 || length > this.end - this.at) throw new Error('the record is cut short');
  }

  private isExpected(start: number, length: number): boolean {
    const { expected, bytes } = this;
    if (length !== expected.length || length === 0) return false;
    for (let index = 0; index < length; index += 1) {
      const byte = bytes[start + index] ?? 0;
      if (byte > 127 || byte !== expected.charCodeAt(index)) return false;
    }
    return true;
  }
}
