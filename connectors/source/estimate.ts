/** What is read, and since when. */
export interface Reading {
  readonly done: number;
  /** How much there is in all, as far as the planner knows. */
  readonly estimate: number | null;
  readonly forMs: number;
}

/** About how long it still takes at the rate so far; null where nothing can be said: no estimate, no rate, or beyond it. */
export function secondsLeft({ done, estimate, forMs }: Reading): number | null {
  if (estimate === null || done <= 0 || forMs <= 0 || estimate <= done) return null;
  return Math.ceil(((estimate - done) * forMs) / done / 1_000);
}

/** `, about 5 s to go`; empty where it is not known. */
export function tellSecondsLeft(seconds: number | null): string {
  return seconds === null ? '' : `, about ${seconds.toLocaleString('en-GB')} s to go`;
}
