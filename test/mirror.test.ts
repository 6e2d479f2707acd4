import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { untilEverythingIsThrough } from './agreement.fixture.ts';
import { createHelpers, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';
import { performedOn } from '../cli/perform.fixture.ts';

interface ReconcileDocument {
  readonly tables: readonly { readonly agreeing: number; readonly explained: Readonly<Record<string, number>> }[];
  readonly verdict: string;
  readonly differences: readonly { readonly key: string; readonly cause: string }[];
}

/** `tables: … kind: mirror`: any table beside those of the flows, seen from outside. */
describe('a mirrored table', () => {
  let rig: Rig;
  const columns = `"Order", line, state::text, note, source, "a ""quoted"" name", total::text, made, bytes`;
  const there = `SELECT ${columns} FROM "Sales"."Order lines" ORDER BY "Order", line`;
  const here = `SELECT ${columns.replace('source', '_x0073_ource AS source')} FROM mirror."Sales.Order lines" ORDER BY "Order", line`;
  const topicOf = (prefix: string): string => `${prefix}.Sales.Order_x0020_lines`;

  beforeAll(async () => {
    rig = await Rig.create(
      inject('stack'),
      {},
      { order_lines: { kind: 'mirror', schema: 'Sales', table: 'Order lines' } },
    );
    await rig.registration.query(`CREATE SCHEMA "Sales"; CREATE TYPE "Sales".state AS ENUM ('new', 'done');
      CREATE TABLE "Sales"."Order lines" ("Order" text, line bigint, state "Sales".state, note text, source text,
        "a ""quoted"" name" int DEFAULT 5, total numeric, made timestamptz, bytes bytea, PRIMARY KEY (line, "Order"));
      INSERT INTO "Sales"."Order lines" ("Order", line, state, total) VALUES ('before', 1, 'new', 1.50)`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
  });

  afterAll(async () => {
    await rig.stop();
  });

  const sql = (text: string, values: readonly unknown[] = []): Promise<unknown> =>
    rig.registration.query(text, [...values]);

  async function expectAgreement(): Promise<void> {
    const { rows } = await rig.registration.query(there);
    await until(
      'the store has the same rows',
      async () => (await rig.metering.query(here)).rows,
      (found) => JSON.stringify(found) === JSON.stringify(rows),
    );
  }

  async function reconcile(...options: readonly string[]): Promise<ReconcileDocument> {
    const { stdout, stderr } = await performedOn(
      rig,
      'reconcile',
      '--table',
      'Sales.Order lines',
      '--json',
      ...options,
    );
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ReconcileDocument;
  }

  const history = 'SELECT count(*) FROM mirror."Sales.Order lines history"';

  test('is loaded, and followed through inserts, updates and deletes, with its history', async () => {
    await expectAgreement();
    await sql(`INSERT INTO "Sales"."Order lines" VALUES ('a|b', 9007199254740993, 'new', 'n', 's', 1, 'NaN', 'infinity', ''),
      ('a', 2, 'done', E'tab\\tnew\\nline \\\\ back', NULL, NULL, NULL, '0044-03-15 12:00:00 BC', '\\x00ff')`);
    await expectAgreement();
    await sql(`UPDATE "Sales"."Order lines" SET note = 'changed' WHERE line = 2`);
    await sql(`UPDATE "Sales"."Order lines" SET note = note`);
    await sql(`DELETE FROM "Sales"."Order lines" WHERE "Order" = 'a|b'`);
    await expectAgreement();
    expect(await count(rig.metering, history)).toBe(2);
    const { rows } = await rig.metering.query(
      `SELECT source, generation, lsn > 0 AS has_lsn, ordinal, xid > 0 AS has_xid, unsent FROM mirror."Sales.Order lines" WHERE line = 2`,
    );
    expect(rows).toEqual([
      { source: rig.registrationPrefix, generation: 1, has_lsn: true, ordinal: 1, has_xid: true, unsent: null },
    ]);
  });

  test('keeps large values that an update or a change of key leaves alone', async () => {
    await sql(`INSERT INTO "Sales"."Order lines" ("Order", line, note) VALUES ('large', 10, $1)`, [
      randomBytes(8_000).toString('hex'),
    ]);
    await sql(`UPDATE "Sales"."Order lines" SET total = -0.00 WHERE line = 10`);
    await sql(`UPDATE "Sales"."Order lines" SET line = 11 WHERE line = 10`);
    await sql(`UPDATE "Sales"."Order lines" SET total = 2 WHERE line = 11`);
    await expectAgreement();
    const claimed = `SELECT count(*) FROM mirror."Sales.Order lines history" WHERE "Order" = 'large' AND note IS NULL AND unsent IS NULL`;
    expect(await count(rig.metering, claimed)).toBe(0);
  });

  test('is emptied by a truncate, and filled again in the same transaction', async () => {
    await sql('BEGIN');
    await sql(`INSERT INTO "Sales"."Order lines" ("Order", line) SELECT 'many', n FROM generate_series(100, 200) n`);
    await sql('TRUNCATE "Sales"."Order lines"');
    await sql(`INSERT INTO "Sales"."Order lines" ("Order", line) SELECT 'again', n FROM generate_series(100, 110) n`);
    await sql('COMMIT');
    await expectAgreement();
    await sql('TRUNCATE "Sales"."Order lines"');
    await expectAgreement();
  });

  test('is replicated in a transaction of many thousand rows', async () => {
    await sql(
      `INSERT INTO "Sales"."Order lines" ("Order", line, note) SELECT 'bulk', n, 'x' FROM generate_series(1, 12000) n`,
    );
    await expectAgreement();
    await sql(`UPDATE "Sales"."Order lines" SET note = 'y'`);
    await expectAgreement();
  });

  test('whose value is too large for a record goes on without it, and says so', async () => {
    await sql(`INSERT INTO "Sales"."Order lines" ("Order", line, note, total) VALUES ('small', 90020, 'kept', 1)`);
    await expectAgreement();
    await sql(`UPDATE "Sales"."Order lines" SET note = repeat('x', 20 * 1024 * 1024), total = 2 WHERE line = 90020`);
    await sql(
      `INSERT INTO "Sales"."Order lines" ("Order", line, note) VALUES ('after', 90021, repeat('y', 3 * 1024 * 1024))`,
    );
    const rows = [
      { line: 90_020, absent: true, length: null, total: 2, unsent: ['note'] },
      { line: 90_021, absent: false, length: 3 * 1024 * 1024, total: null, unsent: null },
    ];
    // Two lanes bring them: either may be first.
    await until(
      'both arrive',
      async () =>
        (
          await rig.metering.query(
            `SELECT line::int, note IS NULL AS absent, length(note) AS length, total::int, unsent FROM mirror."Sales.Order lines" WHERE line IN (90020, 90021) ORDER BY line`,
          )
        ).rows,
      (found) => isDeepStrictEqual(found, rows),
    );
    expect(rig.log('registration')).toContain('VALUE_TOO_LARGE');
    const explained = await reconcile();
    expect(explained).toMatchObject({ verdict: 'agree', differences: [], tables: [{ explained: { unsent: 1 } }] });
    // What was not sent explains nothing else of the row.
    await rig.metering.query('UPDATE mirror."Sales.Order lines" SET total = 3 WHERE line = 90020');
    expect(await reconcile()).toMatchObject({ verdict: 'differ', tables: [{ explained: { unsent: 0 } }] });
    await rig.metering.query('UPDATE mirror."Sales.Order lines" SET total = 2 WHERE line = 90020');
    await sql(`DELETE FROM "Sales"."Order lines" WHERE "Order" = 'after'`);
    // What is shorter again is sent as a whole.
    await sql(`UPDATE "Sales"."Order lines" SET note = 'short' WHERE line = 90020`);
    await expectAgreement();
  });

  test('is reconciled: a row changed, lost or invented in the store is found, and repaired through the pipe', async () => {
    await sql(
      `INSERT INTO "Sales"."Order lines" ("Order", line, total) VALUES ('a|b', 90030, 1.0), ('a', 90031, 1.00), ('b', 90032, 1)`,
    );
    await expectAgreement();
    expect((await reconcile()).verdict).toBe('agree');
    await rig.metering.query(`UPDATE mirror."Sales.Order lines" SET total = 1.000 WHERE line = 90031;
      DELETE FROM mirror."Sales.Order lines" WHERE line = 90030`);
    const found = await reconcile();
    expect(found.differences.map(({ key, cause }) => `${key} ${cause}`).toSorted()).toEqual([
      '90030|a\\|b missing',
      '90031|a changed-in-store',
    ]);
    await rig.command('reconcile', '--table', 'Sales.Order lines', '--repair', '--yes');
    await expectAgreement();
  });

  test('has a column that was added to its source, once `init` has prepared the store for it', async () => {
    await sql(`ALTER TABLE "Sales"."Order lines" ADD COLUMN added int[]`);
    await rig.kill('registration');
    await rig.kill('metering');
    const { stdout } = await rig.command('init');
    expect(stdout).toContain('columns of mirror."Sales.Order lines": added');
    rig.start('registration');
    rig.start('metering');
    await sql(`UPDATE "Sales"."Order lines" SET added = '{1,NULL}' WHERE line = 90032`);
    await until(
      'the added column arrives',
      async () => (await rig.metering.query(`SELECT added FROM mirror."Sales.Order lines" WHERE line = 90032`)).rows,
      ([row]) => JSON.stringify((row as { added: unknown }).added) === '[1,null]',
    );
    await expectAgreement();
  });

  test('is known to the command line', async () => {
    const balance = await untilEverythingIsThrough(rig);
    expect(balance.topics.map(({ topic }) => topic)).toContain(topicOf(rig.registrationPrefix));
    expect(balance.closes).toBe(true);
    for (const command of [['check'], ['topics', 'plan'], ['schemas', 'check'], ['init', '--plan']]) {
      const { status, stdout, stderr } = await rig.command(...command);
      expect([command, status, stdout + stderr]).toEqual([command, 0, expect.any(String)]);
    }
    const topic = topicOf(rig.registrationPrefix);
    const { stdout } = await rig.command(
      'tail',
      topic,
      '--from',
      'beginning',
      '--no-follow',
      '--key',
      '9007199254740993|a\\|b',
      '--json',
    );
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: unknown });
    expect(events[0]?.event).toMatchObject({ line: '9007199254740993', total: 'NaN', bytes: '\\x', made: null });
    expect(events[0]?.event).toMatchObject({ invalid: { made: 'infinity' } });
  });
});
