import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { partitionOf } from '../../topics/partitioner.ts';
import type { OutcomeDelta } from '../sink/contract.ts';
import { largeUnitOf } from '../sink/large-unit.fixture.ts';
import { inTransaction, openStore, type TestStore } from './store.fixture.ts';
import {
  appointmentEvent,
  assetEvent,
  laneEvent,
  moment,
  mpanOf,
  participantEvent,
  pointEvent,
  referenceEvents,
  topics,
  unit,
  worldBegin,
} from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

beforeEach(() => store.empty());

const mpan = mpanOf(1);
const day = 86_400_000_000;

function brief(deltas: readonly OutcomeDelta[]): Record<string, number> {
  return Object.fromEntries(
    deltas.map(({ topic, outcome, delta }) => [`${topic.slice('registration.'.length)} ${outcome}`, delta]),
  );
}

test('a hold ends before any event beyond its deadline, and its error is dated at the deadline', async () => {
  const domain = store.domain();
  await store.apply(domain, [unit(1, ...referenceEvents(1))], moment(1));
  await store.apply(domain, [unit(2, appointmentEvent(mpan, 7, 'create', { lsn: 2 }))], moment(2));
  const due = Date.UTC(2024, 3, 5, 23) * 1000 - 1;
  expect(domain.deadline()).toBe(due + 1);
  const late = pointEvent(mpan, 'create', { lsn: 3, at: due + day });
  expect(brief(await store.apply(domain, [unit(3, late)], moment(3, { sourceTime: due + day })))).toEqual({
    'appointment.mss held': -1,
    // Refused when the hold ended, and withdrawn by the point that comes a day too late.
    'appointment.mss applied': 1,
    'metering-point applied': 1,
  });
  expect(await store.rows('SELECT rule_codes, raised_at, status FROM metering.rejection')).toEqual([
    {
      rule_codes: ['METERING_POINT_UNKNOWN'],
      raised_at: new Date(Date.UTC(2024, 3, 5, 22, 59, 59, 999)),
      status: 'withdrawn',
    },
  ]);
  expect(domain.deadline()).toBeNull();
});

test('time alone ends a hold', async () => {
  const domain = store.domain();
  await store.apply(
    domain,
    [unit(1, ...referenceEvents(1)), unit(2, appointmentEvent(mpan, 7, 'create', { lsn: 2 }))],
    moment(2),
  );
  const after = moment(3, { sourceTime: worldBegin + 30 * day });
  expect(brief(await store.apply(domain, [], after))).toEqual({
    'appointment.mss held': -1,
    'appointment.mss rejected': 1,
  });
});

test('reference data that comes later releases what waited for it, in every lane, and one lane writes it', async () => {
  const first = store.domain(0);
  const second = store.domain(1);
  const reference = unit(1, ...referenceEvents(1));
  await store.apply(first, [reference], moment(1));
  await store.apply(second, [reference], moment(1, { lane: 1 }));
  const held = unit(2, assetEvent('00-DB-12-34-56-78-90-A1', 'create', { lsn: 2 }, { map_mpid: 'MAPN' }));
  expect(brief(await store.apply(second, [held], moment(2, { lane: 1 })))).toEqual({ 'meter-asset held': 1 });
  const late = unit(3, participantEvent('MAPN', 'Z', 'create', { lsn: 3 }));
  expect(brief(await store.apply(first, [late], moment(3)))).toEqual({ 'participant applied': 1 });
  expect(brief(await store.apply(second, [late], moment(3, { lane: 1 })))).toEqual({
    'meter-asset held': -1,
    'meter-asset applied': 1,
  });
  expect(await store.rows('SELECT lsn::int, decided_lsn::int FROM metering.meter_asset')).toEqual([
    { lsn: 2, decided_lsn: 3 },
  ]);
});

test('what waited for the initial load is judged where the load is complete, before what comes after', async () => {
  const domain = store.domain();
  const appointment = unit(2, appointmentEvent(mpan, 7, 'read', { lsn: 2 }));
  await store.apply(domain, [unit(1, ...referenceEvents(1)), appointment], moment(2, { loadCompleteAt: null }));
  expect(await store.rows('SELECT rule_codes, due FROM metering.held')).toEqual([
    { rule_codes: ['LOADING'], due: null },
  ]);
  const point = unit(3, pointEvent(mpan, 'read', { lsn: 3 }));
  const gone = unit(5, appointmentEvent(mpan, 7, 'delete', { lsn: 5 }));
  const loaded = { loadCompleteAt: { generation: 1, lsn: 4, ordinal: 1 } };
  expect(brief(await store.apply(domain, [point, gone], moment(5, loaded)))).toEqual({
    'metering-point applied': 1,
    'appointment.mss held': -1,
    'appointment.mss applied': 2,
  });
  expect(await store.rows('SELECT lsn::int, decided_lsn::int, lsn_to::int FROM metering.appointment_history')).toEqual([
    { lsn: 2, decided_lsn: 4, lsn_to: 5 },
  ]);
});

