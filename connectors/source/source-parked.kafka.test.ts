import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { partitionName } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import { differencesOfPoints, replayed, wished } from './parked.fixture.ts';
import { currentLsn, openStage, type RunningSource, type SourceStage, startSource } from './source.fixture.ts';

const point = 'registration.metering_point';
let stage: SourceStage;
let source: RunningSource;

beforeAll(async () => {
  stage = await openStage(inject('stack'), { chunkRows: 50, heartbeatIntervalMs: 100 });
  await stage.client.query(`INSERT INTO registration.metering_point (mpan_core, gsp_group, supplier_mpid, supplier_efd, line_loss_factor)
    SELECT lpad(n::text, 13, '0'), '_A', 'SUPA', '2026-01-01', 1.5 FROM generate_series(1, 100) n`);
  source = await startSource(stage);
  await source.until((report) => report.loadComplete);
});
afterAll(async () => {
  await source.stop();
  await stage.close();
});

const query = (text: string): Promise<unknown> => stage.client.query(text);

async function caughtUp(): Promise<void> {
  const lsn = await currentLsn(stage.client);
  await source.until((report) => report.watermark >= lsn);
}

async function differences(items: readonly string[]): Promise<string[]> {
  await caughtUp();
  return differencesOfPoints(stage, items);
}

const update = (group: string, from: number, to: number): Promise<unknown> =>
  query(
    `UPDATE ${point} SET gsp_group = '${group}' WHERE mpan_core BETWEEN lpad('${from}', 13, '0') AND lpad('${to}', 13, '0')`,
  );

describe('a compatible change goes on', () => {
  test.each([
    ['a column is added that nobody maps', `ALTER TABLE ${point} ADD COLUMN colour text DEFAULT 'red'`],
    ['a column that nobody maps is dropped', `ALTER TABLE ${point} DROP COLUMN colour`],
    ['an optional column is dropped', `ALTER TABLE ${point} DROP COLUMN load_shape_category`],
    ['an optional column comes back', `ALTER TABLE ${point} ADD COLUMN load_shape_category text`],
    ['a numeric gets a size', `ALTER TABLE ${point} ALTER COLUMN line_loss_factor TYPE numeric(12, 6)`],
    ['a numeric is widened', `ALTER TABLE ${point} ALTER COLUMN line_loss_factor TYPE numeric(20, 6)`],
    ['text becomes varchar', `ALTER TABLE ${point} ALTER COLUMN supplier_mpid TYPE varchar(10)`],
    ['varchar becomes text', `ALTER TABLE ${point} ALTER COLUMN supplier_mpid TYPE text`],
    [
      'text becomes an enum',
      `CREATE TYPE registration.segment AS ENUM ('S'); ALTER TABLE ${point} ALTER COLUMN market_segment TYPE registration.segment USING market_segment::registration.segment`,
    ],
    ['an enum gets a value', `ALTER TYPE registration.segment ADD VALUE 'A'`],
  ])('%s', async (_title, statement) => {
    await query(statement);
    await update(_title.slice(0, 12), 1, 3);
    await caughtUp();
    expect(source.report.parked).toEqual({});
    const { rows } = await replayed(stage, ['metering-point'], 'mpan_core');
    expect(rows.get('0000000000002')?.['gsp_group']).toBe(_title.slice(0, 12));
  });

  test('a value that the enum got is told', async () => {
    await query(`UPDATE ${point} SET market_segment = 'A' WHERE mpan_core = '0000000000005'`);
    await caughtUp();
    const { rows } = await replayed(stage, ['metering-point'], 'mpan_core');
    expect(rows.get('0000000000005')?.['market_segment']).toBe('A');
  });
});

