import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Unit } from '../sink/contract.ts';
import { day } from './rules/example-world.ts';
import { openStore, type TestStore } from './store.fixture.ts';
import { moment, mpanOf, pointEvent, referenceEvents, unit } from './world.fixture.ts';

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
