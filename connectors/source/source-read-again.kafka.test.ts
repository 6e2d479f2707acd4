import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { until } from '../../test/rig.fixture.ts';
import { type CompiledChild, compileChild, SourceProcess } from './child-process.fixture.ts';
import { readJob, requestSnapshot } from './job-table.ts';
import { differencesOf } from './replayed.fixture.ts';
import { setUpSource } from './setup.ts';
import { currentLsn, openStage, type SourceStage, startSource } from './source.fixture.ts';

let compiled: CompiledChild;
let stage: SourceStage;

beforeAll(async () => {
  compiled = compileChild();
  // No heartbeat comes between: the first Kafka transaction of a process is the change.
  stage = await openStage(inject('stack'), { heartbeatIntervalMs: 60_000 });
  await setUpSource({ connectionString: stage.database.url }, stage.settings);
  await stage.client.query('ALTER TABLE registration.metering_point REPLICA IDENTITY DEFAULT');
  await stage.client.query(
    `INSERT INTO registration.metering_point (mpan_core, gsp_group) VALUES ('0000000000001', $1)`,
    [randomBytes(8_000).toString('hex')],
  );
  const loading = new SourceProcess(compiled, stage.addresses);
  await loading.until((state) => state.loadComplete);
  await loading.kill();
});
afterAll(async () => {
  await stage.close();
  compiled.remove();
});

async function asked(): Promise<number> {
  const { rows } = await stage.client.query('SELECT 1 FROM concord.snapshot_job');
  return rows.length;
}

test('killed between asking for a row to be read again and the commit of its new key, it asks twice, and the row is told as a whole', async () => {
  await stage.client.query(`UPDATE registration.metering_point SET mpan_core = '0000000000002'`);
  expect(await asked()).toBe(0);
  const child = new SourceProcess(compiled, stage.addresses, { name: 'before-commit', times: 1 });
  expect(await child.ended()).toBe('SIGKILL');
  // The request is durable before the change is.
  expect(await asked()).toBe(1);

  const successor = new SourceProcess(compiled, stage.addresses);
  await until(
    'the topic is the table',
    () => differencesOf(stage),
    (differences) => differences.length === 0,
  );
  await successor.kill();
  expect(await asked()).toBe(2);
  const told = (await stage.events('metering-point')).filter(({ key }) => key === '0000000000002');
  // Only the event that could not tell it has the value missing, and says so.
  expect(
    told.filter((event) => event['gsp_group'] === null).map(({ recordType, unchanged }) => ({ recordType, unchanged })),
  ).toEqual([{ recordType: 'create', unchanged: ['gsp_group'] }]);
});

test('a row that an event overtakes while its chunk is read, without its large value, is read again as a whole', async () => {
  const source = await startSource(stage);
  // While it starts it looks at the publication, for which it does not wait behind a lock.
  const lsn = await currentLsn(stage.client);
  await source.until(({ watermark }) => watermark >= lsn);
  const before = await asked();
  const other = new pg.Client({ connectionString: stage.database.url });
  other.on('error', () => {});
  await other.connect();
  // The chunk waits for the lock, after its low mark: what is committed with it comes into the window.
  await other.query('BEGIN; LOCK TABLE registration.metering_point IN ACCESS EXCLUSIVE MODE');
  const route = stage.settings.routes.find(({ table }) => table === 'metering_point');
  if (route === undefined) throw new Error('no route');
  const { id } = await requestSnapshot(stage.client, stage.settings.name, { route });
  await until(
    'the chunk waits for the table',
    async () =>
      (
        await stage.client.query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY (SELECT%metering_point%'`,
        )
      ).rows,
    (rows) => rows.length === 1,
  );
  await other.query(`UPDATE registration.metering_point SET supplier_mpid = 'SUPA'; COMMIT`);
  await other.end();
  await until(
    'the snapshot is done',
    () => readJob(stage.client, stage.settings.name, id),
    (job) => job?.state === 'done',
  );
  // The row that was asked for by its key.
  expect(await asked()).toBe(before + 2);
  await until(
    'it is read',
    () => readJob(stage.client, stage.settings.name, id + 1),
    (job) => job?.state === 'done' && job.rows === 1,
  );
  const told = (await stage.events('metering-point')).filter((event) => event['supplier_mpid'] === 'SUPA');
  expect(told.map(({ recordType, unchanged }) => [recordType, unchanged])).toEqual([
    ['update', ['gsp_group']],
    ['read', []],
  ]);
  await source.stop();
  expect(await differencesOf(stage)).toEqual([]);
});
