import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { until } from '../../test/rig.fixture.ts';
import { requestSnapshot, readJob } from './job-table.ts';
import { checkSource } from './preflight.ts';
import { replayed, wished } from './parked.fixture.ts';
import { differencesOf } from './replayed.fixture.ts';
import { tableName } from './route-columns.ts';
import { setUpSource } from './setup.ts';
import { currentLsn, openStage, type RunningSource, type SourceStage, startSource } from './source.fixture.ts';

let stage: SourceStage;
let source: RunningSource;

const database = (): { connectionString: string } => ({ connectionString: stage.database.url });
const codes = async (): Promise<readonly string[]> =>
  (await checkSource(database(), stage.settings)).map(({ code }) => code);

beforeAll(async () => {
  stage = await openStage(inject('stack'), { heartbeatIntervalMs: 100, chunkRows: 100 });
  await stage.client.query(`
    CREATE SCHEMA plain;
    ALTER TABLE registration.metering_point SET SCHEMA plain; ALTER TABLE registration.appointment SET SCHEMA plain;
    CREATE TABLE registration.metering_point (LIKE plain.metering_point, PRIMARY KEY (mpan_core)) PARTITION BY HASH (mpan_core);
    CREATE TABLE registration.point_0 PARTITION OF registration.metering_point FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE registration.point_1 PARTITION OF registration.metering_point FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE registration.appointment (LIKE plain.appointment, PRIMARY KEY (appointment_id)) PARTITION BY RANGE (appointment_id);
    CREATE TABLE registration.early PARTITION OF registration.appointment FOR VALUES FROM (0) TO (100);
    CREATE TABLE registration.late PARTITION OF registration.appointment FOR VALUES FROM (100) TO (1000) PARTITION BY HASH (appointment_id);
    CREATE TABLE registration.late_0 PARTITION OF registration.late FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE registration.late_1 PARTITION OF registration.late FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE PUBLICATION concord FOR TABLE registration.metering_point, registration.appointment WITH (publish = 'insert, delete')`);
  await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group)
    SELECT lpad(n::text, 13, '0'), '_A' FROM generate_series(1, 400) n`);
  await stage.client.query(`INSERT INTO registration.appointment (appointment_id, mpan_core, service_type)
    SELECT n, lpad(n::text, 13, '0'), 'MSA' FROM generate_series(1, 300) n`);
});
afterAll(async () => {
  await source.stop();
  await stage.close();
});

async function caughtUp(): Promise<void> {
  const lsn = await currentLsn(stage.client);
  await source.until((report) => report.loadComplete && report.watermark >= lsn);
}

test('what a publication leaves out, and a partition whose deletes would say too little, is found and set right', async () => {
  expect(await codes()).toEqual([
    'SLOT_NOT_MADE',
    ...Array.from({ length: 4 }, () => 'REPLICA_IDENTITY'),
    'PUBLICATION_OPTIONS',
  ]);
  const steps = (await setUpSource(database(), stage.settings)).map(({ what }) => what);
  expect(steps).toContain('replica identity of registration.late_1: the whole row');
  expect(steps).toContain('publication concord: all kinds of changes, partitions as their table');
  expect(await codes()).toEqual([]);
  // A row filter, where the server has them.
  const { rows } = await stage.client.query<{ has: boolean }>(
    `SELECT current_setting('server_version_num')::int >= 150000 AS has`,
  );
  if (rows[0]?.has === true) {
    await stage.client.query('ALTER PUBLICATION concord DROP TABLE registration.participant');
    await stage.client.query(`ALTER PUBLICATION concord ADD TABLE registration.participant WHERE (role = 'X')`);
    expect(await codes()).toEqual(['PUBLICATION_OPTIONS']);
  }
  await stage.client.query('ALTER PUBLICATION concord SET TABLE concord.heartbeat');
  await setUpSource(database(), stage.settings);
  expect(await codes()).toEqual([]);
});

test('partitioned tables are loaded and followed as one table each, whichever partition a row is in', async () => {
  source = await startSource(stage);
  await caughtUp();
  expect((await stage.events('metering-point')).length).toBe(400);
  await stage.client.query(
    `UPDATE registration.metering_point SET gsp_group = '_B' WHERE mpan_core <= '0000000000200'`,
  );
  // It moves from one partition to the other: the database deletes it there and inserts it here.
  await stage.client.query(
    `UPDATE registration.metering_point SET mpan_core = '9' || substr(mpan_core, 2) WHERE mpan_core > '0000000000350'`,
  );
  await stage.client.query(`DELETE FROM registration.metering_point WHERE mpan_core <= '0000000000010'`);
  await stage.client.query(`INSERT INTO registration.point_0 (mpan_core)
    SELECT n::text FROM generate_series(1, 40) n WHERE satisfies_hash_partition('registration.metering_point'::regclass, 2, 0, n::text)`);
  await caughtUp();
  expect(await differencesOf(stage)).toEqual([]);
});

test('a delete from a partition says its topic and its key', async () => {
  await stage.client.query('DELETE FROM registration.appointment WHERE appointment_id IN (5, 105, 106)');
  await caughtUp();
  const deletes = (await stage.events('appointment.msa')).filter((event) => event.recordType === 'delete');
  expect(new Map(deletes.map((event) => [event['appointment_id'], event.key]))).toEqual(
    new Map([
      [5, '0000000000005'],
      [105, '0000000000105'],
      [106, '0000000000106'],
    ]),
  );
});

test('a delete from a partition that was made while everything runs, and does not say what it deletes, parks the table', async () => {
  const appointment = 'registration.appointment';
  const sql = (text: string): Promise<unknown> => stage.client.query(text);
  await sql(`CREATE TABLE registration.later PARTITION OF registration.appointment FOR VALUES FROM (1000) TO (2000);
    INSERT INTO registration.appointment (appointment_id, mpan_core, service_type) SELECT n, lpad(n::text, 13, '0'), 'MSA' FROM generate_series(1000, 1010) n`);
  await caughtUp();
  expect(source.report.parked).toEqual({});
  while (source.report.findings.every(({ text }) => !text.includes('registration.later'))) await caughtUp();
  expect(source.report.findings.map(({ code, remedy }) => [code, remedy])).toEqual([
    ['REPLICA_IDENTITY', expect.stringContaining('ALTER TABLE "registration"."later" REPLICA IDENTITY FULL')],
  ]);
  const before = (await stage.events('appointment.mss')).length;
  await sql(`DELETE FROM registration.appointment WHERE appointment_id IN (7, 1007)`);
  await sql(`UPDATE registration.appointment SET service_type = 'MSS' WHERE appointment_id = 1008`);
  await caughtUp();
  expect(source.report.parked[appointment]).toMatchObject({ code: 'REPLICA_IDENTITY', changes: 2 });
  const refused = await wished(stage, appointment, 'resume');
  expect(refused.answer).toContain('The replica identity of registration.later does not hold mpan_core, service_type');

  await setUpSource(database(), stage.settings);
  expect(await wished(stage, appointment, 'resume')).toMatchObject({ state: 'done' });
  await caughtUp();
  const msa = await replayed(stage, ['appointment.msa'], 'appointment_id');
  // What was deleted, or moved away, before the partition said so is left for reconcile; it is told under no other key.
  expect([...msa.rows.keys()].filter((id) => ['7', '1007', '1008'].includes(id)).toSorted()).toEqual(['1007', '1008']);
  const told = (await stage.events('appointment.mss')).slice(before);
  expect(told.map(({ recordType, key }) => [recordType, key])).toEqual(
    expect.arrayContaining([['update', '0000000001008']]),
  );
  expect(told.every(({ key }) => key !== '')).toBe(true);
  // The table was read again; from here on a delete says all.
  await source.until(({ job }) => job === null);
  await sql(`DELETE FROM registration.appointment WHERE appointment_id = 1009`);
  await caughtUp();
  expect((await replayed(stage, ['appointment.msa'], 'appointment_id')).rows.has('1009')).toBe(false);
  expect(source.report.parked).toEqual({});
});

test('a partition whose identity is an index without the key parks its table: the stream would not show that a key changed', async () => {
  const appointment = 'registration.appointment';
  await stage.client.query(`CREATE TABLE registration.other PARTITION OF registration.appointment FOR VALUES FROM (2000) TO (3000);
    ALTER TABLE registration.other ALTER COLUMN contract_reference SET NOT NULL;
    CREATE UNIQUE INDEX other_contract ON registration.other (contract_reference);
    ALTER TABLE registration.other REPLICA IDENTITY USING INDEX other_contract`);
  const note = await until(
    'the table is parked',
    () => Promise.resolve(source.report.parked[appointment]),
    (entry) => entry !== undefined,
    20_000,
  );
  expect([note?.code, note?.text]).toEqual(['REPLICA_IDENTITY', expect.stringContaining('registration.other')]);
  await setUpSource(database(), stage.settings);
  expect(await wished(stage, appointment, 'resume')).toMatchObject({ state: 'done' });
  expect(source.report.parked).toEqual({});
});

test('a snapshot of a partitioned table, and its truncate, are those of the whole table', async () => {
  const route = stage.settings.routes.find((one) => tableName(one) === 'registration.metering_point');
  if (route === undefined) throw new Error('no route');
  const { id } = await requestSnapshot(stage.client, stage.settings.name, { route });
  const { rows } = await stage.client.query<{ count: string }>('SELECT count(*) FROM registration.metering_point');
  for (let done = false; !done; ) {
    const job = await readJob(stage.client, stage.settings.name, id);
    done = job?.state === 'done';
    if (done) expect(job?.rows).toBe(Number(rows[0]?.count));
  }
  await stage.client.query('TRUNCATE registration.metering_point');
  await caughtUp();
  expect(await differencesOf(stage)).toEqual([]);
});
