import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { openStore, type TestStore } from '../store.fixture.ts';
import type { MapQuestion } from './lines.ts';
import { type MapReport, runMapReport } from './run.ts';
import { addMapUser, listMapUsers, mapReaderRole, removeMapUser } from './users.ts';

let store: TestStore;
const suffix = randomBytes(4).toString('hex');
/** MAPA without grants, MAPB with both, a member of the group that is no MAP, and a login role that is nobody. */
const roles = { a: `map_a_${suffix}`, b: `map_b_${suffix}`, member: `member_${suffix}`, nobody: `nobody_${suffix}` };
const sessions = new Map<string, pg.Client>();

beforeAll(async () => {
  store = await openStore(inject('stack').meteringUrl);
  const user = { seesSupplier: false, seesPersonal: false, password: 'correct horse' };
  await addMapUser(store.client, { ...user, role: roles.a, map: 'MAPA' });
  await addMapUser(store.client, { ...user, role: roles.b, map: 'MAPB', seesSupplier: true, seesPersonal: true });
  for (const role of [roles.member, roles.nobody])
    await store.client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'correct horse'`);
  await store.client.query(`GRANT ${mapReaderRole} TO ${roles.member}`);
  for (const [name, role] of Object.entries(roles)) sessions.set(name, await loggedIn(role));
});

afterAll(async () => {
  for (const client of sessions.values()) await client.end();
  const { client, database } = store;
  await client.query(`REVOKE ALL ON DATABASE ${database.name} FROM ${mapReaderRole}`);
  for (const role of Object.values(roles)) await client.query(`DROP ROLE ${role}`);
  await store.close();
});

beforeEach(async () => {
  await store.empty();
  await store.client.query('TRUNCATE report.run');
});

async function loggedIn(role: string): Promise<pg.Client> {
  const url = new URL(store.database.url);
  url.username = role;
  url.password = 'correct horse';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

function as(name: keyof typeof roles): pg.Client {
  const client = sessions.get(name);
  if (client === undefined) throw new Error(`nobody is logged in as ${name}`);
  return client;
}

function report(name: keyof typeof roles, question: Partial<MapQuestion> = {}): Promise<MapReport> {
  return runMapReport(as(name), { map: name === 'a' ? 'MAPA' : 'MAPB', reveal: false, ...question });
}

async function devices(name: keyof typeof roles, question: Partial<MapQuestion> = {}): Promise<readonly unknown[]> {
  return (await report(name, question)).lines.map(({ device_id }) => device_id);
}

let lsn = 0;
const mpan = '1300000000017';

/** A version of an asset that is accepted; a later one of the same device puts it into the history. */
async function asset(device: string, told: string, items: Readonly<Record<string, string | null>>): Promise<void> {
  lsn += 1;
  await store.client.query(
    `INSERT INTO metering.meter_asset_history (${itemColumns}, source, generation, lsn, ordinal, source_time, generation_to, lsn_to, ordinal_to)
       SELECT ${itemColumns}, source, generation, lsn, ordinal, source_time, 1, $2::bigint, 1 FROM metering.meter_asset WHERE device_id = $1`,
    [device, lsn],
  );
  await store.client.query('DELETE FROM metering.meter_asset WHERE device_id = $1', [device]);
  const row = {
    mpan_core: mpan,
    serial_number: 'S1',
    device_type: 'ESME',
    manufacturer: 'Maker',
    model: 'M1',
    status: 'Commissioned',
    installed_on: '2020-01-01',
    removed_on: null,
    removal_reason: null,
    firmware_version: '1.2',
    firmware_status: 'current',
    csp_region: 'North',
    postcode: 'M1 1AA',
    uprn: '123456',
    dcc_compliant: true,
    dcc_approved: false,
    map_mpid: 'MAPA',
    map_efd: '2020-01-01',
    map_etd: null,
    ...items,
  };
  await store.client.query(
    `INSERT INTO metering.meter_asset (${itemColumns}, source, generation, lsn, ordinal, source_time)
       SELECT ${itemColumns}, 'registration', 1, $2::bigint, 1, $3::timestamptz
       FROM jsonb_populate_record(NULL::metering.meter_asset, $1)`,
    [JSON.stringify({ device_id: device, ...row }), lsn, `${told}T12:00:00Z`],
  );
}

const itemColumns = `device_id, mpan_core, serial_number, device_type, manufacturer, model, status, installed_on, removed_on, removal_reason,
  firmware_version, firmware_status, csp_region, postcode, uprn, dcc_compliant, dcc_approved, map_mpid, map_efd, map_etd`;

/** A version of the metering point, as `asset`. */
async function point(told: string, supplier: string, efd: string): Promise<void> {
  lsn += 1;
  await endPoint(null);
  await store.client.query(
    `INSERT INTO metering.metering_point (mpan_core, supplier_mpid, supplier_efd, source, generation, lsn, ordinal, source_time)
       VALUES ($1, $2, $3, 'registration', 1, $4, 1, $5)`,
    [mpan, supplier, efd, lsn, `${told}T12:00:00Z`],
  );
}

async function endPoint(at: string | null): Promise<void> {
  await store.client.query(
    `WITH gone AS (DELETE FROM metering.metering_point RETURNING *)
     INSERT INTO metering.metering_point_history (mpan_core, supplier_mpid, supplier_efd, source, generation, lsn, ordinal, source_time,
       generation_to, lsn_to, ordinal_to, ended_at)
     SELECT mpan_core, supplier_mpid, supplier_efd, source, generation, lsn, ordinal, source_time, 1, $1::bigint, 1, $2::timestamptz FROM gone`,
    [lsn, at === null ? null : `${at}T12:00:00Z`],
  );
}

async function runs(): Promise<readonly unknown[]> {
  const { rows } = await store.client.query(
    'SELECT role_name, map_mpid, outcome, refused_code, row_count::int, rows_read::int FROM report.run ORDER BY run_id',
  );
  return rows;
}

describe('what a line says', () => {
  test('every column of Table 1, with supplier and personal data for whom they are granted', async () => {
    await point('2020-01-01', 'SUPA', '2020-01-01');
    await point('2024-01-01', 'SUPB', '2024-03-01');
    await asset('d1', '2020-01-01', { map_mpid: 'MAPB', removed_on: '2026-01-31', removal_reason: 'Fault' });
    const { lines } = await report('b', { reveal: true, asAt: '2023-06-01' });
    expect(lines).toEqual([
      {
        device_id: 'd1',
        device_model: 'M1',
        manufacturer: 'Maker',
        meter_serial_number: 'S1',
        device_type: 'ESME',
        dcc_compliant: true,
        dcc_approved: false,
        device_status: 'Commissioned',
        installation_date: '2020-01-01',
        removal_date: '2026-01-31',
        removal_reason: 'Fault',
        firmware_version: '1.2',
        firmware_version_status: 'current',
        mpxn: mpan,
        csp_region: 'North',
        property_post_code: 'M1 1AA',
        uprn: '123456',
        map_identifier: 'MAPB',
        map_effective_from: '2020-01-01',
        map_effective_to: null,
        supplier_identifier: 'SUPA',
        supplier_effective_from: '2020-01-01',
        supplier_effective_to: '2024-02-29',
      },
    ]);
  });

  test('without grants the supplier is blank, and personal data is masked', async () => {
    await point('2020-01-01', 'SUPA', '2020-01-01');
    await asset('d1', '2020-01-01', {});
    expect((await report('a')).lines).toMatchObject([
      {
        mpxn: '13*********17',
        property_post_code: '***',
        uprn: '***',
        supplier_identifier: null,
        supplier_effective_from: null,
        supplier_effective_to: null,
      },
    ]);
    // A grant does not reveal by itself.
    await asset('d1', '2020-01-01', { map_mpid: 'MAPB' });
    expect((await report('b')).lines).toMatchObject([{ mpxn: '13*********17', supplier_identifier: 'SUPA' }]);
  });

  test('the supplier as at the date, and until when: the day before the next one that was not cancelled', async () => {
    await asset('d1', '2020-01-01', { map_mpid: 'MAPB' });
    await point('2020-01-01', 'SUPA', '2020-01-01');
    await point('2024-01-01', 'SUPB', '2024-03-01');
    await point('2024-01-15', 'SUPA', '2020-01-01');
    await point('2025-01-01', 'SUPA', '2025-02-01');
    await point('2025-03-01', 'SUPC', '2025-04-01');
    const supplierOn = async (asAt: string): Promise<unknown> => {
      const [line] = (await report('b', { asAt })).lines;
      return [line?.supplier_identifier, line?.supplier_effective_from, line?.supplier_effective_to];
    };
    expect(await supplierOn('2024-06-01')).toEqual(['SUPA', '2020-01-01', '2025-03-31']);
    expect(await supplierOn('2025-03-31')).toEqual(['SUPA', '2025-02-01', '2025-03-31']);
    expect(await supplierOn('2025-04-01')).toEqual(['SUPC', '2025-04-01', null]);
    await endPoint('2026-02-10');
    expect(await supplierOn('2025-04-01')).toEqual(['SUPC', '2025-04-01', '2026-02-09']);
    expect(await supplierOn('2026-02-10')).toEqual([null, null, null]);
  });

  test('the MAP as at the date: an asset that changed hands is a line of each in its time, as it was then', async () => {
    await asset('d1', '2020-01-01', { map_etd: null });
    await asset('d1', '2023-05-20', { map_mpid: 'MAPB', map_efd: '2023-06-01', status: 'Suspended' });
    await asset('d2', '2020-01-01', { map_etd: '2021-12-31' });
    const mapsOn = async (name: 'a' | 'b', asAt: string): Promise<unknown> =>
      (await report(name, { asAt })).lines.map((line) => [line.device_id, line.device_status, line.map_effective_to]);
    expect(await mapsOn('a', '2021-12-31')).toEqual([
      ['d1', 'Commissioned', '2023-05-31'],
      ['d2', 'Commissioned', '2021-12-31'],
    ]);
    expect(await mapsOn('a', '2022-01-01')).toEqual([['d1', 'Commissioned', '2023-05-31']]);
    expect(await mapsOn('a', '2023-06-01')).toEqual([]);
    expect(await mapsOn('b', '2023-05-31')).toEqual([]);
    expect(await mapsOn('b', '2023-06-01')).toEqual([['d1', 'Suspended', null]]);
  });

  test('an earlier life of a device that was deleted is no longer told', async () => {
    await asset('d1', '2020-01-01', {});
    lsn += 1;
    await store.client.query(
      `WITH gone AS (DELETE FROM metering.meter_asset RETURNING *)
       INSERT INTO metering.meter_asset_history (${itemColumns}, source, generation, lsn, ordinal, source_time, generation_to, lsn_to, ordinal_to)
       SELECT ${itemColumns}, source, generation, lsn, ordinal, source_time, 1, ${lsn}, 1 FROM gone`,
    );
    expect(await devices('a')).toEqual([]);
    await asset('d1', '2022-01-01', { map_mpid: 'MAPB', map_efd: '2022-01-01' });
    expect(await devices('a', { asAt: '2021-01-01' })).toEqual([]);
  });
});

test.each<[question: Partial<MapQuestion>, found: readonly string[]]>([
  [{}, ['d1', 'd2', 'd3']],
  [{ installedFrom: '2021-01-01' }, ['d2', 'd3']],
  [{ installedFrom: '2020-01-01', installedTo: '2021-01-01' }, ['d1', 'd2']],
  [{ removedFrom: '2024-01-01' }, ['d3']],
  [{ removedTo: '2023-12-31' }, []],
  [{ removedFrom: '2024-01-31', removedTo: '2024-01-31' }, ['d3']],
  [{ manufacturer: 'other' }, ['d2']],
  [{ deviceStatus: 'decommissioned' }, ['d3']],
  [{ deviceStatus: "x' OR true --" }, []],
])('%j finds %j', async (question, found) => {
  await asset('d1', '2020-01-01', {});
  await asset('d2', '2020-01-01', { installed_on: '2021-01-01', manufacturer: 'Other' });
  await asset('d3', '2020-01-01', { installed_on: '2022-01-01', removed_on: '2024-01-31', status: 'Decommissioned' });
  await asset('d9', '2020-01-01', { map_mpid: 'MAPB' });
  expect(await devices('a', question)).toEqual(found);
});

describe('who may see what is decided by the database', () => {
  beforeEach(async () => {
    await point('2020-01-01', 'SUPA', '2020-01-01');
    await asset('d1', '2020-01-01', {});
    await asset('d2', '2020-01-01', { map_mpid: 'MAPB' });
  });

  test.each<[who: keyof typeof roles, question: Partial<MapQuestion>, code: string]>([
    ['a', { map: 'MAPB' }, 'REPORT_OTHER_MAP'],
    ['a', { supplier: 'SUPA' }, 'REPORT_SUPPLIER_WITHHELD'],
    ['a', { reveal: true }, 'REPORT_PERSONAL_WITHHELD'],
    ['member', { map: 'MAPA' }, 'REPORT_NOT_REGISTERED'],
  ])('%s asking for %j is refused, and that is kept', async (who, question, code) => {
    await expect(report(who, question)).rejects.toMatchObject({ kind: 'refused', code });
    expect(await runs()).toEqual([
      {
        role_name: roles[who],
        map_mpid: question.map ?? 'MAPA',
        outcome: 'refused',
        refused_code: code,
        row_count: null,
        rows_read: null,
      },
    ]);
  });

  test('a supplier may be asked for by whom it is granted', async () => {
    expect(await devices('b', { supplier: 'SUPA' })).toEqual(['d2']);
    expect(await devices('b', { supplier: 'SUPB' })).toEqual([]);
  });

  test('whoever is not in the group can not even ask', async () => {
    await expect(report('nobody', { map: 'MAPA' })).rejects.toThrow(/permission denied for schema report/);
  });

  test.each([
    'SELECT * FROM metering.meter_asset',
    'SELECT * FROM metering.meter_asset_history',
    'SELECT * FROM metering.metering_point',
    `SELECT * FROM metering.metering_point_as_of('${mpan}', '2024-01-01')`,
    'SELECT * FROM report.run',
    'SELECT * FROM report.map_user',
    'DELETE FROM report.run',
    `UPDATE report.map_user SET map_mpid = 'MAPB'`,
    `SELECT * FROM report.assets_of('MAPB', '2024-01-01', true)`,
    `SELECT * FROM report.selected('{"map": "MAPB", "as_at": "2024-01-01"}', true)`,
    `SELECT * FROM report.supplier_on('${mpan}', '2024-01-01')`,
    `CREATE FUNCTION report.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    `SET ROLE ${roles.b}`,
    `SET SESSION AUTHORIZATION ${roles.b}`,
    `GRANT ${roles.b} TO ${roles.a}`,
  ])('with psql, %s is denied', async (sql) => {
    await expect(as('a').query(sql)).rejects.toThrow(/permission denied|must be (owner|superuser)/);
  });

  test('with psql, SET ROLE to the group changes nothing of who asks', async () => {
    await as('a').query(`SET ROLE ${mapReaderRole}`);
    try {
      const { rows } = await as('a').query(`SELECT refused_code FROM report.open_map_report('MAPB')`);
      expect(rows).toEqual([{ refused_code: 'REPORT_OTHER_MAP' }]);
    } finally {
      await as('a').query('RESET ROLE');
    }
  });

  test('with psql, nothing of one’s own stands before what the functions call', async () => {
    await as('a').query(`CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'stolen' $$;
      SET search_path = pg_temp, pg_catalog`);
    expect(await devices('a', { manufacturer: 'MAKER' })).toEqual(['d1']);
    await as('a').query('RESET search_path');
  });
});