describe('an incompatible change parks that table only, and nothing is lost', () => {
  const items = ['gsp_group', 'supplier_mpid', 'supplier_efd'];

  async function parkedAs(code: string): Promise<void> {
    await caughtUp();
    expect(source.report.parked[point]?.code).toBe(code);
    expect((await stage.progress())?.parkedTables).toEqual([point]);
  }

  async function othersGoOn(id: number): Promise<void> {
    await query(
      `INSERT INTO registration.appointment (appointment_id, mpan_core, service_type) VALUES (${id}, '0000000000001', 'MSS')`,
    );
    await caughtUp();
    const { rows } = await replayed(stage, ['appointment.mss'], 'appointment_id');
    expect(rows.has(String(id))).toBe(true);
  }

  test('a type that the item can not take', async () => {
    await query(`ALTER TABLE ${point} ALTER COLUMN supplier_efd TYPE text`);
    await query(`UPDATE ${point} SET supplier_efd = '2026-02-02' WHERE mpan_core = '0000000000007'`);
    await query(`DELETE FROM ${point} WHERE mpan_core = '0000000000008'`);
    await query(`INSERT INTO ${point} (mpan_core, supplier_efd) VALUES ('0000000000901', '2026-03-03')`);
    await parkedAs('COLUMN_TYPE_UNSUITABLE');
    const { text, fix, changes, after } = source.report.parked[point] ?? {};
    expect(text).toBe(
      'registration.metering_point: the column supplier_efd is text now, and was date, and the item supplier_efd is an Avro date, which can not take it.',
    );
    expect(fix).toContain('ALTER COLUMN "supplier_efd" TYPE date USING "supplier_efd"::date');
    expect(changes).toBe(3);
    await othersGoOn(1);
    // What the look at the catalogue has asked for before may still have been read until then.
    const told = await stage.events('metering-point');
    expect(told.filter(({ source: { lsn } }) => lsn > (after?.lsn ?? 0))).toEqual([]);
    // Nothing is released that could not be told.
    const refused = await wished(stage, point, 'resume');
    expect(refused).toMatchObject({ state: 'refused' });
    expect(refused.answer).toContain('supplier_efd');

    await query(`ALTER TABLE ${point} ALTER COLUMN supplier_efd TYPE date USING supplier_efd::date`);
    await update('_B', 10, 20);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done', answer: null });
    await update('_C', 15, 25);
    expect(await differences(items)).toEqual([]);
    expect((await stage.progress())?.parkedTables).toEqual([]);
  });

  test('a column that is renamed, and renamed back', async () => {
    await query(`ALTER TABLE ${point} RENAME COLUMN supplier_mpid TO supplier`);
    await query(`UPDATE ${point} SET supplier = 'SUPB' WHERE mpan_core < '0000000000030'`);
    await parkedAs('COLUMN_RENAMED');
    expect(source.report.parked[point]?.text).toContain('supplier_mpid (text) is called supplier (text) now');
    await othersGoOn(2);
    await query(`ALTER TABLE ${point} RENAME COLUMN supplier TO supplier_mpid`);
    await query(`UPDATE ${point} SET supplier_mpid = 'SUPC' WHERE mpan_core > '0000000000060'`);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(items)).toEqual([]);
  });

  test('a column that is renamed, and then mapped under its new name', async () => {
    await query(`ALTER TABLE ${point} RENAME COLUMN supplier_mpid TO supplier`);
    await query(`UPDATE ${point} SET supplier = 'SUPM' WHERE mpan_core < '0000000000030'`);
    await parkedAs('COLUMN_RENAMED');
    await source.stop();
    const routes = stage.settings.routes.map((route) => {
      const { supplier_mpid: supplier = '', ...items } = route.items;
      return route.entity === 'metering_point' ? { ...route, items: { ...items, supplier } } : route;
    });
    source = await startSource({ ...stage, settings: { ...stage.settings, routes } });
    await query(`UPDATE ${point} SET supplier = 'SUPN' WHERE mpan_core < '0000000000010'`);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    await query(`UPDATE ${point} SET supplier = 'SUPO' WHERE mpan_core < '0000000000005'`);
    await caughtUp();
    await source.stop();
    await query(`ALTER TABLE ${point} RENAME COLUMN supplier TO supplier_mpid`);
    source = await startSource(stage);
    expect(await differences(items)).toEqual([]);
    expect(source.report.parked).toEqual({});
  });

  test('a needed column that is dropped, and comes back with values that no change has told', async () => {
    await query(`ALTER TABLE ${point} DROP COLUMN supplier_mpid`);
    await update('_D', 30, 40);
    await parkedAs('COLUMN_DROPPED');
    await othersGoOn(3);
    await query(`ALTER TABLE ${point} ADD COLUMN supplier_mpid text DEFAULT 'SUPD'`);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    // It was asked for by the release.
    for (;;) {
      const { rows } = await stage.client.query<{ state: string }>('SELECT state FROM concord.snapshot_job');
      if (rows.length > 0 && rows.every(({ state }) => state === 'done')) break;
    }
    expect(await differences(items)).toEqual([]);
  });

  test('a table that is renamed, and renamed back', async () => {
    await query(`ALTER TABLE ${point} RENAME TO metering_place`);
    await query(`UPDATE registration.metering_place SET gsp_group = '_E' WHERE mpan_core < '0000000000012'`);
    await parkedAs('TABLE_RENAMED');
    expect(source.report.parked[point]?.text).toContain('is called registration.metering_place now');
    await othersGoOn(4);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'refused' });
    await query(`ALTER TABLE registration.metering_place RENAME TO metering_point`);
    await update('_F', 5, 8);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(items)).toEqual([]);
  });

  test('a table that is dropped and made anew under its name', async () => {
    const asset = 'registration.meter_asset';
    const publish = `ALTER PUBLICATION ${stage.settings.publication} ADD TABLE ${asset}; ALTER TABLE ${asset} REPLICA IDENTITY FULL`;
    await query(`INSERT INTO ${asset} (device_id, status) VALUES ('old', 'a'), ('both', 'a')`);
    await caughtUp();
    await query(
      `CREATE TABLE registration.copy (LIKE ${asset} INCLUDING ALL); DROP TABLE ${asset}; ALTER TABLE registration.copy RENAME TO meter_asset`,
    );
    await query(`INSERT INTO ${asset} (device_id, status) VALUES ('both', 'unpublished')`);
    await query(`${publish}; INSERT INTO ${asset} (device_id, status) VALUES ('new', 'b')`);
    await caughtUp();
    expect(source.report.parked[asset]?.code).toBe('TABLE_REPLACED');
    expect((await replayed(stage, ['meter-asset'], 'device_id')).rows.has('new')).toBe(false);
    expect(await wished(stage, asset, 'resume')).toMatchObject({ state: 'done' });
    await caughtUp();
    await source.until(({ job }) => job === null);
    for (;;) {
      const { rows } = await replayed(stage, ['meter-asset'], 'device_id');
      if (rows.get('both')?.['status'] === 'unpublished' && rows.get('new')?.['status'] === 'b') break;
    }
  });

  test('two tables that change their names, while it runs or while it is away', async () => {
    const swap = (a: string, b: string): Promise<unknown> =>
      query(`BEGIN; ALTER TABLE registration.${a} RENAME TO other; ALTER TABLE registration.${b} RENAME TO ${a};
        ALTER TABLE registration.other RENAME TO ${b}; COMMIT`);
    const asset = 'registration.meter_asset';
    await query(
      `CREATE TABLE registration.twin (LIKE ${asset} INCLUDING ALL); INSERT INTO registration.twin (device_id) VALUES ('twin')`,
    );
    for (const isAway of [false, true]) {
      if (isAway) await source.stop();
      await swap('meter_asset', 'twin');
      await query(`ALTER PUBLICATION ${stage.settings.publication} ADD TABLE ${asset}; ALTER TABLE ${asset} REPLICA IDENTITY FULL;
        INSERT INTO ${asset} (device_id) VALUES ('strange ${isAway}'); UPDATE registration.twin SET status = 'renamed ${isAway}' WHERE device_id = 'new'`);
      if (isAway) source = await startSource(stage);
      await caughtUp();
      expect(source.report.parked[asset]?.code).toMatch(/TABLE_(RENAMED|REPLACED)/);
      const { rows } = await replayed(stage, ['meter-asset'], 'device_id');
      expect([...rows.keys()].filter((key) => key.startsWith('strange') || key === 'twin')).toEqual([]);
      expect(await wished(stage, asset, 'resume')).toMatchObject({ state: 'refused' });
      await query(`ALTER PUBLICATION ${stage.settings.publication} DROP TABLE ${asset}`);
      await swap('meter_asset', 'twin');
      expect(await wished(stage, asset, 'resume')).toMatchObject({ state: 'done' });
      await caughtUp();
      const { rows: after } = await replayed(stage, ['meter-asset'], 'device_id');
      expect(after.get('new')?.['status']).toBe(`renamed ${isAway}`);
      expect([...after.keys()].filter((key) => key.startsWith('strange') || key === 'twin')).toEqual([]);
    }
  });

  test('a transaction in which the shape changes half way', async () => {
    await query('BEGIN');
    await update('_G', 1, 5);
    await query(`ALTER TABLE ${point} ALTER COLUMN domestic TYPE text`);
    await update('_H', 4, 9);
    await query('COMMIT');
    await parkedAs('COLUMN_TYPE_UNSUITABLE');
    const { rows } = await replayed(stage, ['metering-point'], 'mpan_core');
    expect(rows.get('0000000000005')?.['gsp_group']).toBe('_G');
    await query(`ALTER TABLE ${point} ALTER COLUMN domestic TYPE boolean USING domestic::boolean`);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(items)).toEqual([]);
  });
});

