/** A column whose value is NULL. */
export const isNull = -1;
/** A column that the server did not send because a large value did not change (TOAST). */
export const isUnchanged = -2;
/** A column that is left out because the row would be larger than a record may be. `starts` has its bytes. */
export const isTooLarge = -3;

/**
 * A row as offsets into the buffer it came in: no object per column. It is valid only until that buffer is
 * used again, which for the replication stream is the end of the message's handler.
 */
export class Tuple {
  buffer: Buffer = Buffer.alloc(0);
  count = 0;
  starts: Int32Array = new Int32Array(64);
  /** Bytes of the value's text, or `isNull`, `isUnchanged`, `isTooLarge`. */
  lengths: Int32Array = new Int32Array(64);

  reset(buffer: Buffer, count: number): void {
    this.buffer = buffer;
    this.count = count;
    if (count > this.starts.length) {
      this.starts = new Int32Array(count);
      this.lengths = new Int32Array(count);
    }
  }

  start(column: number): number {
    return this.starts[column] ?? 0;
  }

  length(column: number): number {
    return this.lengths[column] ?? isNull;
  }

  /** The value as a string; null for NULL and for what was not sent. */
  text(column: number): string | null {
    const length = this.length(column);
    const start = this.start(column);
    return length < 0 ? null : this.buffer.toString('utf8', start, start + length);
  }
}

/** Whether a column holds the same bytes in both; a value that was not sent did not change. */
export function sameValue(a: Tuple, b: Tuple, column: number): boolean {
  const length = a.length(column);
  const other = b.length(column);
  if (length === isUnchanged || other === isUnchanged) return true;
  if (length !== other) return false;
  const start = a.start(column);
  const otherStart = b.start(column);
  for (let index = 0; index < length; index += 1) {
    if (a.buffer[start + index] !== b.buffer[otherStart + index]) return false;
  }
  return true;
}

/** Takes the columns that the new row does not carry from the old one: a large key that did not change, for instance. */
export function fillColumns(row: Tuple, old: Tuple, columns: readonly number[]): void {
  for (const column of columns) {
    if (row.lengths[column] !== isUnchanged) continue;
    row.starts[column] = old.start(column);
    row.lengths[column] = old.length(column);
  }
}

/** Takes what the new row does not carry from the old one, which a full replica identity holds entirely. */
export function fillUnchanged(row: Tuple, old: Tuple): void {
  for (let column = 0; column < row.count; column += 1) {
    if (row.lengths[column] !== isUnchanged) continue;
    row.starts[column] = old.start(column);
    row.lengths[column] = old.length(column);
  }
}
