/** Most batches are a handful of rows: what they do not need is freed by nothing but a full collection. */
const firstBytes = 2 * 1024;

/** A buffer that grows with the rows that are written into it, and is used again when they are sent. */
export abstract class RowBytes {
  protected buffer = Buffer.alloc(0);
  protected length = 0;

  protected reserve(bytes: number): void {
    const least = this.length + bytes;
    if (least <= this.buffer.length) return;
    const next = Buffer.allocUnsafeSlow(Math.max(firstBytes, least, this.buffer.length * 2));
    this.buffer.copy(next, 0, 0, this.length);
    this.buffer = next;
  }
}
