import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { registrationRoutes } from '../registration/routes.ts';
import { createRegistrationSchema } from '../registration/schema.ts';
import type { SourceSettings } from './contract.ts';
import { checkSource } from './preflight.ts';
import { readRewrittenAgain, tellRewritten } from './rewritten-tables.ts';
import { setUpSource } from './setup.ts';
import { testLimits } from './source.fixture.ts';

/** What somebody did to a table between two looks at the catalogue, which no change in the stream tells. */
describe('what is done to a table without a change of a row', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let settings: SourceSettings;
  const point = 'registration.metering_point';
  /** Row filters and lists of columns, which are there from PostgreSQL 15 on. */
  let hasParts = true;

  beforeAll(async () => {
    database = await freshDatabase(inject('stack').registrationUrl);
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await createRegistrationSchema(client);
    const { rows } = await client.query<{ has: boolean }>(
      `SELECT current_setting('server_version_num')::int >= 150000 AS has`,
    );
    hasParts = rows[0]?.has === true;
    await client.query(`DROP TABLE registration.appointment, registration.meter_asset;
      CREATE TABLE registration.appointment (appointment_id bigint PRIMARY KEY, mpan_core text, service_type text) PARTITION BY RANGE (appointment_id);
      CREATE TABLE registration.first PARTITION OF registration.appointment FOR VALUES FROM (0) TO (10);
      ALTER TABLE registration.first REPLICA IDENTITY FULL; ALTER TABLE registration.appointment REPLICA IDENTITY FULL;
      INSERT INTO ${point} (mpan_core) VALUES ('0000000000001')`);
    const all = registrationRoutes('registration');
    settings = {
      name: 'registration',
      senderId: 'REGS',
      slot: `slot_${database.name}`,
      publication: 'concord',
      routes: all.filter(({ table }) => table === 'metering_point' || table === 'appointment'),
      progressTopic: 'registration.progress',
      parkedTopic: 'registration.parked',
      transactionalId: 'registration',
      partitions: 4,
      limits: testLimits,
    };
    await setUpSource({ connectionString: database.url }, settings);
    await look();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  /** What is found, and that a snapshot of the table is asked for where it should be. */
  async function look(): Promise<readonly string[]> {
    await client.query('DELETE FROM concord.snapshot_job');
    const found = await readRewrittenAgain(client, settings);
    const { rows } = await client.query<{ id: number }>('SELECT id::int AS id FROM concord.snapshot_job ORDER BY id');
    expect(rows.map(({ id }) => id)).toEqual(found.flatMap(({ job }) => job ?? []));
    for (const one of found)
      expect(tellRewritten(one)).toContain(one.job === null ? 'reconcile' : `snapshot ${one.job}`);
    return found.map(({ table, because }) => `${because} ${table}`);
  }

  const alter = 'ALTER PUBLICATION concord';
  const column = `ALTER TABLE ${point} ALTER COLUMN gsp_group`;
  const whole = "SET (publish = 'insert, update, delete, truncate')";
  const both = ['publication registration.metering_point', 'publication registration.appointment'];

  test.each([
    ['nothing', [], []],
    ['its rows are put into another file', [`VACUUM FULL ${point}`], []],
    ['only the columns are touched', [`${column} SET STATISTICS 10`], []],
    [
      'a type is changed and changed back',
      [`${column} TYPE bytea USING ''`, `${column} TYPE text USING ''`],
      ['rewritten'],
    ],
    [
      'the key is dropped and made anew',
      [`ALTER TABLE ${point} DROP CONSTRAINT metering_point_pkey, ADD PRIMARY KEY (mpan_core)`],
      ['key'],
    ],
    ['it leaves the publication', [`${alter} DROP TABLE ${point}`], []],
    ['it is published again', [`${alter} ADD TABLE ${point}`], ['publication']],
    ['both at once', [`${alter} DROP TABLE ${point}`, `${alter} ADD TABLE ${point}`], ['publication']],
    ['another table is published', [`CREATE TABLE other (id int)`, `${alter} ADD TABLE other`], []],
  ])('%s', async (_title, statements, found) => {
    for (const statement of statements) await client.query(statement);
    expect(await look()).toEqual(found.map((because) => `${because} ${point}`));
    expect(await look()).toEqual([]);
  });

  test.each([
    ['rows', `WHERE (mpan_core > '')`],
    ['columns', '(mpan_core)'],
  ])('only some of its %s are published, and then all of them again', async (_title, part) => {
    if (!hasParts) return;
    await client.query(`${alter} DROP TABLE ${point}; ${alter} ADD TABLE ${point} ${part}`);
    expect(await look()).toEqual([]);
    expect(await look()).toEqual([]);
    const findings = await checkSource({ connectionString: database.url }, settings);
    expect(findings.map(({ code, text }) => [code, text])).toContainEqual([
      'PUBLICATION_OPTIONS',
      expect.stringContaining(point),
    ]);
    await client.query(`${alter} DROP TABLE ${point}; ${alter} ADD TABLE ${point}`);
    expect(await look()).toEqual([`publication ${point}`]);
    await client.query(
      `${alter} DROP TABLE ${point}; ${alter} ADD TABLE ${point} ${part}; ${alter} DROP TABLE ${point}; ${alter} ADD TABLE ${point}`,
    );
    expect(await look()).toEqual([`publication ${point}`]);
  });

  test.each([
    ['deletes are not published', [`${alter} SET (publish = 'insert, update')`], []],
    ['and are again', [`${alter} ${whole}`], both],
    ['both at once', [`${alter} SET (publish = 'insert')`, `${alter} ${whole}`], both],
    ['partitions are published under their own names', [`${alter} SET (publish_via_partition_root = false)`], []],
    ['and as their table again', [`${alter} SET (publish_via_partition_root = true)`], both],
    [
      'the publication has another name for a while',
      [`${alter} RENAME TO x`, `ALTER PUBLICATION x RENAME TO concord`],
      both,
    ],
  ])('of all tables at once: %s', async (_title, statements, found) => {
    for (const statement of statements) await client.query(statement);
    expect((await look()).toSorted()).toEqual(found.toSorted());
    expect(await look()).toEqual([]);
  });

  test.each([
    ['begins', [`${alter} DROP TABLE ${point}; ${alter} ADD TABLES IN SCHEMA registration`]],
    [
      'stops, and begins anew',
      [`${alter} DROP TABLES IN SCHEMA registration; ${alter} ADD TABLES IN SCHEMA registration`],
    ],
    ['ends', [`${alter} DROP TABLES IN SCHEMA registration; ${alter} ADD TABLE ${point}`]],
  ])('to be published with its whole schema %s', async (_title, statements) => {
    if (!hasParts) return;
    for (const statement of statements) await client.query(statement);
    expect(await look()).toEqual([`publication ${point}`]);
    expect(await look()).toEqual([]);
  });

  const parent = 'ALTER TABLE registration.appointment';
  const table = (name: string, id: number): string =>
    `CREATE TABLE registration.${name} (LIKE registration.appointment INCLUDING ALL); INSERT INTO registration.${name} VALUES (${id})`;
  const attach = (name: string, from: number): string =>
    `${parent} ATTACH PARTITION registration.${name} FOR VALUES FROM (${from}) TO (${from + 10})`;

  test.each([
    [
      'is made',
      ['CREATE TABLE registration.second PARTITION OF registration.appointment FOR VALUES FROM (10) TO (20)'],
      null,
    ],
    ['was a table with rows before', [table('third', 21), attach('third', 20)], 'attached'],
    [
      'is made of a table within one transaction',
      [`BEGIN; ${table('fourth', 31)}; ${attach('fourth', 30)}; COMMIT`],
      'attached',
    ],
    ['is away', [`${parent} DETACH PARTITION registration.third`], 'detached'],
    ['comes back', [attach('third', 20)], 'attached'],
    ['both at once', [`${parent} DETACH PARTITION registration.third`, attach('third', 20)], 'attached'],
    ['is dropped', ['DROP TABLE registration.first'], 'detached'],
    ['is truncated by itself', ['TRUNCATE registration.third'], 'emptied'],
    [
      'is made by the one who truncates another and fills it anew',
      [
        `BEGIN; CREATE TABLE registration.fifth PARTITION OF registration.appointment FOR VALUES FROM (40) TO (50); TRUNCATE registration.third;
         INSERT INTO registration.appointment VALUES (22); ANALYZE registration.third; COMMIT`,
      ],
      'emptied',
    ],
  ])('a partition %s', async (_title, statements, because) => {
    for (const statement of statements) await client.query(statement);
    expect(await look()).toEqual(because === null ? [] : [`${because} registration.appointment`]);
    expect(await look()).toEqual([]);
  });

  test('an imprint that an older version kept is taken over: what was done meanwhile is found, and nothing else', async () => {
    // As it was: three facts in one text, the third only since some later version.
    const asBefore = `ALTER TABLE concord.table_imprint DROP COLUMN partitions;
      UPDATE concord.table_imprint SET columns = columns || ' ' || primary_key || CASE table_name WHEN '${point}' THEN ' ' || membership ELSE '' END;
      ALTER TABLE concord.table_imprint DROP COLUMN primary_key, DROP COLUMN membership, DROP COLUMN publication`;
    await client.query(asBefore);
    expect(await look()).toEqual([]);
    const steps = await setUpSource({ connectionString: database.url }, settings);
    expect(steps.map(({ what }) => what)).toContain('table concord.table_imprint');
    expect(await look()).toEqual([]);
    await client.query(asBefore);
    await client.query(`${alter} DROP TABLE ${point}; ${alter} ADD TABLE ${point}; ${column} TYPE text USING 'x'`);
    await setUpSource({ connectionString: database.url }, settings);
    expect(await look()).toEqual([`publication ${point}`]);
  });
});
