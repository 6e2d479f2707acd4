import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Fault, type FaultKind } from './fault.ts';
import { keepRunning, newLegState, type LegState } from './keep-running.ts';

interface Run {
  readonly pauses: number[];
  readonly states: Pick<LegState, 'state' | 'restarts'>[];
  readonly log: Record<string, unknown>[];
  readonly state: LegState;
  readonly error: unknown;
}

type Script = 'runs until it is stopped' | Error;

/** A leg that does what its script says, run by run; the pauses between are only written down. */
async function run(script: readonly Script[], stopInPause = Number.POSITIVE_INFINITY): Promise<Run> {
  const pauses: number[] = [];
  const states: Run['states'] = [];
  const lines: string[] = [];
  const state = newLegState();
  const stop = new AbortController();
  const left = [...script];
  const leg = (signal: AbortSignal): Promise<void> => {
    states.push({ state: state.state, restarts: state.restarts });
    const next = left.shift();
    if (next instanceof Error) return Promise.reject(next);
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      stop.abort();
    });
  };
  const pause = (ms: number): Promise<void> => {
    pauses.push(ms);
    if (pauses.length >= stopInPause) stop.abort();
    return Promise.resolve();
  };
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
  let error: unknown = null;
  try {
    await keepRunning('metering sink', leg, state, log, stop.signal, pause);
  } catch (thrown) {
    error = thrown;
  }
  return { pauses, states, log: lines.map((line) => JSON.parse(line) as Record<string, unknown>), state, error };
}

function fault(kind: FaultKind, text = 'Away.'): Fault {
  return new Fault(kind, 'DATABASE_UNAVAILABLE', text);
}

const stops = 'runs until it is stopped';

describe('a leg', () => {
  it('that is stopped is not started again', async () => {
    const { pauses, states, state, error } = await run([stops]);
    expect({ pauses, runs: states.length, error }).toEqual({ pauses: [], runs: 1, error: null });
    expect(state).toEqual({ state: 'stopped', restarts: 0, pauses: 0, problem: null });
  });

  it('that fails is started again after pauses that double up to the longest', async () => {
    const { pauses, states } = await run([...Array.from({ length: 8 }, () => fault('unavailable')), stops]);
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(states.map(({ restarts }) => restarts)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set(['running']));
  });

  it('that waits for a person is tried again every minute, however often it failed', async () => {
    const { pauses } = await run([...Array.from({ length: 2_000 }, () => fault('refused')), stops]);
    expect(pauses.slice(0, 5)).toEqual([5_000, 10_000, 20_000, 40_000, 60_000]);
    expect(pauses.at(-1)).toBe(60_000);
  });

  it('that is stopped while it waits is not started again', async () => {
    const { states, state } = await run([fault('gap'), stops], 1);
    expect(states).toHaveLength(1);
    expect(state.state).toBe('stopped');
  });

  it('that fails has its problem in the state, with the time of the first failure of the row', async () => {
    const { state } = await run([fault('unavailable', 'First.'), fault('refused', 'Second.')], 2);
    expect(state.problem).toMatchObject({ code: 'DATABASE_UNAVAILABLE', text: 'Second.' });
    expect(state.problem?.since).toBeLessThanOrEqual(Date.now());
  });

  it('that fails is told: as a warning when it mends itself, as an error when a person must act', async () => {
    const { log } = await run([fault('unavailable'), fault('misconfigured'), stops]);
    expect(log.map(({ level, leg, nextTryMs }) => ({ level, leg, nextTryMs }))).toEqual([
      { level: 40, leg: 'metering sink', nextTryMs: 100 },
      { level: 50, leg: 'metering sink', nextTryMs: 10_000 },
    ]);
    expect(log[1]?.['msg']).toContain('Run `concord check` for the remedy');
  });

  it('that has a bug is not started again: the bug is thrown', async () => {
    const bug = new TypeError('no such thing');
    const { error, states } = await run([fault('unavailable'), bug, stops]);
    expect(error).toBe(bug);
    expect(states).toHaveLength(2);
  });
});
