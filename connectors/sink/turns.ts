/** At most so many at once; who comes later waits until one of them has finished. */
export class Turns {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(atOnceMax: number) {
    this.free = atOnceMax;
  }

  /** Resolves when it is our turn, which `finish` must end. */
  async take(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  finish(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }

  /** The same items, of which the consumer has each for one turn. */
  async *each<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = items[Symbol.asyncIterator]();
    for (;;) {
      await this.take();
      try {
        const next = await iterator.next();
        if (next.done === true) return;
        yield next.value;
      } finally {
        this.finish();
      }
    }
  }
}
