import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readFileSync, writeFileSync } from 'node:fs';
import { freePort } from '../local/ports.ts';
import { createHelpers, insertReferenceData } from './registration-rows.fixture.ts';
import { Rig, until } from './rig.fixture.ts';
import { performedOn } from '../cli/perform.fixture.ts';

interface StatusDocument {
  readonly problems: readonly { readonly code: string; readonly text: string; readonly remedy: string }[];
}

/** ALTER TABLE on a mirrored table while everything runs: a type that the store's column does not take. */
describe('a mirrored table whose columns change', () => {
  let rig: Rig;
  let metricsPort = 0;
  const table = 'sales.orders';

  beforeAll(async () => {
    const taken = new Set<number>();
    const [registrationPort, meteringPort] = [await freePort(taken), await freePort(taken)];
    metricsPort = registrationPort;
    rig = await Rig.create(
      inject('stack'),
      { http: { registrationPort, meteringPort } },
      {
        orders: { kind: 'mirror', schema: 'sales', table: 'orders' },
        parcels: { kind: 'mirror', schema: 'sales', table: 'parcels' },
      },
    );
    await rig.registration.query(`CREATE SCHEMA sales; CREATE TYPE sales.state AS ENUM ('new', 'done');
      CREATE TABLE sales.orders (id int PRIMARY KEY, total numeric, code varchar(5), tags int[], state sales.state, pieces int);
      CREATE TABLE sales.parcels (id int PRIMARY KEY);
      INSERT INTO sales.orders VALUES (1, 1.50, 'a', '{1}', 'new', 1), (2, 2, 'b', NULL, NULL, 2)`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await expectAgreement();
  });

  afterAll(async () => {
    await rig.stop();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  async function expectAgreement(): Promise<void> {
    const rows = 'SELECT id, total::text, code, tags::text, state::text, pieces::text FROM';
    const { rows: there } = await rig.registration.query(`${rows} sales.orders ORDER BY id`);
    await until(
      'the store has the same rows',
      async () => (await rig.metering.query(`${rows} mirror."sales.orders" ORDER BY id`)).rows,
      (found) => JSON.stringify(found) === JSON.stringify(there),
      30_000,
    );
  }

  async function expectOthersGoOn(parcel: number): Promise<void> {
    await sql(`INSERT INTO sales.parcels VALUES (${parcel})`);
    await until(
      'the other table goes on',
      async () => (await rig.metering.query(`SELECT id FROM mirror."sales.parcels" WHERE id = ${parcel}`)).rows,
      (found) => found.length === 1,
      30_000,
    );
  }

  async function readStatus(): Promise<StatusDocument> {
    return JSON.parse((await performedOn(rig, 'status', '--json')).stdout) as StatusDocument;
  }

  const problems = async (): Promise<StatusDocument['problems']> => (await readStatus()).problems;

  async function expectProblem(code: string, text: string): Promise<string> {
    const { problems } = await until(
      'status tells of the table, and of nothing else',
      readStatus,
      (status) => status.problems.length === 1 && status.problems[0]?.code === code,
      30_000,
    );
    expect(problems[0]?.text).toContain(text);
    return problems[0]?.remedy ?? '';
  }

  const expectParked = (text: string): Promise<string> => expectProblem('COLUMN_TYPE_UNSUITABLE', text);

  async function resume(): Promise<void> {
    const { status, stdout, stderr } = await performedOn(rig, 'resume', table);
    expect([status, stdout + stderr]).toEqual([0, expect.any(String)]);
  }

  async function restart(): Promise<void> {
    for (const side of ['registration', 'metering'] as const) {
      await rig.kill(side);
      rig.start(side);
    }
  }

  test.each([
    ['a number becomes text', 'ALTER total TYPE text', 3],
    ['a number gets a size', 'ALTER total TYPE numeric(12, 2)', 0],
    ['an integer is widened', 'ALTER pieces TYPE bigint', 0],
    ['an integer becomes a fraction', 'ALTER pieces TYPE double precision', 3],
    ['a column is added', 'ADD colour text', 0],
    ['a column of the key is renamed', 'RENAME id TO number', 3],
    ['other columns are the key', 'DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, pieces)', 3],
    ['a text is widened', 'ALTER code TYPE varchar(6)', 0],
    ['a text is padded', 'ALTER code TYPE char(8)', 3],
    ['an array is of something else', 'ALTER tags TYPE text[] USING tags::text[]', 3],
    ['what is text in the store becomes another text', 'ALTER state TYPE text', 0],
  ])('is judged beforehand: %s', async (_title, action, expected) => {
    const { status, stdout } = await performedOn(rig, 'schemas', 'plan-ddl', `ALTER TABLE ${table} ${action}`);
    expect([status, stdout]).toEqual([expected, expect.any(String)]);
  });

  test('is parked alone, also over a restart, and goes on without loss once the type is altered back', async () => {
    await sql(`ALTER TABLE ${table} ALTER total TYPE text`);
    await sql(`INSERT INTO ${table} (id, total, code) VALUES (3, 'about three', 'c'), (4, '4.0', 'd')`);
    await sql(`UPDATE ${table} SET total = 'none', pieces = 5 WHERE id = 1`);
    await expectOthersGoOn(1);
    const remedy = await expectParked(
      'sales.orders: the column total is text now, and was numeric, and the store keeps it as numeric',
    );
    expect(remedy).toContain('ALTER TABLE "sales"."orders" ALTER COLUMN "total" TYPE numeric USING "total"::numeric');
    expect((await performedOn(rig, 'resume', table)).status).not.toBe(0);
    // What waits is no difference.
    const reconcile = async (): Promise<unknown> =>
      JSON.parse((await performedOn(rig, 'reconcile', '--table', table, '--json')).stdout);
    const waiting = { verdict: 'agree', differences: [], tables: [{ explained: { parked: 3 }, unexplained: 0 }] };
    expect(await reconcile()).toMatchObject(waiting);
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain('concord_source_parked_changes{');

    await restart();
    await expectOthersGoOn(2);
    await sql(`UPDATE ${table} SET total = '33.30' WHERE id = 3; UPDATE ${table} SET total = NULL WHERE id = 1`);
    await sql(`ALTER TABLE ${table} ALTER total TYPE numeric USING total::numeric`);
    await sql(`INSERT INTO ${table} (id, total) VALUES (5, 5.50)`);
    await resume();
    await expectAgreement();
    await expectOthersGoOn(3);
  });

  test('has the values that a statement made of them when the type was altered back, which are in no change', async () => {
    await sql(`ALTER TABLE ${table} ALTER pieces TYPE double precision`);
    await sql(`INSERT INTO ${table} (id, pieces) VALUES (6, 1.5)`);
    await expectParked('the column pieces is double precision now');
    await sql(`ALTER TABLE ${table} ALTER pieces TYPE int USING round(pieces * 100)`);
    await resume();
    await expectAgreement();
    // Nobody has written to the table meanwhile: it is not even parked.
    await sql(`ALTER TABLE ${table} ALTER code TYPE bytea USING code::bytea`);
    await sql(`ALTER TABLE ${table} ALTER code TYPE varchar(5) USING left(code::text, 5)`);
    await expectAgreement();
  });

  test('keeps the new type once the column is altered in the store, too', async () => {
    await sql(`ALTER TABLE ${table} ALTER code TYPE char(8)`);
    await sql(`UPDATE ${table} SET code = 'longer' WHERE id = 2`);
    await expectOthersGoOn(4);
    await expectParked('the column code is character(8) now, and was character varying(5)');
    const { status, stdout } = await rig.command('init');
    expect(status).toBe(0);
    const statements = [...stdout.matchAll(/kept as registered: .*(ALTER TABLE .*;)/gu)].map(([, found]) => found);
    expect(statements).toHaveLength(2);
    await restart();
    await expectParked('the column code is character(8) now');

    for (const statement of statements) await rig.metering.query(statement ?? '');
    await rig.init();
    await restart();
    await expectOthersGoOn(5);
    await resume();
    await expectAgreement();
  });

  test('is parked when other columns are its key, and is whole again once the key is given back', async () => {
    await sql(`UPDATE ${table} SET pieces = 0 WHERE pieces IS NULL`);
    await sql(`ALTER TABLE ${table} DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, pieces)`);
    await sql(
      `INSERT INTO ${table} (id, pieces) VALUES (1, 100), (9, 1), (9, 2); DELETE FROM ${table} WHERE id = 9 AND pieces = 2`,
    );
    const remedy = await expectProblem(
      'PRIMARY_KEY_DIFFERS',
      'sales.orders: the primary key is (id, pieces) now, and its rows are told apart by (id)',
    );
    expect(remedy).toContain('ADD PRIMARY KEY ("id")');
    await expectOthersGoOn(6);
    expect((await performedOn(rig, 'resume', table)).stdout).toContain('the primary key is (id, pieces) now');
    await sql(`DELETE FROM ${table} WHERE id = 1 AND pieces = 100`);
    await sql(`ALTER TABLE ${table} DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id)`);
    await resume();
    await expectAgreement();
    // With a full identity the stream does not say which columns are the key: the catalogue does, and nobody has to write.
    await sql(`ALTER TABLE ${table} REPLICA IDENTITY FULL, DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, pieces)`);
    await expectProblem('PRIMARY_KEY_DIFFERS', 'the primary key is (id, pieces) now');
    await sql(`ALTER TABLE ${table} REPLICA IDENTITY DEFAULT, DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id)`);
    await resume();
    await expectAgreement();
  });

  test('is resumed without the rows whose keys its type can not take any more, and tells what else came with them', async () => {
    await sql(`ALTER TABLE ${table} ALTER id TYPE text`);
    await sql(`INSERT INTO ${table} (id, pieces) VALUES ('abc', 1), ('77', 1), ('78', 1);
      UPDATE ${table} SET code = 'text' WHERE id = '1'; UPDATE ${table} SET id = 'def' WHERE id = '78';
      UPDATE ${table} SET id = '79' WHERE id = 'abc'; DELETE FROM ${table} WHERE id = 'def'`);
    await expectParked('the column id is text now, and was integer');
    await sql(`ALTER TABLE ${table} ALTER id TYPE int USING id::int`);
    await resume();
    await expectAgreement();
    await expectOthersGoOn(8);
  });

  test('is parked when its deletes do not say its key; reconcile then finds what they deleted', async () => {
    await sql(`ALTER TABLE ${table} ADD COLUMN other serial; CREATE UNIQUE INDEX other ON ${table} (other)`);
    await until('the source has the column', problems, (found) => found.length === 0);
    await sql(`ALTER TABLE ${table} REPLICA IDENTITY USING INDEX other`);
    await sql(`DELETE FROM ${table} WHERE id = 9; UPDATE ${table} SET other = 1000, code = 'moved' WHERE id = 2`);
    await expectProblem('REPLICA_IDENTITY', 'The replica identity of sales.orders does not hold id');
    await expectOthersGoOn(7);
    await sql(`ALTER TABLE ${table} REPLICA IDENTITY DEFAULT`);
    await resume();
    expect(rig.log('registration')).toContain('1 deletes of sales.orders were parked without saying which rows');
    const { status, stdout } = await rig.command('reconcile', '--table', table, '--repair', '--yes');
    expect([status, stdout]).toEqual([expect.any(Number), expect.stringContaining('extra')]);
    await expectAgreement();
  });

  test('keeps its new key under a new name, as the message says, where all of it is read', async () => {
    await sql(`UPDATE ${table} SET pieces = 0 WHERE pieces IS NULL;
      ALTER TABLE ${table} DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, pieces)`);
    await sql(
      `INSERT INTO ${table} (id, pieces) VALUES (1, 200), (9, 3), (9, 4); DELETE FROM ${table} WHERE id = 9 AND pieces = 3`,
    );
    const remedy = await expectProblem('PRIMARY_KEY_DIFFERS', 'the primary key is (id, pieces) now');
    expect(remedy).toContain('rename the table, configure its new name in the place of orders, run `concord init`');
    await sql(`ALTER TABLE ${table} RENAME TO pieces`);
    const configuration = readFileSync(rig.configurationFile, 'utf8');
    writeFileSync(rig.configurationFile, configuration.replace('table: orders', 'table: pieces'));
    await rig.init();
    await restart();
    await expectOthersGoOn(9);
    const { status, stdout, stderr } = await performedOn(rig, 'resume', 'sales.pieces');
    expect([status, stdout + stderr]).toEqual([0, expect.any(String)]);
    await until(
      'all of it is in a table of its own',
      async () =>
        JSON.parse((await performedOn(rig, 'reconcile', '--table', 'sales.pieces', '--json')).stdout) as unknown,
      (found) => JSON.stringify(found).includes('"verdict":"agree"'),
      30_000,
    );
    const count = 'SELECT id, pieces::text FROM';
    const { rows: there } = (await sql(`${count} sales.pieces ORDER BY 1, 2`)) as { rows: unknown };
    expect((await rig.metering.query(`${count} mirror."sales.pieces" ORDER BY 1, 2`)).rows).toEqual(there);
    expect(await problems()).toEqual([]);
  });
});
