import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { beginning } from '../../avro/position.ts';
import { Coverage } from './coverage.ts';
import { testLimits } from './source.fixture.ts';
import { TransactionGatherer } from './transactions.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A gatherer that is asked for one batch after the other; tells at which millisecond each was given away. */
function gathering(limits: Partial<typeof testLimits>): { gatherer: TransactionGatherer; givenAt: number[] } {
  const coverage = new Coverage({
    position: beginning,
    complete: true,
    endLsn: 0,
    sourceTime: 0,
    xid: 0,
    captured: {},
    heartbeatToken: 0,
    parkedTables: [],
    jobs: '{}',
    loadCompleteAt: null,
  });
  const gatherer = new TransactionGatherer({ ...testLimits, ...limits }, coverage, () => {});
  const givenAt: number[] = [];
  const begun = performance.now();
  const ask = async (): Promise<void> => {
    for (;;) {
      const given = await gatherer.next(new AbortController().signal);
      if (given === null) return;
      givenAt.push(Math.round(performance.now() - begun));
      gatherer.release(given);
    }
  };
  void ask();
  return { gatherer, givenAt };
}

function commit(gatherer: TransactionGatherer): void {
  gatherer.beginSource();
  gatherer.commitSource(true);
}

test('a lone change goes at once, and what follows it goes together after the linger', async () => {
  const { gatherer, givenAt } = gathering({ lingerMs: 10 });
  await vi.advanceTimersByTimeAsync(100);
  commit(gatherer);
  await vi.advanceTimersByTimeAsync(1);
  for (let change = 0; change < 5; change += 1) {
    commit(gatherer);
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(100);
  expect(givenAt).toEqual([100, 110]);
  commit(gatherer);
  await vi.advanceTimersByTimeAsync(100);
  expect(givenAt).toEqual([100, 110, 206]);
});

test('a full batch waits for nothing', async () => {
  const { gatherer, givenAt } = gathering({ lingerMs: 1_000, transactionEventsMax: 0 });
  for (let change = 0; change < 3; change += 1) {
    commit(gatherer);
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(givenAt).toEqual([0, 1, 2]);
});
