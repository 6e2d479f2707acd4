const blockBytes = 1 << 20;

/** Blocks that are written, sent and written again: what the source holds does not grow with what passes through. */
export class BlockPool {
  readonly #free: Buffer[] = [];
  readonly #keepMax: number;

  /** `keepBytesMax`: how much stays at hand for use again. */
  constructor(keepBytesMax: number) {
    this.#keepMax = Math.ceil(keepBytesMax / blockBytes);
  }

  take(bytes: number): Buffer {
    if (bytes > blockBytes) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  give(block: Buffer): void {
    if (block.length === blockBytes && this.#free.length < this.#keepMax) this.#free.push(block);
  }
}

/** The bytes of one batch: a list of blocks. A record lies in one block, so that it can be sent as a view of it. */
export class Slab {
  readonly #pool: BlockPool;
  readonly #blocks: Buffer[] = [];
  block: Buffer = Buffer.alloc(0);
  /** Where the next byte of `block` goes. */
  at = 0;
  bytes = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** After it, `bytesMax` bytes can be written at `at` of `block`. */
  reserve(bytesMax: number): void {
    if (this.at + bytesMax <= this.block.length) return;
    this.block = this.#pool.take(bytesMax);
    this.#blocks.push(this.block);
    this.at = 0;
  }

  /** What was written from `at` to `end`, which is thereby used. */
  cut(end: number): Buffer {
    const view = this.block.subarray(this.at, end);
    this.bytes += end - this.at;
    this.at = end;
    return view;
  }

  /** Gives the blocks back: no view of them may be used any more. */
  release(): void {
    for (const block of this.#blocks.splice(0)) this.#pool.give(block);
    this.block = Buffer.alloc(0);
    this.at = 0;
  }
}
