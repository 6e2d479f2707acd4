import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { meteringMigrationsPending, migrateMetering } from './migrate.ts';
import { silent, type TestStore, openStore } from './store.fixture.ts';
import { appointmentEvent, moment, mpanOf, pointEvent, referenceEvents, unit } from './world.fixture.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
});

afterAll(() => store.close());

beforeEach(() => store.empty());

const mpan = mpanOf(1);

test('a migrated store has nothing pending, and migrating again changes nothing', async () => {
  expect(await meteringMigrationsPending(store.client, silent)).toEqual([]);
  expect(await migrateMetering(store.client, silent)).toEqual([]);
});

test('a metering point and its appointment are stored with every item and their position', async () => {
  const domain = store.domain();
  const deltas = await store.apply(
    domain,
    [
      unit(1, ...referenceEvents(1)),
      unit(
        2,
        appointmentEvent(mpan, 7, 'create', { lsn: 2, ordinal: 1 }),
        pointEvent(mpan, 'create', { lsn: 2, ordinal: 2 }),
      ),
    ],
    moment(2),
  );
  expect(deltas).toEqual([
    { topic: 'registration.participant', outcome: 'applied', delta: 8 },
    { topic: 'registration.distributor', outcome: 'applied', delta: 1 },
    { topic: 'registration.metering-point', outcome: 'applied', delta: 1 },
    { topic: 'registration.appointment.mss', outcome: 'applied', delta: 1 },
  ]);
  expect(
    await store.rows("SELECT to_jsonb(p) - 'applied_at' AS row FROM metering.metering_point p"),
  ).toMatchInlineSnapshot(`
    [
      {
        "row": {
          "committed_at": "2024-03-20T09:00:00.002+00:00",
          "connection_type": "W",
          "data_service_efd": "2023-10-01",
          "data_service_mpid": "DATA",
          "decided_at": null,
          "decided_generation": null,
          "decided_lsn": null,
          "decided_ordinal": null,
          "distributor_mpid": "MANW",
          "domestic": true,
          "generation": 1,
          "gsp_group": "_D",
          "line_loss_factor": 1.055,
          "line_loss_factor_class": "001",
          "load_shape_category": "S-D-W-AI",
          "lsn": 2,
          "market_segment": "S",
          "measurement_quantity": "AI",
          "metering_service_efd": "2024-04-01",
          "metering_service_mpid": "MSVA",
          "mpan_core": "1300000000016",
          "opt_out": false,
          "ordinal": 2,
          "source": "registration",
          "source_time": "2024-03-20T09:00:00.002+00:00",
          "supplier_efd": "2024-04-01",
          "supplier_mpid": "SUPA",
          "timeline": null,
          "xid": 1002,
        },
      },
    ]
  `);
  expect(
    await store.rows("SELECT to_jsonb(a) - 'applied_at' AS row FROM metering.appointment a"),
  ).toMatchInlineSnapshot(`
    [
      {
        "row": {
          "appointment_id": 7,
          "committed_at": "2024-03-20T09:00:00.002+00:00",
          "contract_reference": "C-2024-001",
          "decided_at": null,
          "decided_generation": null,
          "decided_lsn": null,
          "decided_ordinal": null,
          "generation": 1,
          "lsn": 2,
          "meter_id": "E6S1234567",
          "metering_service_efd": "2024-04-01",
          "metering_service_etd": null,
          "mpan_core": "1300000000016",
          "mpid": "MSVA",
          "ordinal": 1,
          "reason": "COS",
          "service_type": "MSS",
          "source": "registration",
          "source_time": "2024-03-20T09:00:00.002+00:00",
          "supplier_efd": "2024-04-01",
          "supplier_etd": null,
          "supplier_mpid": "SUPA",
          "xid": 1002,
        },
      },
    ]
  `);
});

test('every version but the last is in history, each ended by the next', async () => {
  const domain = store.domain();
  const efds = [19_814, 19_815, 19_816, 19_817];
  const units = efds.map((supplier_efd, index) =>
    unit(10 + index, pointEvent(mpan, index === 0 ? 'create' : 'update', { lsn: 10 + index }, { supplier_efd })),
  );
  await store.apply(domain, [unit(1, ...referenceEvents(1)), ...units.slice(0, 1)], moment(10));
  await store.apply(domain, units.slice(1), moment(13));
  await store.apply(domain, [unit(14, pointEvent(mpan, 'delete', { lsn: 14 }))], moment(14));
  await store.apply(domain, [unit(15, pointEvent(mpan, 'create', { lsn: 15 }))], moment(15));
  expect(
    await store.rows('SELECT lsn::int, lsn_to::int, xid_to::int FROM metering.metering_point_history ORDER BY lsn'),
  ).toEqual([
    { lsn: 10, lsn_to: 11, xid_to: 1011 },
    { lsn: 11, lsn_to: 12, xid_to: 1012 },
    { lsn: 12, lsn_to: 13, xid_to: 1013 },
    { lsn: 13, lsn_to: 14, xid_to: 1014 },
  ]);
  expect(await store.rows('SELECT lsn::int FROM metering.metering_point')).toEqual([{ lsn: 15 }]);
});

test('the database itself refuses two appointments on one day', async () => {
  const insert =
    "INSERT INTO metering.appointment (mpan_core, appointment_id, metering_service_efd, metering_service_etd) VALUES ('1312345678907', ";
  await store.rows(`${insert} 1, '2024-01-01', '2024-03-31')`);
  await store.rows(`${insert} 2, '2024-04-01', NULL)`);
  await expect(store.rows(`${insert} 3, '2024-03-31', '2024-03-31')`)).rejects.toThrow(/appointment_one_a_day/);
});

test('many rows of one batch, changed twice, go through temporary tables and end the same', async () => {
  const domain = store.domain();
  const mpans = Array.from({ length: 150 }, (_, n) => mpanOf(n));
  const all = (lsn: number, recordType: 'create' | 'update' | 'delete', change: object = {}) =>
    unit(lsn, ...mpans.map((one, index) => pointEvent(one, recordType, { lsn, ordinal: index + 1 }, change)));
  await store.apply(domain, [unit(1, ...referenceEvents(1)), all(10, 'create')], moment(10));
  const twice = [all(11, 'update', { opt_out: true }), all(12, 'update', { line_loss_factor_class: 'G48' })];
  await store.apply(domain, twice, moment(12));
  await store.apply(domain, [all(13, 'delete'), all(14, 'create'), all(15, 'update', { opt_out: true })], moment(15));
  await store.apply(domain, [all(16, 'delete')], moment(16));
  expect(await store.rows('SELECT count(*)::int FROM metering.metering_point')).toEqual([{ count: 0 }]);
  const chains = await store.rows(`
    SELECT chain, count(*)::int FROM (
      SELECT string_agg(lsn || '>' || lsn_to || CASE WHEN opt_out THEN ' out' ELSE '' END, ', ' ORDER BY lsn) AS chain
      FROM metering.metering_point_history GROUP BY mpan_core
    ) AS c GROUP BY chain`);
  expect(chains).toEqual([{ chain: '10>11, 11>12 out, 12>13, 14>15, 15>16 out', count: 150 }]);
});
