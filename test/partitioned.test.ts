import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough } from './agreement.fixture.ts';
import { createHelpers, goodPoint, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

/** Tables that are partitioned in the source, one of a flow and a mirrored one, as far as the store. */
describe('a partitioned table is one table in the store', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'), {}, { readings: { kind: 'mirror', schema: 'public', table: 'readings' } });
    await rig.registration.query(`ALTER TABLE registration.metering_point RENAME TO plain;
      CREATE TABLE registration.metering_point (LIKE registration.plain INCLUDING DEFAULTS, PRIMARY KEY (mpan_core)) PARTITION BY HASH (mpan_core);
      CREATE TABLE registration.point_0 PARTITION OF registration.metering_point FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE registration.point_1 PARTITION OF registration.metering_point FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      CREATE TABLE public.readings (id int, day date, value numeric, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
      CREATE TABLE public.readings_2023 PARTITION OF public.readings FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
      CREATE TABLE public.readings_later PARTITION OF public.readings FOR VALUES FROM ('2024-01-01') TO ('2100-01-01') PARTITION BY LIST (id);
      CREATE TABLE public.readings_later_1 PARTITION OF public.readings_later FOR VALUES IN (1, 2, 3);
      CREATE TABLE public.readings_later_2 PARTITION OF public.readings_later DEFAULT;
      INSERT INTO public.readings SELECT n, date '2023-12-01' + n, n, 'before' FROM generate_series(1, 60) n`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 60);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
  });
  afterAll(async () => {
    await rig.stop();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  async function expectAgreement(): Promise<void> {
    const of = (table: string): string => `SELECT id, day::text, value::text, note FROM ${table} ORDER BY id, day`;
    const { rows: there } = await rig.registration.query(of('public.readings'));
    await until(
      'the store has the same rows',
      async () => (await rig.metering.query(of('mirror."public.readings"'))).rows,
      (found) => JSON.stringify(found) === JSON.stringify(there),
    );
    expect((await untilEverythingIsThrough(rig)).closes).toBe(true);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(0);
  }

  test('as it was loaded, and through changes in every partition', async () => {
    await expectAgreement();
    await sql(`UPDATE public.readings SET value = value + 0.10 WHERE id % 3 = 0; DELETE FROM public.readings_2023 WHERE id = 7;
      INSERT INTO public.readings_later_2 VALUES (500, '2025-01-01', 1, NULL);
      UPDATE registration.metering_point SET opt_out = NOT opt_out; DELETE FROM registration.point_0 WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(1, 9) n)`);
    await expectAgreement();
  });

  test('through rows that move from one partition to another, with and without their key changing', async () => {
    // A move to another day is a change of the key, to another partition or not.
    await sql(`UPDATE public.readings SET day = day + 40, note = 'moved' WHERE id BETWEEN 10 AND 20`);
    await sql(`BEGIN; UPDATE public.readings SET id = id + 1000 WHERE id IN (2, 3, 40, 41); UPDATE public.readings SET id = id - 1000 WHERE id > 1001;
      UPDATE registration.metering_point SET mpan_core = mpan(5000) WHERE mpan_core = mpan(20); COMMIT`);
    await expectAgreement();
    // A row that was moved has one version that is true, and the one before is ended.
    expect(await count(rig.metering, `SELECT count(*) FROM mirror."public.readings" WHERE id BETWEEN 10 AND 20`)).toBe(
      11,
    );
  });

  test('through a partition that is added, and a truncate', async () => {
    await sql(
      `CREATE TABLE public.readings_2022 PARTITION OF public.readings FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')`,
    );
    await sql(`INSERT INTO public.readings VALUES (700, '2022-05-05', 5, 'new'), (701, '2022-05-06', 6, 'new')`);
    await expectAgreement();
    await sql('TRUNCATE public.readings');
    await sql(`INSERT INTO public.readings VALUES (1, '2022-01-01', 1, 'after'), (1, '2024-01-01', 1, 'after')`);
    await expectAgreement();
  });

  test('through a COPY of which all rows share one LSN, logical messages between them, and a savepoint that is rolled back', async () => {
    const stream = rig.registration.query(copyFrom('COPY public.readings (id, day, value) FROM STDIN'));
    for (let n = 0; n < 3_000; n += 1) stream.write(`${n + 2000}\t20${23 + (n % 3)}-02-03\t${n}.50\n`);
    stream.end();
    await once(stream, 'finish');
    await sql(`BEGIN; SELECT pg_logical_emit_message(true, 'anybody', 'x'); UPDATE public.readings SET note = 'kept' WHERE id = 2001;
      SAVEPOINT a; DELETE FROM public.readings; INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(8000, 8100) n; ROLLBACK TO a;
      SELECT pg_logical_emit_message(false, 'anybody', 'y'); INSERT INTO public.readings VALUES (9000, '2024-06-06', NULL, 'kept'); COMMIT`);
    await expectAgreement();
    const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
    const topics = ['public.readings', 'metering-point'].map((topic) => `${rig.registrationPrefix}.${topic}`);
    const { duplicates, late } = findDisorder(await readTopics(kafkaBrokers, schemaRegistryUrl, topics));
    expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
  });

  test('through partitions that are truncated by themselves, which no change tells: the log says it, and a repair deletes their rows', async () => {
    const told = (table: string): number =>
      rig.log('registration').split(`A partition of ${table} is in another file`).length;
    const tables = ['public.readings', 'registration.metering_point'];
    const before = tables.map(told);
    await sql('TRUNCATE public.readings_2022, registration.point_1');
    for (const [at, table] of tables.entries()) {
      await until(
        'it is told',
        () => Promise.resolve(told(table)),
        (times) => times > (before[at] ?? 0),
      );
    }
    const { stdout } = await rig.command('reconcile', '--repair', '--yes');
    expect(stdout).toContain('extra');
    await expectAgreement();
  });
});
