import { monotonicMs, pause } from '../runtime/clock.ts';

/** A time limit for one wait; what is waited for is named in the error. */
export interface Patience {
  readonly what: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Looked at on every turn: throws if what is waited for can not come any more. */
  readonly alive?: () => void;
}

/** Calls `probe` every `everyMs` until it is true. */
export async function until(probe: () => Promise<boolean>, everyMs: number, patience: Patience): Promise<void> {
  const deadline = monotonicMs() + patience.seconds * 1_000;
  while (!(await probe())) {
    patience.signal.throwIfAborted();
    patience.alive?.();
    if (monotonicMs() > deadline) throw new Error(`${patience.what}: not within ${patience.seconds} s`);
    await pause(everyMs, patience.signal);
  }
  patience.signal.throwIfAborted();
}

/** Epoch milliseconds of the first and of the last change of a counter, and how much the first one brought. */
export interface Passage {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly first: number;
}

/** Events a second from the first change on: what the first one brought was under way before. */
export function rateOf(events: number, { first, firstMs, lastMs }: Passage): number {
  return ((events - first) * 1_000) / (lastMs - firstMs);
}

const settledMs = 1_000;

/**
 * Follows a counter that is cheap to read until it has grown by `goal` and has stood still for a second: the moment of its
 * last change is when all was there. Transaction markers count in a high watermark, so it alone would be reached early.
 */
export async function passageOf(
  read: () => Promise<number>,
  from: number,
  goal: number,
  patience: Patience,
  everyMs = 25,
): Promise<Passage> {
  let seen = from;
  let firstMs: number | null = null;
  let lastMs = 0;
  let first = 0;
  const settled = async (): Promise<boolean> => {
    const value = await read();
    const now = Date.now();
    if (value !== seen) {
      seen = value;
      if (firstMs === null) first = value - from;
      firstMs ??= now;
      lastMs = now;
    }
    return seen - from >= goal && now - lastMs >= settledMs;
  };
  await until(settled, everyMs, patience);
  return { firstMs: firstMs ?? lastMs, lastMs, first };
}

/** So many times as long as a reading took it is left alone: what is read is not to be slowed by it. */
const readShare = 15;

/**
 * Waits until a count that is dear to read (a scan) has reached its goal, and reads it seldom: each next time when about half
 * of what is missing should have come. The exact moment is asked of the database afterwards.
 */
export async function untilCount(read: () => Promise<number>, goal: number, patience: Patience): Promise<void> {
  const begun = monotonicMs();
  const deadline = begun + patience.seconds * 1_000;
  for (;;) {
    const readAt = monotonicMs();
    const count = await read();
    if (count >= goal) return;
    patience.signal.throwIfAborted();
    patience.alive?.();
    const now = monotonicMs();
    if (now > deadline) throw new Error(`${patience.what}: ${count} of ${goal} after ${patience.seconds} s`);
    const remainingMs = count === 0 ? 1_000 : ((goal - count) * (now - begun)) / count;
    const leastMs = Math.max(200, (now - readAt) * readShare);
    await pause(Math.max(leastMs, Math.min(2_000, remainingMs / 2)), patience.signal);
  }
}
