import { pause as realPause } from './clock.ts';
import { Fault } from './fault.ts';

/** What a watchdog must know of the work that it watches. */
export interface Watch {
  readonly name: string;
  /** For how long nothing that counts has moved since the work was begun. */
  silentMs(): number;
  /** From then on the work is torn down. */
  readonly limitMs: number;
  /** The work could not be torn down: nothing but the end of the process helps. */
  stuck(): void;
}

const lookEveryMs = 1_000;
/** The parts of a leg give themselves up to 20 s to end. */
const tearDownMaxMs = 30_000;

/**
 * Runs work that is to move all the time, and tears it down when it does not, whatever it waits for: it rejects with a
 * Fault, and whoever runs it begins anew. Each time that it stood still from beginning to end the limit doubles, so that
 * something that only takes very long is not begun for ever.
 */
export class Watchdog {
  readonly #watch: Watch;
  readonly #pause: typeof realPause;
  #limitMs: number;

  constructor(watch: Watch, pause: typeof realPause = realPause) {
    this.#watch = watch;
    this.#pause = pause;
    this.#limitMs = watch.limitMs;
  }

  async run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const tearDown = new AbortController();
    const over = new AbortController();
    const working = work(AbortSignal.any([signal, tearDown.signal])).finally(() => over.abort());
    const silentMs = await this.#untilSilent(working, over.signal);
    if (silentMs === null) return working;
    tearDown.abort();
    working.catch(() => {});
    await Promise.race([working.catch(() => {}), this.#pause(tearDownMaxMs, over.signal)]);
    if (!over.signal.aborted) this.#watch.stuck();
    throw new Fault(
      'unavailable',
      'LEG_STALLED',
      `Nothing has moved for ${Math.round(silentMs / 1_000)} s, not even a heartbeat, although nothing has failed. It was torn down and is begun anew.`,
      { leg: this.#watch.name, limitMs: this.#limitMs },
    );
  }

  /** Null when the work ended before; how it ended is not told here. */
  async #untilSilent(working: Promise<void>, over: AbortSignal): Promise<number | null> {
    working.catch(() => {});
    let moved = false;
    let before = 0;
    while (!over.aborted) {
      await this.#pause(lookEveryMs, over);
      if (over.aborted) return null;
      const silentMs = this.#watch.silentMs();
      if (silentMs < before) moved = true;
      before = silentMs;
      if (moved) this.#limitMs = this.#watch.limitMs;
      if (silentMs < this.#limitMs) continue;
      if (!moved) this.#limitMs *= 2;
      return silentMs;
    }
    return null;
  }
}
