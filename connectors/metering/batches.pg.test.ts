import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { LaneMoment, OutcomeDelta, Unit } from '../sink/contract.ts';
import { largeUnitOf } from '../sink/large-unit.fixture.ts';
import { histories } from './history.fixture.ts';
import { storeContents } from './store-contents.fixture.ts';
import { inTransaction, openStore, type TestStore } from './store.fixture.ts';
import { moment } from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

beforeEach(() => store.empty());

/** After a unit, with the initial load complete at `loadedLsn`. */
function momentAfter(units: readonly Unit[], loadedLsn: number): LaneMoment {
  const last = units.at(-1);
  const sourceTime = last?.events[0]?.event.source.sourceTime ?? 0;
  return moment(last?.lsn ?? 0, { sourceTime, loadCompleteAt: { generation: 1, lsn: loadedLsn, ordinal: 1_000_000 } });
}

function total(deltas: readonly OutcomeDelta[], totals: Map<string, number>): void {
  for (const { topic, outcome, delta } of deltas) {
    const name = `${topic} ${outcome}`;
    const sum = (totals.get(name) ?? 0) + delta;
    if (sum === 0) totals.delete(name);
    else totals.set(name, sum);
  }
}

/** Applies a history cut after the given units; a new instance for every `restart`th batch, as after a failure. */
async function applied(
  units: readonly Unit[],
  cuts: readonly number[],
  options: { readonly loadedLsn: number; readonly restarts: boolean; readonly asLarge: boolean },
): Promise<{ readonly contents: unknown; readonly outcomes: unknown }> {
  await store.empty();
  const totals = new Map<string, number>();
  let domain = store.domain();
  let from = 0;
  for (const to of [...cuts, units.length]) {
    if (to <= from) continue;
    if (options.restarts) {
      domain = store.domain();
      const before = units.slice(0, from).flatMap(({ events }) => events);
      await domain.prime(
        store.client,
        before.filter(({ topic }) => /participant|distributor/.test(topic)),
      );
    }
    const batch = units.slice(from, to);
    const [only] = batch;
    const at = momentAfter(batch, options.loadedLsn);
    if (options.asLarge && only !== undefined && batch.length === 1) {
      const deltas = await inTransaction(store.client, () => domain.applyLarge(store.client, largeUnitOf(only), at));
      total(deltas, totals);
    } else total(await store.apply(domain, batch, at), totals);
    from = to;
  }
  return {
    contents: await storeContents(store),
    outcomes: Object.fromEntries([...totals].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }).map((all) => all.toSorted((a, b) => a - b));

test('any cut into batches, with restarts between or in slices by key, gives the same store, rejections and outcomes', async () => {
  await fc.assert(
    fc.asyncProperty(histories, cuts, fc.integer({ min: 0, max: 25 }), async (units, cut, loadedLsn) => {
      const singly = units.map((_, index) => index + 1);
      const expected = await applied(units, singly, { loadedLsn, restarts: true, asLarge: false });
      const inBatches = cut.map((at) => Math.min(at, units.length));
      expect(await applied(units, inBatches, { loadedLsn, restarts: false, asLarge: false })).toEqual(expected);
      expect(await applied(units, singly, { loadedLsn, restarts: false, asLarge: true })).toEqual(expected);
    }),
    { numRuns: 8 },
  );
});

test('every event ends as exactly one thing, and history has no gaps', async () => {
  await fc.assert(
    fc.asyncProperty(histories, cuts, async (units, cut) => {
      const inBatches = cut.map((at) => Math.min(at, units.length));
      const { outcomes } = await applied(units, inBatches, { loadedLsn: 0, restarts: false, asLarge: false });
      const counted = Object.values(outcomes as Record<string, number>);
      expect(counted.every((count) => count >= 0)).toBe(true);
      expect(counted.reduce((sum, count) => sum + count, 0)).toBe(units.flatMap(({ events }) => events).length);
      const [held] = await store.rows('SELECT count(*)::int AS count FROM metering.held');
      const ofHeld = Object.entries(outcomes as Record<string, number>).filter(([name]) => name.endsWith(' held'));
      expect(ofHeld.reduce((sum, [, count]) => sum + count, 0)).toBe(held?.['count']);
      expect(await gaps()).toEqual([]);
    }),
    { numRuns: 8 },
  );
});

/** Versions whose end is neither the begin of the next nor a delete, and versions that overlap. */
async function gaps(): Promise<readonly unknown[]> {
  return store.rows(`
    WITH version AS (
      SELECT mpan_core, generation, lsn, ordinal, lsn_to, ordinal_to FROM metering.metering_point_history
      UNION ALL SELECT mpan_core, generation, lsn, ordinal, NULL, NULL FROM metering.metering_point
    ), chain AS (
      SELECT *, lead(lsn) OVER key AS next_lsn, lead(ordinal) OVER key AS next_ordinal FROM version
      WINDOW key AS (PARTITION BY mpan_core ORDER BY lsn, ordinal)
    )
    SELECT * FROM chain WHERE (lsn_to IS NULL AND next_lsn IS NOT NULL) OR (lsn_to, ordinal_to) > (next_lsn, next_ordinal)
      OR (lsn_to, ordinal_to) < (lsn, ordinal)`);
}
