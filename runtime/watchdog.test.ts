import { describe, expect, it } from 'vitest';
import { Watchdog } from './watchdog.ts';

/** Each look takes a second of this clock, and no time. */
function scene(limitMs: number): {
  state: { now: number; movedAt: number; stuck: number };
  dog: Watchdog;
  pause: (ms: number, signal?: AbortSignal) => Promise<void>;
} {
  const state = { now: 0, movedAt: 0, stuck: 0 };
  const pause = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (signal?.aborted !== true) state.now += ms;
  };
  const dog = new Watchdog(
    { name: 'leg', limitMs, silentMs: () => state.now - state.movedAt, stuck: () => void (state.stuck += 1) },
    pause,
  );
  return { state, dog, pause };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const never = new AbortController().signal;

describe('a watchdog', () => {
  it('tears down what stands still, at its limit, and says so', async () => {
    const { state, dog } = scene(5_000);
    await expect(dog.run(untilAborted, never)).rejects.toMatchObject({ kind: 'unavailable', code: 'LEG_STALLED' });
    expect(state).toMatchObject({ now: 5_000, stuck: 0 });
  });

  it('lets alone what moves, and tells how it ended', async () => {
    const { state, dog, pause } = scene(5_000);
    const work = async (): Promise<void> => {
      for (let step = 0; step < 50; step += 1) {
        await pause(0);
        state.movedAt = state.now;
      }
      throw new Error('its own end');
    };
    await expect(dog.run(work, never)).rejects.toThrow('its own end');
    await expect(dog.run(() => Promise.resolve(), never)).resolves.toBeUndefined();
  });

  it('ends quietly when it is asked to', async () => {
    const { dog } = scene(Number.POSITIVE_INFINITY);
    const stop = new AbortController();
    const running = dog.run(untilAborted, stop.signal);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  it('has twice the patience with what never moved, and its old patience once something has', async () => {
    const { state, dog, pause } = scene(4_000);
    const endedAfter = async (work: (signal: AbortSignal) => Promise<void>): Promise<number> => {
      const begun = state.now;
      state.movedAt = begun;
      await dog.run(work, never).catch(() => {});
      return state.now - begun;
    };
    expect([await endedAfter(untilAborted), await endedAfter(untilAborted), await endedAfter(untilAborted)]).toEqual([
      4_000, 8_000, 16_000,
    ]);
    const movesOnce = async (signal: AbortSignal): Promise<void> => {
      while (state.now - state.movedAt < 2_000) await pause(0);
      state.movedAt = state.now;
      await untilAborted(signal);
    };
    expect(await endedAfter(movesOnce)).toBeLessThan(8_000);
    expect(await endedAfter(untilAborted)).toBe(4_000);
  });

  it('gives the process up when the work does not end', async () => {
    const { state, dog } = scene(2_000);
    await expect(dog.run(() => new Promise(() => {}), never)).rejects.toMatchObject({ code: 'LEG_STALLED' });
    expect(state.stuck).toBe(1);
  });
});
