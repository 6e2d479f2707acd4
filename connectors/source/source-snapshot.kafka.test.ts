import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { TableRoute } from './contract.ts';
import { type CompiledChild, compileChild, SourceProcess } from './child-process.fixture.ts';
import { readJob, readJobs, requestSnapshot, setJobState, type SnapshotJob, type SnapshotWish } from './job-table.ts';
import { tableName } from './route-columns.ts';
import {
  currentLsn,
  openStage,
  type RunningSource,
  type SourceStage,
  startSource,
  type TestEvent,
} from './source.fixture.ts';

const rows = 3_000;
let stage: SourceStage;
let compiled: CompiledChild;

beforeAll(async () => {
  compiled = compileChild();
  stage = await openStage(inject('stack'), { chunkRows: 200, heartbeatIntervalMs: 100 });
  await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group, domestic)
    SELECT lpad(n::text, 13, '0'), '_A', n % 2 = 0 FROM generate_series(1, ${rows}) n`);
  await stage.client.query(`INSERT INTO registration.appointment (appointment_id, mpan_core, service_type)
    SELECT n, lpad(n::text, 13, '0'), 'MSA' FROM generate_series(1, 10) n`);
});
afterAll(async () => {
  await stage.close();
  compiled.remove();
});

function routeOf(table: string): TableRoute {
  const route = stage.settings.routes.find((one) => tableName(one) === table);
  if (route === undefined) throw new Error('no such route');
  return route;
}

function request(table: string, wish: Omit<SnapshotWish, 'route'> = {}): Promise<SnapshotJob> {
  return requestSnapshot(stage.client, stage.settings.name, { route: routeOf(table), ...wish });
}

async function ended({ id }: SnapshotJob): Promise<SnapshotJob> {
  for (;;) {
    const job = await readJob(stage.client, stage.settings.name, id);
    if (job === null) throw new Error('the job is gone');
    if (job.endedAt !== null) return job;
  }
}

function countsByKey(events: readonly TestEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { key } of events) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

describe('a snapshot that is asked for while the source runs', () => {
  let source: RunningSource;
  /** Where events of the topic begin that came after the last look. */
  const seen = new Map<string, ReadonlySet<string>>();
  const identity = (event: TestEvent): string => JSON.stringify([event.key, event.source, event.recordType]);
  const newEvents = async (topic: string): Promise<TestEvent[]> => {
    const events = await stage.events(topic);
    const before = seen.get(topic) ?? new Set();
    seen.set(topic, new Set(events.map(identity)));
    return events.filter((event) => !before.has(identity(event)));
  };

  beforeAll(async () => {
    source = await startSource(stage);
    await source.until((report) => report.loadComplete);
    await newEvents('metering-point');
    await newEvents('appointment.msa');
  });
  afterAll(() => source.stop());

  test('reads the rows for which a condition is true, and no other', async () => {
    const job = await ended(await request('registration.metering_point', { predicate: 'domestic -- only homes' }));
    expect(job).toMatchObject({ state: 'done', rows: rows / 2, deletes: 0, problem: null });
    const events = await newEvents('metering-point');
    expect(events.length).toBe(rows / 2);
    expect(events.every((event) => event.recordType === 'read' && event['domestic'] === true)).toBe(true);
    // What is done is forgotten by the next progress record.
    const lsn = await currentLsn(stage.client);
    await source.until((report) => report.watermark >= lsn);
    expect((await stage.progress())?.jobs).not.toContain('"rows":1500');
  });

  test('reads listed keys; one that is gone is a delete, with its tombstone', async () => {
    const job = await ended(
      await request('registration.metering_point', { keys: [['0000000000001'], ['9999999999999'], ['0000000000002']] }),
    );
    expect(job).toMatchObject({ state: 'done', rows: 2, deletes: 1 });
    const events = await newEvents('metering-point');
    expect(new Map(events.map((event) => [event.key, event.recordType]))).toEqual(
      new Map([
        ['0000000000001', 'read'],
        ['0000000000002', 'read'],
        ['9999999999999', 'delete'],
      ]),
    );
    const records = (await stage.records('metering-point')).flat();
    expect(records.filter(({ key }) => key?.toString() === '9999999999999').map(({ value }) => value === null)).toEqual(
      [false, true],
    );
  });

  test('a key that is gone is told only where it is known to which topic and key it belongs', async () => {
    const job = await ended(
      await request('registration.appointment', {
        keys: [['1'], ['77', '0000000000077', 'MSA'], ['78']],
      }),
    );
    expect(job).toMatchObject({ state: 'done', rows: 1, deletes: 1, untold: 1 });
    const events = await newEvents('appointment.msa');
    expect(
      events
        .map((event) => [event.recordType, event['appointment_id'], event.key])
        .toSorted((a, b) => Number(a[1]) - Number(b[1])),
    ).toEqual([
      ['read', 1, '0000000000001'],
      ['delete', 77, '0000000000077'],
    ]);
  });

  test('what changes while it is read ends on the topic as it ends in the table', async () => {
    const asked = request('registration.metering_point');
    for (let n = 1; n <= 60; n += 1) {
      await stage.client.query(
        `UPDATE registration.metering_point SET gsp_group = $1 WHERE mpan_core >= $2 AND mpan_core < $3`,
        [`v${n}`, String(n * 45).padStart(13, '0'), String(n * 45 + 200).padStart(13, '0')],
      );
    }
    expect(await ended(await asked)).toMatchObject({ state: 'done' });
    const lsn = await currentLsn(stage.client);
    await source.until((report) => report.watermark >= lsn);
    const last = new Map((await stage.events('metering-point')).map((event) => [event.key, event['gsp_group']]));
    const { rows: table } = await stage.client.query<{ key: string; value: string }>(
      'SELECT mpan_core AS key, gsp_group AS value FROM registration.metering_point',
    );
    expect(table.filter(({ key, value }) => last.get(key) !== value)).toEqual([]);
    await newEvents('metering-point');
  });

  test('pauses, lets another one go first, goes on where it was, and is cancelled', async () => {
    const { name } = stage.settings;
    const long = await request('registration.metering_point');
    for (let rowsRead = 0; rowsRead === 0; ) rowsRead = (await readJob(stage.client, name, long.id))?.rows ?? 0;
    expect(await setJobState(stage.client, name, long.id, 'paused')).toMatchObject({ state: 'paused' });
    expect(await ended(await request('registration.participant'))).toMatchObject({ state: 'done', rows: 0 });
    expect(await readJob(stage.client, name, long.id)).toMatchObject({ state: 'paused' });
    await setJobState(stage.client, name, long.id, 'queued');
    expect(await ended(long)).toMatchObject({ state: 'done', rows });
    expect([...countsByKey(await newEvents('metering-point')).values()].every((count) => count === 1)).toBe(true);

    const never = await request('registration.metering_point');
    await setJobState(stage.client, name, never.id, 'cancelled');
    expect(await ended(await request('registration.participant'))).toMatchObject({ state: 'done' });
    expect(await readJob(stage.client, name, never.id)).toMatchObject({ state: 'cancelled' });
    expect(await setJobState(stage.client, name, never.id, 'queued')).toBeNull();
  });

  test.each([
    ['no_such_column = 1'],
    ['1'],
    ["gsp_group = '_A'; DROP TABLE registration.participant"],
    ['true) TO STDOUT; DROP TABLE registration.participant; COPY (SELECT 1 WHERE (true'],
    ['true) UNION SELECT 1 FROM registration.participant WHERE (true'],
    ['true THEN 1 END FROM registration.participant --'],
    ['true /* '],
    ["nextval('concord.snapshot_job_id_seq') > 0 AND (SELECT pg_catalog.lo_create(0)) > 0 AND"],
  ])('a text that is not a condition on the table is refused (%s)', async (predicate) => {
    await expect(request('registration.metering_point', { predicate })).rejects.toMatchObject({
      code: 'SNAPSHOT_REFUSED',
    });
  });

  test('a condition that writes, or fails, ends its job and nothing else', async () => {
    const writing = await ended(
      await request('registration.metering_point', { predicate: "nextval('concord.snapshot_job_id_seq') > 0" }),
    );
    expect(writing).toMatchObject({ state: 'failed', rows: 0 });
    expect(writing.problem).toContain('read-only');
    const failing = await ended(
      await request('registration.metering_point', { predicate: '1 / (mpan_core::bigint - 700) IS NOT NULL' }),
    );
    expect(failing).toMatchObject({ state: 'failed' });
    expect(failing.problem).toContain('division by zero');
    expect(await ended(await request('registration.participant'))).toMatchObject({ state: 'done' });
  });
});

test('killed in the middle of a snapshot, it goes on after the last finished chunk: each row is read once more', async () => {
  const before = countsByKey(await stage.events('metering-point'));
  const job = await request('registration.metering_point');
  for (const times of [4, 6]) {
    const child = new SourceProcess(compiled, stage.addresses, { name: 'before-commit', times });
    expect(await child.ended()).toBe('SIGKILL');
  }
  const child = new SourceProcess(compiled, stage.addresses);
  expect(await ended(job)).toMatchObject({ state: 'done', rows });
  await child.kill();
  const after = countsByKey(await stage.events('metering-point'));
  const { rows: keys } = await stage.client.query<{ key: string }>(
    'SELECT mpan_core AS key FROM registration.metering_point',
  );
  expect(keys.filter(({ key }) => after.get(key) !== (before.get(key) ?? 0) + 1)).toEqual([]);
  expect((await readJobs(stage.client, stage.settings.name)).every((one) => one.endedAt !== null)).toBe(true);
});
