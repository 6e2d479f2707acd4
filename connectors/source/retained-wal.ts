/** Long enough to smooth the steps in which the source asks its server. */
const windowMs = 30_000;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** How fast the WAL that is kept for a slot grows, from what is seen at each scrape. */
export class RetainedWal {
  readonly #now: () => number;
  #samples: readonly Sample[] = [];

  /** `now`: milliseconds that never go back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Bytes per second over the last half minute at least; null before that much is known. */
  growth(bytes: number | null): number | null {
    if (bytes === null) return null;
    const at = this.#now();
    // The newest sample that is old enough is the one to compare with; what is older is of no use.
    const first = Math.max(
      0,
      this.#samples.findLastIndex((sample) => at - sample.at >= windowMs),
    );
    this.#samples = [...this.#samples.slice(first), { at, bytes }];
    const [oldest] = this.#samples;
    if (oldest === undefined || at - oldest.at < windowMs) return null;
    return (bytes - oldest.bytes) / ((at - oldest.at) / 1000);
  }
}
