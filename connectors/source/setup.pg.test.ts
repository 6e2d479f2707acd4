import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import pg from 'pg';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { outboxRoutes } from '../metering/outbox-routes.ts';
import { registrationRoutes } from '../registration/routes.ts';
import { createRegistrationSchema } from '../registration/schema.ts';
import type { SourceSettings } from './contract.ts';
import type { ParkCode, ParkedTable } from './parked-tables.ts';
import { checkSource, findingsOfTables } from './preflight.ts';
import { planSource, setUpSource } from './setup.ts';
import { testLimits } from './source.fixture.ts';

describe('setting up a source', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let settings: SourceSettings;
  const config = (): pg.ClientConfig => ({ connectionString: database.url });
  const codes = async (changed: Partial<SourceSettings> = {}): Promise<readonly string[]> =>
    (await checkSource(config(), { ...settings, ...changed })).map((finding) => finding.code);

  beforeAll(async () => {
    database = await freshDatabase(inject('stack').registrationUrl);
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await createRegistrationSchema(client);
    settings = {
      name: 'registration',
      senderId: 'REGS',
      slot: `slot_${database.name}`,
      publication: 'concord',
      routes: registrationRoutes('registration').filter((route) => route.entity !== 'receipt'),
      progressTopic: 'registration.progress',
      parkedTopic: 'registration.parked',
      transactionalId: 'registration',
      partitions: 4,
      limits: testLimits,
    };
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  test('the plan says what is missing and changes nothing, and doing it leaves nothing to do', async () => {
    await client.query('ALTER TABLE registration.appointment REPLICA IDENTITY DEFAULT');
    expect(await codes()).toEqual(['SLOT_NOT_MADE', 'REPLICA_IDENTITY', 'PUBLICATION_MISSING']);
    const plan = await planSource(config(), settings);
    expect(plan.map((step) => step.what)).toEqual([
      'schema concord with the table concord.heartbeat',
      'tables concord.snapshot_job and concord.snapshot_key',
      'table concord.table_wish',
      'table concord.side_pause',
      'table concord.table_shape',
      'table concord.table_imprint',
      'table concord.source_state',
      'table concord.slot_given_up',
      'replica identity of registration.appointment: the whole row',
      'publication concord of 6 tables',
      `replication slot ${settings.slot}`,
    ]);
    expect(await planSource(config(), settings)).toEqual(plan);
    expect(await setUpSource(config(), settings)).toEqual(plan);
    expect(await setUpSource(config(), settings)).toEqual([]);
    expect(await codes()).toEqual([]);
  });

  test('a table that is routed later is added to the publication', async () => {
    await client.query('CREATE TABLE registration.extra (id int PRIMARY KEY)');
    const [route] = settings.routes;
    if (route === undefined) throw new Error('no route');
    const extra = {
      ...route,
      table: 'extra',
      primaryKey: ['id'],
      messageKey: ['id'],
      items: { id: 'reference_version' },
    };
    const wider = { ...settings, routes: [...settings.routes, extra] };
    expect((await checkSource(config(), wider)).map((finding) => finding.code)).toEqual(['TABLE_NOT_PUBLISHED']);
    await setUpSource(config(), wider);
    expect(await checkSource(config(), wider)).toEqual([]);
  });

  test('each thing that would go wrong is a finding with its code', async () => {
    const [route] = settings.routes;
    if (route === undefined) throw new Error('no route');
    const routed = (changed: Partial<typeof route>): Partial<SourceSettings> => ({
      routes: [{ ...route, ...changed }],
    });
    await client.query(`CREATE TABLE registration.keyless (mpid text, role text, name text, effective_from date, effective_to date, reference_version int);
      CREATE TABLE registration.deferred (LIKE registration.keyless, PRIMARY KEY (mpid, role, effective_from) DEFERRABLE);
      ALTER PUBLICATION concord ADD TABLE registration.keyless, registration.deferred`);
    expect(await codes(routed({ table: 'nowhere' }))).toContain('SOURCE_TABLE_MISSING');
    expect(await codes(routed({ table: 'keyless' }))).toEqual(['PRIMARY_KEY_MISSING', 'REPLICA_IDENTITY']);
    expect(await codes(routed({ table: 'deferred' }))).toContain('PRIMARY_KEY_DEFERRABLE');
    expect(await codes(routed({ items: { ...route.items, nickname: 'name' } }))).toEqual(['SOURCE_COLUMN_MISSING']);
    expect(await codes(routed({ primaryKey: ['mpid', 'role'] }))).toEqual(['PRIMARY_KEY_DIFFERS']);
    expect(await codes({ publication: 'none' })).toEqual(['PUBLICATION_MISSING']);
    expect((await checkSource({ host: '127.0.0.1', port: 1 }, settings)).map((one) => one.code)).toEqual([
      'DATABASE_UNAVAILABLE',
    ]);
  });

  test('a table that is parked because its key is gone is not told once more for its replica identity', async () => {
    const findings = async (code: ParkCode | null): Promise<readonly string[]> => {
      const entry = { code, changes: 1, released: 0 } as unknown as ParkedTable;
      const parked = code === null ? {} : { 'registration.meter_asset': entry };
      const routes = settings.routes.filter(({ table }) => table === 'meter_asset');
      const found = await findingsOfTables(client, { ...settings, routes }, parked);
      return found.filter(({ text }) => text.includes('meter_asset')).map(({ code }) => code);
    };
    await client.query('ALTER TABLE registration.meter_asset DROP CONSTRAINT meter_asset_pkey');
    expect(await findings(null)).toEqual(['REPLICA_IDENTITY']);
    expect(await findings('TABLE_PAUSED')).toEqual(['REPLICA_IDENTITY']);
    expect(await findings('PRIMARY_KEY_DIFFERS')).toEqual([]);
    // An identity that is no key stays wrong when the key is right again.
    await client.query('ALTER TABLE registration.meter_asset REPLICA IDENTITY NOTHING');
    expect(await findings('PRIMARY_KEY_DIFFERS')).toEqual(['REPLICA_IDENTITY']);
    await client.query('ALTER TABLE registration.meter_asset REPLICA IDENTITY DEFAULT, ADD PRIMARY KEY (device_id)');
  });

  test('a user without privileges is told which', async () => {
    const user = `u_${database.name}`;
    await client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${user}'`);
    try {
      const url = new URL(database.url);
      url.username = user;
      url.password = user;
      const findings = await checkSource({ connectionString: url.href }, settings);
      expect(new Set(findings.map((finding) => finding.code))).toEqual(
        new Set(['REPLICATION_PRIVILEGE', 'SELECT_PRIVILEGE']),
      );
    } finally {
      await client.query(`DROP ROLE ${user}`);
    }
  });
});

test('the outbox of the metering store needs the whole row of a rejection, whose key is not its primary key', () => {
  const rejection = outboxRoutes('metering').find((route) => route.entity === 'rejection');
  expect(rejection?.messageKey).toEqual(['mpan_core']);
  expect(rejection?.items['source']).toBe('event_source');
});
