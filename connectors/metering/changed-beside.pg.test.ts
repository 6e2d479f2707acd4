import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { mpanOf, moment, pointEvent, referenceEvents, unit } from './world.fixture.ts';
import { inTransaction, openStore, type TestStore } from './store.fixture.ts';
import { loadState } from './load.ts';
import { KnownKeys } from './known-keys.ts';
import type { KeyState } from './key-state.ts';
import { VersionWriter } from './write.ts';

// A row is found again where it was read. Somebody with psql may move it, or put another into its place, in between.

let store: TestStore;
let beside: pg.Client;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
  beside = new pg.Client({ connectionString: store.database.url });
  await beside.connect();
});

afterAll(async () => {
  await beside.end();
  await store.close();
});

beforeEach(() => store.empty());

const contents = 'SELECT mpan_core, supplier_mpid, lsn FROM metering.metering_point ORDER BY mpan_core';
const historyCount = 'SELECT count(*)::int AS count FROM metering.metering_point_history';

/** Reads so many points, lets something happen, and writes what an update would make of them. */
async function updateWhile(
  points: number,
  happens: () => Promise<unknown>,
  isDelete = false,
  disturb: (states: readonly KeyState[]) => void = () => {},
  atOnce = points,
): Promise<void> {
  const domain = store.domain(0, 1);
  const mpans = Array.from({ length: points }, (_, index) => mpanOf(index + 1));
  const made = mpans.map((mpan, index) => pointEvent(mpan, 'create', { lsn: 2, ordinal: index + 1 }));
  await store.apply(domain, [unit(1, ...referenceEvents(1)), unit(2, ...made)], moment(2));
  await inTransaction(store.client, async () => {
    const known = new KnownKeys('registration', 0);
    await known.refresh(store.client);
    known.loaded();
    const writer = new VersionWriter();
    await writer.begin(store.client);
    const state = await loadState(store.client, new Set(mpans), new Set(), known);
    const states = mpans.map((mpan) => state.mpan(mpan).meteringPoint);
    for (const one of states) supersede(one, isDelete);
    disturb(states);
    await happens();
    for (let at = 0; at < points; at += atOnce) await writer.write(store.client, states.slice(at, at + atOnce), []);
  });
}

function supersede(state: KeyState, isDelete: boolean): void {
  const { stored } = state;
  if (stored === null) throw new Error(`${state.key} was not read`);
  const at = { generation: 1, lsn: 3, ordinal: 1, xid: 3, sourceTime: 3_000_000 };
  const version = { ...stored, ...at, source: 'registration', committedAt: 3, decided: null };
  state.replace(isDelete ? null : version, at, []);
}

const changedBeside = { kind: 'unavailable', code: 'STORE_CHANGED_BESIDE' };
const both = [
  ['a few rows', 3],
  ['many rows', 150],
] as const;

test.each(both)('%s that nobody touched are written, and each went to history', async (_, points) => {
  await updateWhile(points, () => Promise.resolve());
  const rows = await store.rows(contents);
  expect(rows.map(({ lsn }) => String(lsn))).toEqual(Array.from({ length: points }, () => '3'));
  expect(await store.rows(historyCount)).toEqual([{ count: points }]);
});

test.each(both)('of %s one that was changed beside: nothing of the batch is kept', async (_, points) => {
  const byHand = `UPDATE metering.metering_point SET supplier_mpid = 'HAND' WHERE mpan_core = '${mpanOf(2)}'`;
  await expect(updateWhile(points, () => beside.query(byHand))).rejects.toMatchObject(changedBeside);
  const rows = await store.rows(contents);
  expect(rows.filter(({ lsn }) => String(lsn) === '2')).toHaveLength(points);
  expect(rows.filter(({ supplier_mpid }) => supplier_mpid === 'HAND')).toHaveLength(1);
  expect(await store.rows(historyCount)).toEqual([{ count: 0 }]);
});

test.each(both)('of %s that go one was removed beside: nothing of the batch is kept', async (_, points) => {
  const byHand = `DELETE FROM metering.metering_point WHERE mpan_core = '${mpanOf(2)}'`;
  await expect(updateWhile(points, () => beside.query(byHand), true)).rejects.toMatchObject(changedBeside);
  expect(await store.rows(contents)).toHaveLength(points - 1);
  expect(await store.rows(historyCount)).toEqual([{ count: 0 }]);
});

test('what lies in the place of the row that was read and has another key is not taken for it', async () => {
  const swap = (states: readonly KeyState[]): void => {
    const [first, second] = states;
    if (first === undefined || second === undefined) return;
    const { place } = first;
    Object.assign(first, { place: second.place });
    Object.assign(second, { place });
  };
  await expect(updateWhile(3, () => Promise.resolve(), false, swap)).rejects.toMatchObject(changedBeside);
  expect((await store.rows(contents)).map(({ lsn }) => String(lsn))).toEqual(['2', '2', '2']);
});

/** Every fifth row differs in an item, has a timeline, was decided later, or was ended at another position than its next. */
function vary(states: readonly KeyState[]): void {
  for (const [index, state] of states.entries()) {
    const { made, ending } = state;
    if (made === null || ending === null) throw new Error(`${state.key} is not changed`);
    const decided = { position: { generation: 1, lsn: 4, ordinal: 2 }, sourceTime: 4_000_000 + index };
    if (index % 5 === 0)
      Object.assign(made, { items: { ...made.items, line_loss_factor: 990_000, supplier_efd: null } });
    if (index % 5 === 1) state.timeline = '{"from":null}';
    if (index % 5 === 2) Object.assign(made, { decided });
    if (index % 5 === 3) state.ending = { ...ending, ordinal: 7, sourceTime: 2_500_000 };
    if (index % 5 === 4) Object.assign(made, { items: { ...made.items, supplier_mpid: 'SUPB', domestic: null } });
  }
}

test('many rows that differ in different things are written as a few at a time are', async () => {
  const tables = ['metering_point', 'metering_point_history'];
  const written: unknown[] = [];
  for (const atOnce of [150, 50]) {
    await store.empty();
    await updateWhile(150, () => Promise.resolve(), false, vary, atOnce);
    for (const table of tables) {
      const rows = await store.rows(
        `SELECT to_jsonb(p) - '{applied_at,superseded_at}'::text[] AS row FROM metering.${table} p ORDER BY mpan_core`,
      );
      expect(rows).toHaveLength(150);
      written.push(rows);
    }
  }
  expect(written.slice(0, 2)).toEqual(written.slice(2));
});
