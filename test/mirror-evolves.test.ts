import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freePort } from '../local/ports.ts';
import { untilEverythingIsThrough } from './agreement.fixture.ts';
import { createHelpers, insertReferenceData } from './registration-rows.fixture.ts';
import { RegistryProxy } from './registry-proxy.fixture.ts';
import { Rig, until } from './rig.fixture.ts';
import { performedOn } from '../cli/perform.fixture.ts';

interface StatusDocument {
  readonly problems: readonly { readonly code: string; readonly text: string; readonly remedy: string }[];
}

interface ReconcileDocument {
  readonly verdict: string;
  readonly differences: readonly object[];
}

/** ALTER TABLE on a mirrored table while everything runs: neither `init` nor a restart, and nothing is lost. */
describe('a mirrored table that is altered while everything runs', () => {
  let rig: Rig;
  let registry: RegistryProxy;
  const table = 'sales.orders';

  beforeAll(async () => {
    const taken = new Set<number>();
    const [registrationPort, meteringPort] = [await freePort(taken), await freePort(taken)];
    const stack = inject('stack');
    registry = await RegistryProxy.to(stack.schemaRegistryUrl);
    rig = await Rig.create(
      stack,
      { http: { registrationPort, meteringPort }, registry: { url: registry.url } },
      {
        orders: { kind: 'mirror', schema: 'sales', table: 'orders' },
        parcels: { kind: 'mirror', schema: 'sales', table: 'parcels' },
        returns: { kind: 'mirror', schema: 'sales', table: 'returns' },
      },
    );
    await sql(`CREATE SCHEMA sales; CREATE TYPE sales.state AS ENUM ('new', 'done');
      CREATE TABLE sales.orders (id int PRIMARY KEY, total numeric(6, 2), code varchar(5), state sales.state, note text);
      CREATE TABLE sales.parcels (id int PRIMARY KEY);
      INSERT INTO sales.orders SELECT n, n + 0.5, 'c' || n, 'new', 'n' FROM generate_series(1, 40) n`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await expectAgreement();
  });

  afterAll(async () => {
    await rig.stop();
    registry.server.close();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  /** The store has the source's columns with the source's values; what it has beside them is the source's past. */
  async function expectAgreement(): Promise<void> {
    const { rows: found } = await rig.registration.query<{ name: string }>(
      `SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1`,
    );
    const columns = found.map(({ name }) => `${name}::text`).join(', ');
    const { rows: there } = await rig.registration.query(`SELECT ${columns} FROM ${table} ORDER BY id`);
    await until(
      'the store has the same rows',
      async () =>
        rig.metering.query(`SELECT ${columns} FROM mirror."${table}" ORDER BY id`).then(
          ({ rows }) => rows,
          (error: Error) => [{ error: error.message }],
        ),
      (rows) => JSON.stringify(rows) === JSON.stringify(there),
    );
  }

  const storedType = async (column: string): Promise<string> => {
    const { rows } = await rig.metering.query<{ type: string }>(
      `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'mirror."${table}"'::regclass AND attname = $1`,
      [column],
    );
    return rows[0]?.type ?? 'absent';
  };

  async function expectReconciled(): Promise<void> {
    const { stdout, stderr } = await performedOn(rig, 'reconcile', '--table', table, '--json');
    const { verdict, differences } = JSON.parse(
      stdout === '' ? `{"verdict":${JSON.stringify(stderr)}}` : stdout,
    ) as ReconcileDocument;
    expect([verdict, differences]).toEqual(['agree', []]);
  }

  async function problems(): Promise<StatusDocument['problems']> {
    return (JSON.parse((await performedOn(rig, 'status', '--json')).stdout) as StatusDocument).problems;
  }

  const expectNoProblem = (): Promise<unknown> => until('nothing is wrong', problems, (found) => found.length === 0);

  test('is made and published later: until then it is waited for, and then read from its first row on', async () => {
    const waiting = await until('status says so', problems, (found) => found.length > 0);
    expect(waiting.map(({ code }) => code)).toEqual(['MIRROR_NOT_PUBLISHED']);
    expect(waiting[0]?.text).toContain('sales.returns is to be mirrored, and does not exist');
    await sql(
      `CREATE TABLE sales.returns (id int PRIMARY KEY, why text); INSERT INTO sales.returns VALUES (1, 'before')`,
    );
    await sql(`ALTER PUBLICATION concord ADD TABLE sales.returns; INSERT INTO sales.returns VALUES (2, 'after')`);
    await sql(
      `INSERT INTO sales.returns SELECT n, 'n' FROM generate_series(3, 50) n; DELETE FROM sales.returns WHERE id = 50`,
    );
    await until(
      'the store has all of its rows',
      async () =>
        rig.metering.query(`SELECT count(*)::int, min(why) FROM mirror."sales.returns"`).then(
          ({ rows }) => rows,
          () => [],
        ),
      (rows) => JSON.stringify(rows) === JSON.stringify([{ count: 49, min: 'after' }]),
    );
    await expectNoProblem();
  });

  test('is published and not configured: what to do about it is said', async () => {
    await sql(`CREATE TABLE sales.secret (id int PRIMARY KEY); ALTER PUBLICATION concord ADD TABLE sales.secret`);
    const found = await until('status says so', problems, (all) => all.length > 0);
    expect(found.map(({ code }) => code)).toEqual(['TABLE_NOT_CONFIGURED']);
    expect(found[0]?.remedy).toContain('ALTER PUBLICATION "concord" DROP TABLE sales.secret');
    await sql(`ALTER PUBLICATION concord DROP TABLE sales.secret`);
    await expectNoProblem();
  });

  test('gets a column that is added, with what is written to it', async () => {
    await sql(`ALTER TABLE ${table} ADD COLUMN colour text`);
    await sql(
      `INSERT INTO ${table} (id, colour) VALUES (100, 'blue'); UPDATE ${table} SET colour = 'red' WHERE id = 1`,
    );
    await expectAgreement();
    await expectNoProblem();
  });

  test('gets a column with a default, which rows from before it have, too', async () => {
    await sql(`ALTER TABLE ${table} ADD COLUMN size int DEFAULT 7, ADD COLUMN since date DEFAULT 'infinity'`);
    await expectReconciled();
    await sql(`UPDATE ${table} SET size = NULL WHERE id = 2`);
    await expectAgreement();
    await expectReconciled();
  });

  test('gets a column whose default is worked out row by row, by reading the table again', async () => {
    await sql(`ALTER TABLE ${table} ADD COLUMN token uuid DEFAULT gen_random_uuid(), ADD COLUMN n serial`);
    await sql(`UPDATE ${table} SET note = 'again' WHERE id = 3`);
    await expectAgreement();
  });

  test('changes within transactions that alter it, too, and whatever comes and goes meanwhile', async () => {
    await sql(`BEGIN; UPDATE ${table} SET note = 'before' WHERE id = 4; ALTER TABLE ${table} ADD COLUMN a int DEFAULT 1;
      UPDATE ${table} SET a = 2 WHERE id = 4; ALTER TABLE ${table} ADD COLUMN b int; UPDATE ${table} SET b = 3 WHERE id IN (4, 5); COMMIT`);
    await sql(
      `ALTER TABLE ${table} ADD COLUMN gone int; UPDATE ${table} SET gone = 1; ALTER TABLE ${table} DROP COLUMN gone`,
    );
    await sql(`BEGIN; ALTER TABLE ${table} ADD COLUMN never int; UPDATE ${table} SET never = 1 WHERE id = 6; ROLLBACK`);
    await sql(`INSERT INTO ${table} (id) VALUES (101)`);
    // Sent in parts, and the ALTER is in the middle of it.
    await sql(`BEGIN; INSERT INTO sales.parcels SELECT n FROM generate_series(1000, 20000) n; ALTER TABLE ${table} ADD COLUMN half int DEFAULT 5;
      UPDATE ${table} SET half = 6 WHERE id < 9; INSERT INTO sales.parcels SELECT n FROM generate_series(20001, 40000) n; COMMIT`);
    await expectAgreement();
    await expectReconciled();
  });

  test('loses a column that is dropped: the store keeps what it had, and reconcile does not mind', async () => {
    await sql(`ALTER TABLE ${table} DROP COLUMN colour`);
    await sql(`UPDATE ${table} SET note = 'dropped' WHERE id = 1; INSERT INTO ${table} (id) VALUES (102)`);
    await expectAgreement();
    const { rows } = await rig.metering.query(
      `SELECT id, colour FROM mirror."${table}" WHERE id IN (1, 100, 102) ORDER BY id`,
    );
    expect(rows).toEqual([
      { id: 1, colour: null },
      { id: 100, colour: 'blue' },
      { id: 102, colour: null },
    ]);
    await expectNoProblem();
  });

  test('has a column that is renamed under its new name, with all of its values', async () => {
    await sql(`ALTER TABLE ${table} RENAME COLUMN note TO remark`);
    await sql(`UPDATE ${table} SET remark = 'renamed' WHERE id = 7`);
    await expectAgreement();
    await expectReconciled();
    expect(rig.log('registration')).toContain('has no column note (text) any more');
  });

  test('has a column that was dropped and made anew under the same name with the new values', async () => {
    await sql(`ALTER TABLE ${table} DROP COLUMN size`);
    await sql(`UPDATE ${table} SET remark = 'without size' WHERE id = 8`);
    await expectAgreement();
    await sql(`ALTER TABLE ${table} ADD COLUMN size int DEFAULT 9`);
    await sql(`UPDATE ${table} SET size = 10 WHERE id = 9`);
    await expectAgreement();
  });

  test('has columns that become wider, its key among them, and the store with it', async () => {
    for (const [column, type, change] of [
      ['id', 'bigint', `id = 9007199254740993 WHERE id = 10`],
      ['total', 'numeric(12,4)', `total = 12345678.1250 WHERE id = 11`],
      ['total', 'numeric', `total = 1.0 WHERE id = 12`],
      ['code', 'character varying(20)', `code = 'longer than five' WHERE id = 13`],
      ['code', 'text', `code = repeat('x', 100) WHERE id = 14`],
    ] as const) {
      await sql(`ALTER TABLE ${table} ALTER COLUMN ${column} TYPE ${type}`);
      await sql(`UPDATE ${table} SET ${change}`);
      await expectAgreement();
      expect(await storedType(column)).toBe(type);
    }
    await expectReconciled();
  });

  test('keeps going when an enum has a new value', async () => {
    await sql(`ALTER TYPE sales.state ADD VALUE 'lost'`);
    await sql(`UPDATE ${table} SET state = 'lost' WHERE id = 15`);
    await expectAgreement();
    await expectNoProblem();
  });

  test('gets a column whose sides are killed at any time between the ALTER and the commit', async () => {
    rig.start('metering', 'second');
    for (const column of ['k1', 'k2']) {
      await sql(`ALTER TABLE ${table} ADD COLUMN ${column} int DEFAULT 1`);
      await sql(`UPDATE ${table} SET ${column} = 2 WHERE id < 20`);
      // At whatever point they are: what is durable by then decides.
      await until(
        'the source has noticed',
        () => Promise.resolve(rig.log('registration').includes(`has the column ${column}`) || column === 'k1'),
        (noticed) => noticed,
      );
      await rig.kill('registration');
      await rig.kill('metering');
      rig.start('registration');
      rig.start('metering');
    }
    await expectAgreement();
    await expectReconciled();
  });

  test('has the values of a statement that rewrites them, which is no change of any row', async () => {
    await sql(`ALTER TABLE ${table} ALTER COLUMN code TYPE text USING upper(code)`);
    await expectAgreement();
    await sql(`ALTER TABLE ${table} ADD COLUMN narrow int; UPDATE ${table} SET narrow = 1`);
    await expectAgreement();
    await sql(`ALTER TABLE ${table} ALTER COLUMN narrow TYPE bigint USING id * 2`);
    await expectAgreement();
    await expectReconciled();
    expect(rig.log('registration')).toContain(`${table} was rewritten by an ALTER TABLE`);
  });

  test('has the values of a statement that rewrites them while its source is away', async () => {
    await rig.kill('registration');
    await sql(`ALTER TABLE ${table} ALTER COLUMN code TYPE text USING code || '!'`);
    rig.start('registration');
    await expectAgreement();
  });

  test('has what a default gave that was dropped again, and the table rewritten, before anybody looked', async () => {
    await rig.kill('registration');
    await sql(
      `ALTER TABLE ${table} ADD COLUMN quick int DEFAULT 42; ALTER TABLE ${table} ALTER COLUMN quick DROP DEFAULT`,
    );
    await sql(`VACUUM FULL ${table}`);
    await sql(`INSERT INTO ${table} (id) VALUES (103)`);
    rig.start('registration');
    await expectAgreement();
    await expectReconciled();
  });

  test('is not read again when it is only put into another file, or only its columns are touched', async () => {
    const jobs = (): Promise<unknown> =>
      rig.registration.query('SELECT max(id) FROM concord.snapshot_job').then(({ rows }) => rows);
    const before = await jobs();
    const imprint = (): Promise<string> =>
      rig.registration
        .query<{ of: string }>(`SELECT files || columns AS of FROM concord.table_imprint WHERE table_name = $1`, [
          table,
        ])
        .then(({ rows }) => rows[0]?.of ?? '');
    for (const statement of [`VACUUM FULL ${table}`, `ALTER TABLE ${table} ALTER code SET DEFAULT 'none'`]) {
      const was = await imprint();
      await sql(statement);
      await until('the source has looked at it', imprint, (now) => now !== was);
    }
    expect(await jobs()).toEqual(before);
  });

  test('waits for a registry that is down, visibly, and then goes on without loss', async () => {
    registry.isDown = true;
    await sql(`ALTER TABLE ${table} ADD COLUMN late text`);
    await sql(`UPDATE ${table} SET late = 'kept' WHERE id < 30`);
    const found = await until('status says so', problems, (all) =>
      all.some(({ code }) => code === 'REGISTRY_UNAVAILABLE'),
    );
    expect(found.map(({ text }) => text).join()).toContain('schema registry');
    expect(rig.process('second').exitCode).toBeNull();
    await rig.kill('second');
    await sql(`INSERT INTO sales.parcels VALUES (1); UPDATE ${table} SET late = 'twice' WHERE id = 1`);
    registry.isDown = false;
    await expectAgreement();
    await expectReconciled();
    await until(
      'the other table has its row',
      async () => (await rig.metering.query('SELECT id FROM mirror."sales.parcels"')).rows,
      (rows) => rows.length === 39_002,
    );
  });

  test('has told each event once', async () => {
    const balance = await untilEverythingIsThrough(rig);
    expect(balance.closes).toBe(true);
  });
});
