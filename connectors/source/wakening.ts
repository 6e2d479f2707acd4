/** One sleeper that is woken by an event, a time or a signal. Waking nobody is remembered by nobody: check, then sleep. */
export class Wakening {
  #wake: (() => void) | null = null;

  wake(): void {
    this.#wake?.();
  }

  /** Sleeps until `wake` while `worthwhile()` holds, `ms` have passed (null: for ever), or the signal aborts. */
  sleep(ms: number | null, signal: AbortSignal, worthwhile: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      let timer: NodeJS.Timeout | null = null;
      const done = (): void => {
        if (timer !== null) clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = null;
        resolve();
      };
      if (ms !== null) timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = () => {
        if (worthwhile()) done();
      };
    });
  }
}
