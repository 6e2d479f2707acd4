const firstBytes = 64 * 1024;
/** A character of JavaScript takes at most so many bytes in UTF-8. */
const bytesPerCharMax = 3;

/**
 * Rows in COPY's text format, as bytes from the moment that they are made: a row that is kept as a string keeps all the
 * pieces it was put together from.
 */
export class CopyText {
  count = 0;
  private buffer = Buffer.alloc(0);
  private length = 0;

  static of(rows: Iterable<string>): CopyText {
    const text = new CopyText();
    for (const row of rows) text.add(row);
    return text;
  }

  /** With its newline. */
  add(row: string): void {
    const least = this.length + row.length * bytesPerCharMax;
    if (least > this.buffer.length) {
      const next = Buffer.allocUnsafeSlow(Math.max(firstBytes, least, this.buffer.length * 2));
      this.buffer.copy(next, 0, 0, this.length);
      this.buffer = next;
    }
    this.length += this.buffer.write(row, this.length);
    this.count += 1;
  }

  /** A view: valid until the next change. */
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
  }
}
