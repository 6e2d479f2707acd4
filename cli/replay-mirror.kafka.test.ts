import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import { createHelpers, insertReferenceData } from '../test/registration-rows.fixture.ts';
import { Rig, until } from '../test/rig.fixture.ts';
import { performed } from './perform.fixture.ts';
import type { ReplayReport } from './replay/into.ts';

/** `concord replay` where a table is mirrored: it has a schema of its own, which changed while everything ran. */
describe('a second store with a mirrored table', () => {
  let rig: Rig;
  /** The insert LSN of the registration database before the table was altered, and changed again. */
  let middle = '';
  const stored = 'mirror."Sales.Order lines"';
  const tables = ['mirror."Sales.Order lines"', 'mirror."Sales.Order lines history"'];

  beforeAll(async () => {
    rig = await Rig.create(
      inject('stack'),
      {},
      { order_lines: { kind: 'mirror', schema: 'Sales', table: 'Order lines' } },
    );
    await sql(`CREATE SCHEMA "Sales"; CREATE TYPE "Sales".state AS ENUM ('new', 'done');
      CREATE TABLE "Sales"."Order lines" ("Order" text, line bigint, state "Sales".state, note text, lsn text, total numeric,
        made timestamptz, document json, PRIMARY KEY (line, "Order"));
      INSERT INTO "Sales"."Order lines" VALUES ('before|all', 1, 'new', 'n', 'l', 1.50, 'infinity', '{"a":  1}'),
        ('1012345678903', 2, 'done', NULL, NULL, 'NaN', now(), NULL)`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    await sql(
      `INSERT INTO "Sales"."Order lines" ("Order", line, note) SELECT 'many', n, 'x' FROM generate_series(10, 200) n`,
    );
    await sql(`UPDATE "Sales"."Order lines" SET note = 'y', total = 1.500 WHERE line BETWEEN 10 AND 59`);
    await sql(`DELETE FROM "Sales"."Order lines" WHERE line BETWEEN 50 AND 70`);
    await untilEverythingIsThrough(rig);
    const { rows } = await rig.registration.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    middle = rows[0]?.lsn ?? '';
    await sql(`ALTER TABLE "Sales"."Order lines" ADD COLUMN added int DEFAULT 7`);
    await sql(`UPDATE "Sales"."Order lines" SET added = 8, note = 'z' WHERE line BETWEEN 100 AND 120`);
    await sql(`UPDATE "Sales"."Order lines" SET line = line + 1000 WHERE line BETWEEN 150 AND 155`);
    await until(
      'the store has the added column',
      async () =>
        (
          await rig.metering.query(
            `SELECT FROM pg_attribute WHERE attrelid = '${stored}'::regclass AND attname = 'added'`,
          )
        ).rowCount,
      (found) => found === 1,
    );
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    for (const name of ['whole', 'early']) await performed('replay', 'drop', name, '--config', rig.configurationFile);
    await rig.stop();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  async function replay(...words: string[]): Promise<{ code: number; out: string; report: ReplayReport }> {
    const { code, out, err } = await performed('replay', ...words, '--json', '--config', rig.configurationFile);
    if (out === '') throw new Error(err);
    return { code, out, report: JSON.parse(out) as ReplayReport };
  }

  const rowsOf = ({ tables: compared }: ReplayReport): unknown =>
    compared.filter(({ table }) => table.startsWith('mirror.')).map(({ table, live, second }) => [table, live, second]);

  const differing = ({ tables: compared }: ReplayReport): unknown => compared.filter((table) => table.differing > 0);

  async function liveRows(table: string): Promise<number> {
    const { rows } = await rig.metering.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`);
    return rows[0]?.rows ?? 0;
  }

  test('has the table as the live one has it, and its history, through every schema that is on its topic', async () => {
    const { code, report } = await replay('--into', 'whole');
    expect(differing(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'same', outcomes: {}, notCompared: [] });
    expect(code).toBe(0);
    const [current, history] = [await liveRows(stored), await liveRows('mirror."Sales.Order lines history"')];
    expect(current).toBeGreaterThan(150);
    expect(history).toBeGreaterThan(80);
    expect(rowsOf(report)).toEqual([
      [tables[0], current, current],
      [tables[1], history, history],
    ]);
  });

  test('names what somebody changed in the live one', async () => {
    await rig.metering.query(`UPDATE ${stored} SET total = 'Infinity' WHERE line = 2`);
    const { code, out, report } = await replay('--into', 'whole');
    expect(differing(report)).toMatchObject([
      {
        table: tables[0],
        differing: 1,
        causes: { unexplained: 1 },
        samples: [{ columns: { total: ['Infinity', 'NaN'] } }],
      },
    ]);
    expect({ code, verdict: report.verdict }).toEqual({ code: 3, verdict: 'differs' });
    expect(out).not.toContain('1012345678903');
    await rig.metering.query(`UPDATE ${stored} SET total = 'NaN' WHERE line = 2`);
  });

  test('ended before the live one, is compared with what the history of the live one says of that place', async () => {
    const { code, report } = await replay('--into', 'early', '--until', middle);
    expect(differing(report)).toEqual([]);
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'same' });
    // 193 rows, of which 50 were changed and 21 deleted.
    expect(rowsOf(report)).toEqual([
      [tables[0], 172, 172],
      [tables[1], 71, 71],
    ]);
  });

  test('is not needed to look at events of the flows: a dry run says that it leaves the mirrored table alone', async () => {
    const topic = `${rig.registrationPrefix}.Sales.Order_x0020_lines`;
    const { code, out } = await replay();
    expect(JSON.parse(out)).toMatchObject({ unreadable: 0, notJudged: [topic] });
    expect(code).toBe(0);
    const said = await performed('replay', '--config', rig.configurationFile);
    expect(said.out).toContain(`Not judged: ${topic}`);
    const alone = await performed('replay', '--topic', topic, '--config', rig.configurationFile);
    expect(alone.code).toBe(2);
    expect(alone.err).toContain('is mirrored');
  });
});
