/** The first pause after a run that failed; it doubles with each that fails after it. */
const firstPauseMs = 5_000;

/** How the last run of a loop went. Milliseconds on one clock that never goes back. */
export interface LastRun {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Runs that failed since the last that could compare; 0 when it could itself. */
  readonly failuresInARow: number;
}

/**
 * How long after its end the next run begins: at the next whole interval after its start, so that one which takes longer
 * leaves out those that it has overrun, and never makes two run at once. After a failure sooner, with growing pauses.
 */
export function pauseAfter({ startedAtMs, endedAtMs, failuresInARow }: LastRun, everyMs: number): number {
  const took = endedAtMs - startedAtMs;
  const untilNext = Math.max(1, Math.ceil(took / everyMs)) * everyMs - took;
  if (failuresInARow === 0) return untilNext;
  return Math.min(everyMs, firstPauseMs * 2 ** (failuresInARow - 1));
}