describe('what a statement does that no change tells', () => {
  async function agreed(items: readonly string[]): Promise<void> {
    for (let wrong = ['not looked yet']; wrong.length > 0; ) wrong = await differences(items);
  }

  test('is found by the rewritten table, and read again', async () => {
    await query(`ALTER TABLE ${point} ALTER COLUMN gsp_group TYPE text USING gsp_group || '!'`);
    await agreed(['gsp_group']);
  });

  test('is found by the publication, which was changed in the middle of a transaction', async () => {
    const other = new pg.Client({ connectionString: stage.database.url });
    await other.connect();
    const key = (n: number): string => String(n).padStart(13, '0');
    const part = (group: string, from: number): Promise<unknown> =>
      other.query(
        `UPDATE ${point} SET gsp_group = '${group}' WHERE mpan_core BETWEEN '${key(from)}' AND '${key(from + 3)}'`,
      );
    await other.query('BEGIN');
    await part('_P', 70);
    await query(`ALTER PUBLICATION ${stage.settings.publication} DROP TABLE ${point}`);
    await part('_Q', 75);
    await query(`UPDATE ${point} SET gsp_group = '_S' WHERE mpan_core = '${key(90)}'`);
    await query(`ALTER PUBLICATION ${stage.settings.publication} ADD TABLE ${point}`);
    await part('_R', 80);
    await other.query('COMMIT');
    await other.end();
    await agreed(['gsp_group']);
  });

  test('is found by the primary key, which was away between two looks', async () => {
    await query(`ALTER TABLE ${point} REPLICA IDENTITY FULL`);
    await query(`BEGIN; ALTER TABLE ${point} DROP CONSTRAINT metering_point_pkey; INSERT INTO ${point} (mpan_core, gsp_group) VALUES ('0000000000071', 'twin');
      DELETE FROM ${point} WHERE gsp_group = 'twin'; ALTER TABLE ${point} ADD PRIMARY KEY (mpan_core), REPLICA IDENTITY DEFAULT; COMMIT`);
    await agreed(['gsp_group']);
    expect(source.report.parked).toEqual({});
  });
});

