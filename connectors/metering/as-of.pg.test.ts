import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Unit } from '../sink/contract.ts';
import { day } from './rules/example-world.ts';
import { openStore, type TestStore } from './store.fixture.ts';
import { removeHistory } from './retention.ts';
import {
  appointmentEvent,
  moment,
  mpanOf,
  participantEvent,
  pointEvent,
  referenceEvents,
  unit,
} from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

beforeEach(() => store.empty());

const mpan = mpanOf(1);

/** Noon of a day in 2024, epoch microseconds. */
function noon(date: string): number {
  return Date.parse(`${date}T12:00:00Z`) * 1000;
}

async function given(...units: readonly Unit[]): Promise<void> {
  const at = units.at(-1)?.events[0]?.event.source.sourceTime ?? 0;
  await store.apply(store.domain(), [unit(1, ...referenceEvents(1)), ...units], moment(100, { sourceTime: at }));
}

async function supplierOn(date: string, knownAt = '2030-01-01'): Promise<unknown> {
  const rows = await store.rows(
    `SELECT supplier_mpid FROM metering.metering_point_as_of('${mpan}', '${date}', '${knownAt}T00:00:00Z')`,
  );
  return rows.length === 0 ? 'no row' : rows[0]?.['supplier_mpid'];
}

const created = unit(
  2,
  pointEvent(mpan, 'create', { lsn: 2, at: noon('2024-03-20') }, { supplier_efd: day('2024-01-01') }),
);
const switched = unit(
  3,
  pointEvent(
    mpan,
    'update',
    { lsn: 3, at: noon('2024-03-21') },
    { supplier_mpid: 'SUPB', supplier_efd: day('2024-05-01') },
  ),
);

test('a switch holds from its EFD on, and was not known before it was told', async () => {
  await given(created, switched);
  expect(await supplierOn('2024-04-30')).toBe('SUPA');
  expect(await supplierOn('2024-05-01')).toBe('SUPB');
  expect(await supplierOn('2024-05-01', '2024-03-21')).toBe('SUPA');
  expect(await supplierOn('2024-05-01', '2024-03-20')).toBe('no row');
});

test('a cancelled future switch disappears', async () => {
  const cancelled = unit(
    4,
    pointEvent(mpan, 'update', { lsn: 4, at: noon('2024-03-25') }, { supplier_efd: day('2024-01-01') }),
  );
  await given(created, switched, cancelled);
  expect(await supplierOn('2024-06-01')).toBe('SUPA');
  expect(await supplierOn('2024-06-01', '2024-03-24')).toBe('SUPB');
});

test('an item without an EFD holds from the date of source time, and before it what made the point', async () => {
  const opted = unit(
    3,
    pointEvent(mpan, 'update', { lsn: 3, at: noon('2024-03-22') }, { supplier_efd: day('2024-01-01'), opt_out: true }),
  );
  await given(created, opted);
  const optOut = async (date: string): Promise<unknown> =>
    (await store.rows(`SELECT opt_out FROM metering.metering_point_as_of('${mpan}', '${date}')`))[0]?.['opt_out'];
  expect(await optOut('2023-11-01')).toBe(false);
  expect(await optOut('2024-03-21')).toBe(false);
  expect(await optOut('2024-03-22')).toBe(true);
});

test('a point lives from its smallest EFD to the day of its delete, and making it again does not fill the gap', async () => {
  const gone = unit(3, pointEvent(mpan, 'delete', { lsn: 3, at: noon('2024-03-22') }));
  const again = unit(
    4,
    pointEvent(mpan, 'create', { lsn: 4, at: noon('2024-03-25') }, { supplier_efd: day('2024-01-01') }),
  );
  await given(created, gone, again);
  expect(await supplierOn('2023-09-30')).toBe('no row');
  expect(await supplierOn('2023-10-01')).toBeNull();
  expect(await supplierOn('2024-03-21')).toBe('SUPA');
  expect(await supplierOn('2024-03-23')).toBe('no row');
  expect(await supplierOn('2024-03-23', '2024-03-22')).toBe('SUPA');
  expect(await supplierOn('2024-03-25')).toBe('SUPA');
});

