import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { untilEverythingIsThrough } from './agreement.fixture.ts';
import { loseSlot } from './lost-slot.fixture.ts';
import { createHelpers, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, type Side, until } from './rig.fixture.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

const kills = 4;

/** What breaks the flows breaks mirrored tables, too: the same faults, and the same oracle. */
describe('a mirrored table', () => {
  let rig: Rig;
  const topic = (): string => `${rig.registrationPrefix}.sales.orders`;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'), {}, { orders: { kind: 'mirror', schema: 'sales', table: 'orders' } });
    await rig.registration.query(`CREATE SCHEMA sales;
      CREATE TABLE sales.orders (id int PRIMARY KEY, price money, note text, made timestamptz);
      INSERT INTO sales.orders SELECT n, n, 'before', now() FROM generate_series(1, 2000) n`);
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
  });

  afterAll(async () => {
    await rig.stop();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  async function expectAgreement(): Promise<void> {
    const digest = (table: string): string =>
      `SELECT count(*)::int AS rows, md5(string_agg(row(id, price, note, made)::text, '|' ORDER BY id)) AS digest FROM ${table}`;
    const { rows: there } = await rig.registration.query(digest('sales.orders'));
    await until(
      'the store has the same rows',
      async () => (await rig.metering.query(digest('mirror."sales.orders"'))).rows,
      (found) => JSON.stringify(found) === JSON.stringify(there),
    );
  }

  /** Each event once, in the order of commits; and of the store, each version once. */
  async function expectEachOnce(): Promise<void> {
    const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
    const { duplicates, late } = findDisorder(await readTopics(kafkaBrokers, schemaRegistryUrl, [topic()]));
    expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
    const versions = 'SELECT id, generation, lsn, ordinal FROM mirror."sales.orders';
    expect(
      await count(
        rig.metering,
        `SELECT count(*) FROM (${versions}" UNION ALL ${versions} history") v GROUP BY id, generation, lsn, ordinal HAVING count(*) > 1`,
      ).catch(() => 0),
    ).toBeNaN();
  }

  test('is the same after kill -9 of both sides at random moments, and no change is there twice', async () => {
    const stop = new AbortController();
    const load = change(stop.signal);
    for (let kill = 0; kill < kills; kill += 1) {
      const side: Side = kill % 2 === 0 ? 'registration' : 'metering';
      // A random moment is what this is about.
      await new Promise((resolve) => {
        setTimeout(resolve, 300 + Math.random() * 1_500);
      });
      await rig.kill(side);
      rig.start(side);
    }
    stop.abort();
    expect(await load).toBeGreaterThan(20);
    await expectAgreement();
    await expectEachOnce();
  });

  async function change(signal: AbortSignal): Promise<number> {
    let transactions = 0;
    for (let next = 10_000; !signal.aborted; next += 10) {
      await sql(`BEGIN; INSERT INTO sales.orders SELECT n, n / 3.0, 'new', now() FROM generate_series(${next}, ${next + 19}) n ON CONFLICT (id) DO UPDATE SET note = 'again';
        UPDATE sales.orders SET price = price + '0.01' WHERE id % 97 = ${transactions % 97};
        DELETE FROM sales.orders WHERE id = ${next - 5}; UPDATE sales.orders SET id = -id WHERE id = ${next + 3};
        COMMIT`);
      transactions += 1;
      if (transactions % 40 === 0) await sql('UPDATE sales.orders SET made = now()');
    }
    return transactions;
  }

  test('is healed after a gap: what was deleted, changed and inserted in the gap is so in the store', async () => {
    await loseSlot(rig);
    await sql(`DELETE FROM sales.orders WHERE id BETWEEN 1 AND 60; UPDATE sales.orders SET note = 'gap' WHERE id BETWEEN 100 AND 120;
      INSERT INTO sales.orders (id, note) VALUES (900000, 'gap'); UPDATE sales.orders SET id = 900001 WHERE id = 130`);
    const healed = await rig.command('snapshot', '--heal', rig.registrationPrefix, '--json');
    expect({ status: healed.status, told: JSON.parse(healed.stdout) as unknown }).toMatchObject({
      status: 0,
      told: [{ cause: 'SLOT_MISSING', generation: 2, deletes: { 'sales.orders': 61 } }],
    });
    rig.start('registration');
    await expectAgreement();
    expect((await untilEverythingIsThrough(rig)).closes).toBe(true);
    await expectEachOnce();
    // What the gap swallowed is history, too: each row has an end.
    const ended = `SELECT count(*) FROM mirror."sales.orders history" WHERE id BETWEEN 1 AND 60 AND generation_to = 2`;
    expect(await count(rig.metering, ended)).toBe(60);
  });

  test('that is added later is called loading, and not missing, until it is read', async () => {
    await sql(`CREATE TABLE sales.addresses (id int PRIMARY KEY, town int);
      INSERT INTO sales.addresses SELECT n, n FROM generate_series(1, 50) n`);
    const configuration = parse(readFileSync(rig.configurationFile, 'utf8')) as {
      registration: { tables: Record<string, unknown> };
    };
    configuration.registration.tables['addresses'] = { kind: 'mirror', schema: 'sales', table: 'addresses' };
    writeFileSync(rig.configurationFile, stringify(configuration));
    await rig.init();
    // It can not be read as it is now, and waits for that.
    await sql('ALTER TABLE sales.addresses ALTER town TYPE text');
    for (const side of ['registration', 'metering'] as const) {
      await rig.kill(side);
      rig.start(side);
    }
    await until(
      'it waits',
      () => Promise.resolve(rig.log('registration')),
      (log) => log.includes('sales.addresses is parked') || log.includes('"table":"sales.addresses"'),
    );
    expect(await reconciled()).toMatchObject({
      verdict: 'agree',
      tables: [{ sourceRows: 50, storeRows: 0, agreeing: 0, explained: { loading: 50 }, unexplained: 0 }],
      differences: [],
    });
    await sql('ALTER TABLE sales.addresses ALTER town TYPE int USING town::int');
    expect(await rig.command('resume', 'sales.addresses')).toMatchObject({ status: 0 });
    await until(
      'it is loaded',
      () => count(rig.metering, 'SELECT count(*) FROM mirror."sales.addresses"'),
      (rows) => rows === 50,
    );
    await until(
      'it is read again, because the statement has rewritten it',
      () =>
        count(
          rig.registration,
          `SELECT count(*) FROM concord.snapshot_job WHERE table_name = 'sales.addresses' AND state = 'done'`,
        ),
      (done) => done === 1,
    );
    // A row that is lost now is lost.
    await rig.metering.query('DELETE FROM mirror."sales.addresses" WHERE id = 7');
    expect(await reconciled()).toMatchObject({ verdict: 'differ', differences: [{ key: '7', cause: 'missing' }] });
    await rig.metering.query(`INSERT INTO mirror."sales.addresses" SELECT 7, town, source, generation, lsn, ordinal, xid, committed_at,
      source_time, applied_at, unsent, lane FROM mirror."sales.addresses" WHERE id = 8`);
  });

  async function reconciled(): Promise<unknown> {
    const { stdout, stderr } = await rig.command('reconcile', '--table', 'sales.addresses', '--json');
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }
});