describe('a table that is paused', () => {
  test('keeps its changes, and tells each once in its order when it is resumed while it is written to', async () => {
    expect(await wished(stage, point, 'pause')).toMatchObject({ state: 'done' });
    const before = (await stage.events('metering-point')).length;
    // So many transactions that a mark of the release has hundreds of positions.
    const rounds = 300;
    for (let round = 0; round < rounds; round += 1) await update(`r${round}`, 1, 2);
    await query(`UPDATE ${point} SET mpan_core = '0000000000999' WHERE mpan_core = '0000000000050'`);
    await query(`DELETE FROM ${point} WHERE mpan_core BETWEEN '0000000000060' AND '0000000000065'`);
    await caughtUp();
    expect((await stage.events('metering-point')).length).toBe(before);
    expect(source.report.parked[point]).toMatchObject({ code: 'TABLE_PAUSED', released: 0 });

    const resumed = wished(stage, point, 'resume');
    let over = false;
    void resumed.then(() => {
      over = true;
    });
    let round = 0;
    while (!over) await query(`UPDATE ${point} SET gsp_group = 'w${(round += 1)}' WHERE mpan_core < '0000000000003'`);
    expect(await resumed).toMatchObject({ state: 'done' });
    await update('_Z', 3, 6);
    expect(await differences(['gsp_group'])).toEqual([]);
    const { events } = await replayed(stage, ['metering-point'], 'mpan_core');
    const told = events
      .filter(({ key, recordType }) => key === '0000000000001' && recordType === 'update')
      .slice(-rounds - round);
    expect(told.map((event) => event['gsp_group'])).toEqual([
      ...Array.from({ length: rounds }, (_, n) => `r${n}`),
      ...Array.from({ length: round }, (_, n) => `w${n + 1}`),
    ]);
  });

  test('is truncated and filled anew meanwhile', async () => {
    await wished(stage, point, 'pause');
    await query(`TRUNCATE ${point}`);
    await query(`INSERT INTO ${point} (mpan_core, gsp_group) VALUES ('0000000000001', 'anew')`);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(['gsp_group'])).toEqual([]);
  });

  test('is not paused when it is resumed without having been', async () => {
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(['gsp_group'])).toEqual([]);
  });

  test('leaves nothing on the parked topic once it is told, and what another table keeps there stays', async () => {
    const appointment = 'registration.appointment';
    const kept = async (): Promise<string[]> => (await stage.records('parked')).flat().map(({ key }) => String(key));
    expect(await kept()).toEqual([]);
    await wished(stage, point, 'pause');
    await update('before', 1, 1);
    await caughtUp();
    await wished(stage, appointment, 'pause');
    await query(`UPDATE ${appointment} SET reason = 'waits'`);
    await update('after', 1, 1);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    const left = await kept();
    expect(left[0]).toBe(appointment);
    expect(left.filter((key) => key.startsWith(point)).length).toBeLessThan(4);
    // Asked again, there is nothing more to delete.
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await kept()).toEqual(left);
    expect(await wished(stage, appointment, 'resume')).toMatchObject({ state: 'done' });
    expect(await kept()).toEqual([]);
    const { rows } = await replayed(stage, ['appointment.mss'], 'appointment_id');
    expect([...rows.values()].map((row) => row['reason'])).toEqual(['waits', 'waits', 'waits', 'waits']);
    expect(await differences(['gsp_group'])).toEqual([]);
  });

  test('is told as usual where the parked topic can not be cleared, and the next start clears it', async () => {
    await source.stop();
    const refused = new Fault('refused', 'KAFKA_REFUSED', 'An ACL is wrong.', {});
    source = await startSource(stage, { deleteRecords: () => Promise.reject(refused) });
    await wished(stage, point, 'pause');
    await update('cleared', 1, 3);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect((await stage.records('parked')).flat()).toHaveLength(2);
    await source.stop();
    source = await startSource(stage);
    await wished(stage, point, 'pause');
    expect((await stage.records('parked')).flat()).toEqual([]);
    expect(await wished(stage, point, 'resume')).toMatchObject({ state: 'done' });
    expect(await differences(['gsp_group'])).toEqual([]);
  });

  test('stays parked, and says so, when what it kept was deleted on the topic before it was told', async () => {
    await wished(stage, point, 'pause');
    // More than one chunk: the first one must not be told without what is missing before it.
    for (let round = 0; round < 200; round += 1) await update(`l${round}`, 1, 2);
    await caughtUp();
    const before = (await stage.events('metering-point')).length;
    const end = source.report.nextOffsets[partitionName(stage.settings.parkedTopic ?? '', 0)] ?? 0;
    await stage.topics.deleteRecords(stage.settings.parkedTopic ?? '', end - 150);
    const answered = await wished(stage, point, 'resume');
    expect(answered).toMatchObject({
      state: 'refused',
      answer: expect.stringContaining('somebody has deleted records'),
    });
    await caughtUp();
    expect((await stage.events('metering-point')).length).toBe(before);
    expect((await stage.progress())?.parkedTables).toEqual([point]);
  });
});
