import type { Logger } from 'pino';
import { monotonicMs, nowMs, pause as realPause } from './clock.ts';
import { Fault } from './fault.ts';
import { reactionTo } from './retry-policy.ts';

/** How a leg is doing, for `status` and the metrics. */
export interface LegState {
  state: 'starting' | 'running' | 'waiting' | 'paused' | 'stopped';
  restarts: number;
  /** How often it was paused. */
  pauses: number;
  problem: { readonly code: string; readonly text: string; readonly since: number } | null;
}

export function newLegState(): LegState {
  return { state: 'starting', restarts: 0, pauses: 0, problem: null };
}

/** A leg that has run this long had recovered: the next pause is short again, and its problem is forgotten. */
const recoveredAfterMs = 3_000;

/**
 * Runs a leg until the signal aborts, and starts it again after every fault, as the retry policy says.
 * An error that is no fault is a bug: it is not retried but thrown, so that the process ends and is seen.
 */
export async function keepRunning(
  name: string,
  leg: (signal: AbortSignal) => Promise<void>,
  state: LegState,
  log: Logger,
  signal: AbortSignal,
  pause: typeof realPause = realPause,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = monotonicMs();
    const forget = setTimeout(() => {
      state.problem = null;
      failures = 0;
    }, recoveredAfterMs);
    try {
      state.state = 'running';
      await leg(signal);
      break;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      clearTimeout(forget);
      const reaction = reactionTo(error.kind);
      const delayMs = Math.min(reaction.delayMaxMs, reaction.firstDelayMs * 2 ** Math.min(failures, 10));
      failures += 1;
      state.restarts += 1;
      state.state = 'waiting';
      state.problem = { code: error.code, text: error.message, since: state.problem?.since ?? nowMs() };
      log[reaction.action === 'operator' ? 'error' : 'warn'](
        { leg: name, err: error, ranMs: Math.round(monotonicMs() - startedAt), nextTryMs: delayMs },
        `${name}: ${error.message} ${reaction.sentence}`,
      );
      await pause(delayMs, signal);
    } finally {
      clearTimeout(forget);
    }
  }
  state.state = 'stopped';
}