test('a truncate takes the rows of its topic and lane, and what is open about them; it counts once', async () => {
  const mine = [1, 2, 3, 4, 5, 6, 7, 8].map(mpanOf).filter((one) => partitionOf(Buffer.from(one), 4) === 1);
  const others = [1, 2, 3, 4, 5, 6, 7, 8].map(mpanOf).filter((one) => partitionOf(Buffer.from(one), 4) !== 1);
  const domain = store.domain(1);
  const points = [...mine, ...others].map((one, index) => pointEvent(one, 'create', { lsn: 2, ordinal: index + 1 }));
  const bad = pointEvent(mine[0] ?? '', 'update', { lsn: 3 }, { gsp_group: '_O' });
  await store.apply(domain, [unit(1, ...referenceEvents(1)), unit(2, ...points), unit(3, bad)], moment(3, { lane: 1 }));
  const truncate = laneEvent(topics.point, '__truncate__', 'truncate', {}, { lsn: 4, ordinal: 1 });
  const again = pointEvent(mine[1] ?? '', 'create', { lsn: 4, ordinal: 2 });
  expect(brief(await store.apply(domain, [unit(4, truncate, again)], moment(4, { lane: 1 })))).toEqual({
    'metering-point applied': 1,
  });
  expect(
    (await store.rows('SELECT mpan_core FROM metering.metering_point ORDER BY 1')).map((row) => row['mpan_core']),
  ).toEqual([...others, mine[1]].sort((a, b) => (String(a) < String(b) ? -1 : 1)));
  expect(await store.rows('SELECT status, resolved_by_lsn::int FROM metering.rejection')).toEqual([
    { status: 'resolved', resolved_by_lsn: 4 },
  ]);
  expect(brief(await store.apply(store.domain(0), [unit(4, truncate)], moment(4)))).toEqual({
    'metering-point applied': 1,
  });
});

test('a large transaction is judged as one, slice by slice', async () => {
  const domain = store.domain();
  const points = Array.from({ length: 40 }, (_, n) => pointEvent(mpanOf(n), 'create', { lsn: 2, ordinal: 100 + n }));
  const appointments = Array.from({ length: 40 }, (_, n) =>
    appointmentEvent(mpanOf(n), n, 'create', { lsn: 2, ordinal: n + 1 }),
  );
  const large = largeUnitOf(unit(2, ...referenceEvents(2), ...appointments, ...points), 7);
  const deltas = await inTransaction(store.client, () => domain.applyLarge(store.client, large, moment(2)));
  expect(brief(deltas)).toEqual({
    'participant applied': 8,
    'distributor applied': 1,
    'appointment.mss applied': 40,
    'metering-point applied': 40,
  });
});

test('when the load is complete, pages are cleaned later; whoever holds the table is not waited for, and the lane goes on', async () => {
  const fillfactor = "SELECT reloptions FROM pg_class WHERE oid = 'metering.metering_point'::regclass";
  const loading = moment(2, { loadCompleteAt: null });
  await store.client.query('ALTER TABLE metering.metering_point SET (fillfactor = 80)');
  await store.apply(
    store.domain(),
    [unit(1, ...referenceEvents(1)), unit(2, pointEvent(mpan, 'create', { lsn: 2 }))],
    loading,
  );
  expect(await store.rows(fillfactor)).toEqual([{ reloptions: ['fillfactor=80'] }]);

  const beside = new pg.Client({ connectionString: store.database.url });
  await beside.connect();
  try {
    await beside.query('BEGIN; LOCK TABLE metering.metering_point IN SHARE UPDATE EXCLUSIVE MODE');
    const domain = store.domain();
    await domain.prime(store.client, referenceEvents(1));
    await store.apply(
      domain,
      [unit(3, pointEvent(mpan, 'update', { lsn: 3 }, { line_loss_factor: 990_000 }))],
      moment(3),
    );
    expect(await store.rows(fillfactor)).toEqual([{ reloptions: ['fillfactor=80'] }]);
    expect(await store.rows('SELECT lsn::int FROM metering.metering_point')).toEqual([{ lsn: 3 }]);
  } finally {
    await beside.end();
  }

  const limit = await inTransaction(store.client, async () => {
    await store.domain().apply(store.client, [unit(4, pointEvent(mpan, 'delete', { lsn: 4 }))], moment(4));
    return await store.rows('SHOW lock_timeout');
  });
  expect(limit).toEqual([{ lock_timeout: '0' }]);
  expect(await store.rows(fillfactor)).toEqual([{ reloptions: ['fillfactor=90'] }]);
});
