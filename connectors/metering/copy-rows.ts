import { copyField, copyNull, dateText, millionthsText, timestampText } from './copy-text.ts';
import { placeText, type RowPlace } from './row-place.ts';
import { RowBytes } from './row-bytes.ts';
import type { CopyRows, RowWriter } from './row-writer.ts';

/** A character of JavaScript takes at most so many bytes in UTF-8, and twice as many escaped. */
const bytesPerCharMax = 6;
/** Room for any number, date or time, with what separates it. */
const shortBytes = 40;

const tab = 0x09;
const newline = 0x0a;
const backslash = 0x5c;
const zero = 0x30;
const firstPrintable = 0x20;
const firstBeyondAscii = 0x80;

/**
 * Rows in COPY's text format, written as bytes field by field: as strings they would cost several times the memory of the row,
 * and the time to put them together.
 */
export class CopyText extends RowBytes implements RowWriter, CopyRows {
  count = 0;
  private isRowBegun = false;

  static of(rows: Iterable<string>): CopyText {
    const text = new CopyText();
    for (const row of rows) text.add(row);
    return text;
  }

  /** A whole row in COPY's form, with its newline. */
  add(row: string): void {
    this.reserve(row.length * bytesPerCharMax);
    this.length += this.buffer.write(row, this.length);
    this.count += 1;
  }

  text(value: string | null | undefined): void {
    if (value === null || value === undefined) this.absent();
    else {
      this.begin(value.length * bytesPerCharMax);
      const end = writePlain(this.buffer, this.length, value);
      this.length = end === -1 ? this.length + this.buffer.write(copyField(value), this.length) : end;
    }
  }

  absent(): void {
    this.plain(copyNull);
  }

  integer(value: number): void {
    if (value < 0 || value > 0x7fff_ffff || !Number.isInteger(value)) {
      this.plain(String(value));
      return;
    }
    this.begin(shortBytes);
    this.length = writeDigits(this.buffer, this.length, value);
  }

  long(value: number): void {
    this.integer(value);
  }

  boolean(value: boolean): void {
    this.plain(value ? 't' : 'f');
  }

  place(value: RowPlace): void {
    this.plain(placeText(value));
  }

  date(day: number): void {
    this.plain(dateText(day));
  }

  timestamp(micros: number): void {
    this.plain(timestampText(micros));
  }

  millionths(value: number): void {
    if (value < 0 || value >= 1e9) {
      this.plain(millionthsText(value));
      return;
    }
    this.begin(shortBytes);
    const whole = Math.floor(value / 1e6);
    let at = writeDigits(this.buffer, this.length, whole);
    this.buffer[at++] = 0x2e;
    let rest = value - whole * 1e6;
    for (let place = 100_000; place >= 1; place /= 10) {
      const digit = Math.floor(rest / place);
      this.buffer[at++] = zero + digit;
      rest -= digit * place;
    }
    this.length = at;
  }

  endRow(): void {
    this.reserve(1);
    this.buffer[this.length++] = newline;
    this.isRowBegun = false;
    this.count += 1;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Without their newlines; those within fields are escaped. */
  lines(): readonly string[] {
    return this.buffer.toString('utf8', 0, this.length).split('\n').slice(0, -1);
  }

  clear(): void {
    this.count = 0;
    this.length = 0;
    this.isRowBegun = false;
  }

  /** Of ASCII without anything to escape. */
  private plain(text: string): void {
    this.begin(shortBytes + text.length);
    const { buffer } = this;
    let at = this.length;
    for (let index = 0; index < text.length; index += 1) buffer[at++] = text.charCodeAt(index);
    this.length = at;
  }

  /** What separates the field from the one before it. */
  private begin(bytes: number): void {
    this.reserve(bytes + 1);
    if (this.isRowBegun) this.buffer[this.length++] = tab;
    this.isRowBegun = true;
  }
}

/** Where the text ends; -1 when it holds anything but ordinary ASCII. */
function writePlain(buffer: Buffer, start: number, text: string): number {
  let at = start;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= firstBeyondAscii || code < firstPrintable || code === backslash) return -1;
    buffer[at++] = code;
  }
  return at;
}

/** Of a number from 0 to 2^31 - 1. */
function writeDigits(buffer: Buffer, start: number, value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound && digits < 10; bound *= 10) digits += 1;
  const end = start + digits;
  let rest = value;
  for (let at = end - 1; at >= start; at -= 1) {
    const next = Math.floor(rest / 10);
    buffer[at] = zero + (rest - next * 10);
    rest = next;
  }
  return end;
}
