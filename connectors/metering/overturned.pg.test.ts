import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { OutcomeDelta } from '../sink/contract.ts';
import { day } from './rules/example-world.ts';
import { openStore, type TestStore } from './store.fixture.ts';
import {
  appointmentEvent,
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
const reference = unit(1, ...referenceEvents(1));
/** SUPA holds its role from 1997 on. */
const tooEarly = { supplier_efd: day('1990-01-01') };
const fromEarlier = participantEvent('SUPA', 'X', 'create', { lsn: 5 }, { effective_from: day('1980-01-01') });

function brief(deltas: readonly OutcomeDelta[]): Record<string, number> {
  return Object.fromEntries(
    deltas.map(({ topic, outcome, delta }) => [`${topic.slice('registration.'.length)} ${outcome}`, delta]),
  );
}

async function rejections(): Promise<readonly unknown[]> {
  return store.rows(
    `SELECT lsn::int, revision, rule_codes[1] AS code, status, resolved_by_lsn::int AS by,
       (extract(epoch FROM resolved_at) * 1000000)::bigint::text AS at FROM metering.rejection ORDER BY lsn, revision`,
  );
}

test('newer reference data withdraws a rejection in its lane, after a restart too, and applies what is right now', async () => {
  await store.apply(
    store.domain(1),
    [reference, unit(2, pointEvent(mpan, 'create', { lsn: 2 }, tooEarly))],
    moment(2, { lane: 1 }),
  );
  const restarted = store.domain(1);
  await restarted.prime(store.client, reference.events);
  const deltas = await store.apply(restarted, [unit(5, fromEarlier)], moment(5, { lane: 1 }));
  expect(brief(deltas)).toEqual({ 'metering-point rejected': -1, 'metering-point applied': 1 });
  expect(await rejections()).toEqual([
    {
      lsn: 2,
      revision: 1,
      code: 'PARTICIPANT_ROLE_INACTIVE',
      status: 'withdrawn',
      by: 5,
      at: String(worldBegin + 5000),
    },
  ]);
  expect(await store.rows('SELECT lsn::int, decided_lsn::int FROM metering.metering_point')).toEqual([
    { lsn: 2, decided_lsn: 5 },
  ]);
  for (const table of ['rejected_event', 'last_received'])
    expect(await store.rows(`SELECT FROM metering.${table}`)).toEqual([]);
});

test('a later good event resolves it, and newer reference data has nothing left to overturn', async () => {
  const units = [
    reference,
    unit(2, pointEvent(mpan, 'create', { lsn: 2 }, tooEarly)),
    unit(3, pointEvent(mpan, 'update', { lsn: 3 })),
    unit(5, fromEarlier),
  ];
  await store.apply(store.domain(), units, moment(5));
  expect(await rejections()).toMatchObject([{ lsn: 2, status: 'resolved', by: 3 }]);
  expect(await store.rows('SELECT lsn::int, decided_lsn FROM metering.metering_point')).toEqual([
    { lsn: 3, decided_lsn: null },
  ]);
  expect(await store.rows('SELECT FROM metering.rejected_event')).toEqual([]);
});

test('what is refused for another reason now is a rejection of the next revision', async () => {
  const bad = pointEvent(mpan, 'create', { lsn: 2 }, { ...tooEarly, connection_type: 'U' });
  await store.apply(store.domain(), [reference, unit(2, bad), unit(5, fromEarlier)], moment(5));
  expect(await rejections()).toMatchObject([
    { revision: 1, code: 'PARTICIPANT_ROLE_INACTIVE', status: 'withdrawn', by: 5 },
    { revision: 2, code: 'SEGMENT_CONNECTION', status: 'open', by: null },
  ]);
});

test('what is held after its rejection was withdrawn keeps its count over a restart', async () => {
  const domain = store.domain();
  const late = participantEvent('SUPD', 'X', 'create', { lsn: 1, ordinal: 20 }, { effective_from: day('2024-06-01') });
  const earlier = participantEvent('SUPD', 'X', 'create', { lsn: 5 }, { effective_from: day('2024-01-01') });
  const appointment = appointmentEvent(mpan, 7, 'create', { lsn: 2 }, { supplier_mpid: 'SUPD' });
  const units = [unit(1, ...referenceEvents(1), late), unit(2, appointment), unit(5, earlier)];
  await store.apply(domain, units, moment(5));
  expect(await store.rows('SELECT rule_codes, revision FROM metering.held')).toEqual([
    { rule_codes: ['METERING_POINT_UNKNOWN'], revision: 2 },
  ]);
  const month = 30 * 86_400_000_000;
  await store.apply(store.domain(), [], moment(6, { sourceTime: worldBegin + month }));
  expect(await rejections()).toMatchObject([
    { revision: 1, code: 'PARTICIPANT_ROLE_INACTIVE', status: 'withdrawn' },
    { revision: 2, code: 'METERING_POINT_UNKNOWN', status: 'open' },
  ]);
});

test('a metering point that comes too late withdraws what was refused for want of it, after a restart too', async () => {
  const month = 30 * 86_400_000_000;
  await store.apply(
    store.domain(),
    [reference, unit(2, appointmentEvent(mpan, 7, 'create', { lsn: 2 }))],
    moment(3, { sourceTime: worldBegin + month }),
  );
  expect(await rejections()).toMatchObject([{ code: 'METERING_POINT_UNKNOWN', status: 'open' }]);
  const restarted = store.domain();
  await restarted.prime(store.client, reference.events);
  const late = pointEvent(mpan, 'create', { lsn: 5, at: worldBegin + month + 1000 });
  const deltas = await store.apply(restarted, [unit(5, late)], moment(5, { sourceTime: worldBegin + month + 1000 }));
  expect(brief(deltas)).toEqual({
    'appointment.mss rejected': -1,
    'appointment.mss applied': 1,
    'metering-point applied': 1,
  });
  expect(await rejections()).toMatchObject([{ lsn: 2, revision: 1, status: 'withdrawn', by: 5 }]);
  expect(await store.rows('SELECT lsn::int, decided_lsn::int FROM metering.appointment')).toEqual([
    { lsn: 2, decided_lsn: 5 },
  ]);
});

test('what was refused says which good version it has not replaced, as long as no event has ended that', async () => {
  const kept = (): Promise<readonly unknown[]> =>
    store.rows('SELECT lsn::int, kept_lsn::int AS kept FROM metering.last_received');
  const bad = { gsp_group: '_O' };
  await store.apply(
    store.domain(),
    [reference, unit(2, pointEvent(mpan, 'create', { lsn: 2 })), unit(3, pointEvent(mpan, 'update', { lsn: 3 }, bad))],
    moment(3),
  );
  expect(await kept()).toEqual([{ lsn: 3, kept: 2 }]);
  await store.client.query('DELETE FROM metering.metering_point');
  const again = unit(4, pointEvent(mpan, 'update', { lsn: 4 }, { ...bad, opt_out: true }));
  const restarted = store.domain();
  await restarted.prime(store.client, reference.events);
  await store.apply(restarted, [again], moment(4));
  expect(await kept()).toEqual([{ lsn: 4, kept: 2 }]);
  const gone = [unit(5, pointEvent(mpan, 'delete', { lsn: 5 })), unit(6, pointEvent(mpan, 'create', { lsn: 6 }, bad))];
  await store.apply(restarted, gone, moment(6));
  expect(await kept()).toEqual([{ lsn: 6, kept: null }]);
});

test('reference data that is emptied and filled anew in one transaction is what it was filled with', async () => {
  const domain = store.domain();
  const truncate = laneEvent(topics.participant, '__truncate__', 'truncate', {}, { lsn: 5, ordinal: 1 });
  const again = referenceEvents(5)
    .filter(({ topic }) => topic === topics.participant)
    .map(({ event }, index) =>
      participantEvent(
        String(event['mpid']),
        String(event['role']),
        'create',
        { lsn: 5, ordinal: index + 2 },
        {
          effective_from: day('1980-01-01'),
        },
      ),
    );
  const early = unit(2, pointEvent(mpan, 'create', { lsn: 2 }, tooEarly));
  await store.apply(domain, [reference, early, unit(5, truncate, ...again)], moment(5));
  expect(await rejections()).toMatchObject([{ status: 'withdrawn', by: 5 }]);
  expect(
    await store.rows('SELECT count(*)::int, min(effective_from)::text AS since FROM metering.participant'),
  ).toEqual([{ count: again.length, since: '1980-01-01' }]);
});

test('a truncate ends what was open about its rows for good', async () => {
  const truncate = laneEvent(topics.point, '__truncate__', 'truncate', {}, { lsn: 4, ordinal: 1 });
  const early = unit(2, pointEvent(mpan, 'create', { lsn: 2 }, tooEarly));
  await store.apply(
    store.domain(1),
    [reference, early, unit(4, truncate), unit(5, fromEarlier)],
    moment(5, { lane: 1 }),
  );
  expect(await rejections()).toMatchObject([{ status: 'resolved', by: 4 }]);
  expect(await store.rows('SELECT FROM metering.metering_point')).toEqual([]);
});