describe('every run is kept before anything is seen', () => {
  beforeEach(() => asset('d1', '2020-01-01', {}));

  const open = async (client: pg.Client): Promise<string> =>
    (await client.query<{ run_id: string }>(`SELECT run_id FROM report.open_map_report('MAPA')`)).rows[0]?.run_id ?? '';
  const read = async (client: pg.Client, run: string): Promise<number> =>
    (await client.query('SELECT * FROM report.read_map_report($1)', [run])).rows.length;

  test('with who, when, which filters, and how many rows', async () => {
    await report('a', { manufacturer: 'maker', asAt: '2024-01-01' });
    const { rows } = await store.client.query(
      `SELECT role_name, filters, row_count::int, rows_read::int, at <= read_at AS in_order, client IS NOT NULL AS from_somewhere FROM report.run`,
    );
    expect(rows).toEqual([
      {
        role_name: roles.a,
        filters: { map: 'MAPA', manufacturer: 'maker', as_at: '2024-01-01', reveal: false },
        row_count: 1,
        rows_read: 1,
        in_order: true,
        from_somewhere: true,
      },
    ]);
  });

  test('so that a ROLLBACK hides nothing: opened and read in one transaction, there are no lines', async () => {
    const client = as('a');
    await client.query('BEGIN');
    const run = await open(client);
    expect(await read(client, run)).toBe(0);
    await client.query('SAVEPOINT s');
    expect(await read(client, await open(client))).toBe(0);
    await client.query('ROLLBACK');
    expect(await runs()).toEqual([]);
    await expect(read(client, run)).resolves.toBe(0);
  });

  test('and reading in a transaction that is rolled back leaves the run with its number of rows', async () => {
    const client = as('a');
    const run = await open(client);
    await client.query('BEGIN');
    expect(await read(client, run)).toBe(1);
    await client.query('ROLLBACK');
    expect(await runs()).toMatchObject([{ outcome: 'allowed', row_count: 1, rows_read: null }]);
  });

  test('a run is read by whom it was opened for, while it is young and the grants are as they were', async () => {
    const run = await open(as('a'));
    expect(await read(as('b'), run)).toBe(0);
    expect(await runs()).toMatchObject([
      { outcome: 'allowed' },
      { role_name: roles.b, refused_code: 'REPORT_RUN_UNKNOWN' },
    ]);
    expect(await read(as('a'), run)).toBe(1);
    await store.client.query(`UPDATE report.run SET at = at - interval '11 minutes'`);
    expect(await read(as('a'), run)).toBe(0);
    const later = await open(as('a'));
    await store.client.query(`UPDATE report.map_user SET map_mpid = 'MAPC' WHERE role_name = '${roles.a}'`);
    expect(await read(as('a'), later)).toBe(0);
    await store.client.query(`UPDATE report.map_user SET map_mpid = 'MAPA' WHERE role_name = '${roles.a}'`);
  });
});

test('a user who is removed can do nothing any more, and comes back with other grants', async () => {
  const role = roles.nobody;
  const user = { role, map: 'MAPA', seesSupplier: true, seesPersonal: false, password: null };
  expect(await addMapUser(store.client, user)).toEqual({ isNewRole: false });
  expect(await listMapUsers(store.client)).toContainEqual(expect.objectContaining({ role_name: role, is_ready: true }));
  await expect(report('nobody', { map: 'MAPA' })).resolves.toMatchObject({ lines: [] });
  expect(await removeMapUser(store.client, role)).toBe(true);
  await expect(report('nobody', { map: 'MAPA' })).rejects.toThrow(/permission denied/);
  expect(await removeMapUser(store.client, role)).toBe(false);
});