test('what a hold let go was known from then on, and holds from its own EFD', async () => {
  const late = participantEvent('SUPC', 'X', 'create', { lsn: 9, at: noon('2024-03-28') });
  const held = pointEvent(
    mpan,
    'update',
    { lsn: 3, at: noon('2024-03-21') },
    { supplier_mpid: 'SUPC', supplier_efd: day('2024-02-01') },
  );
  await given(created, unit(3, held), unit(9, late));
  expect(await supplierOn('2024-02-01', '2024-03-28')).toBe('SUPA');
  expect(await supplierOn('2024-02-01', '2024-03-29')).toBe('SUPC');
  expect(await supplierOn('2024-01-31', '2024-03-29')).toBe('SUPA');
});

test('an appointment lasts from its EFD through its ETD, and a hand-over leaves each day to one', async () => {
  const changed = { reason: 'CSP', supplier_efd: day('2024-01-01') };
  const efd = { ...changed, metering_service_efd: day('2024-04-01') };
  const first = appointmentEvent(mpan, 7, 'create', { lsn: 3, at: noon('2024-03-20') }, efd);
  const shortened = appointmentEvent(
    mpan,
    7,
    'update',
    { lsn: 4, ordinal: 1, at: noon('2024-04-20') },
    { ...efd, metering_service_etd: day('2024-04-30') },
  );
  const second = appointmentEvent(
    mpan,
    8,
    'create',
    { lsn: 4, ordinal: 2, at: noon('2024-04-20') },
    { ...changed, metering_service_efd: day('2024-05-01') },
  );
  await given(created, unit(3, first), unit(4, shortened, second));
  const appointedOn = async (date: string, knownAt = '2030-01-01'): Promise<unknown> =>
    (
      await store.rows(
        `SELECT appointment_id::int AS id FROM metering.appointment_as_of('${mpan}', '${date}', '${knownAt}T00:00:00Z')`,
      )
    )[0]?.['id'] ?? null;
  expect(await appointedOn('2024-03-31')).toBeNull();
  expect(await appointedOn('2024-04-30')).toBe(7);
  expect(await appointedOn('2024-05-01')).toBe(8);
  expect(await appointedOn('2024-05-01', '2024-04-20')).toBe(7);
});

test('retention removes in steps what is over, says so at once, and an answer that would need it is refused', async () => {
  const opted = unit(3, pointEvent(mpan, 'update', { lsn: 3, at: noon('2024-03-22') }, { opt_out: true }));
  await given(created, opted);
  const count = async (): Promise<unknown> => store.rows('SELECT count(*)::int FROM metering.metering_point_history');
  for await (const _step of removeHistory(store.client, new Date('2024-03-21T00:00:00Z'), { dryRun: false }));
  expect([await count(), await store.rows('SELECT FROM metering.history_kept_from')]).toEqual([[{ count: 1 }], []]);
  for await (const _step of removeHistory(store.client, new Date('2024-06-01T00:00:00Z'), { dryRun: true }));
  expect(await count()).toEqual([{ count: 1 }]);
  for await (const { rows } of removeHistory(store.client, new Date('2024-06-01T00:00:00Z'), { dryRun: false })) {
    // Interrupted after the first step.
    expect(rows).toBe(1);
    break;
  }
  expect(await count()).toEqual([{ count: 0 }]);
  expect(await supplierOn('2024-06-01')).toBe('SUPA');
  await expect(supplierOn('2024-05-31')).rejects.toThrow(/^HISTORY_REMOVED: .*metering_point/);
  await expect(supplierOn('2024-06-01', '2024-05-31')).rejects.toThrow(/^HISTORY_REMOVED/);
});
