/** The one place that reads the clock. */

/** Epoch milliseconds. */
export function nowMs(): number {
  return Date.now();
}

/** Epoch microseconds, as events carry it. */
export function nowMicros(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** Milliseconds on a clock that never goes back: for durations. */
export function monotonicMs(): number {
  return performance.now();
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
