import { readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { Load } from './load.fixture.ts';
import { isUnexplained, type ReconcileReport } from './report.ts';
import { performed, performedOn } from '../cli/perform.fixture.ts';

async function tellsPages(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`SELECT FROM pg_settings WHERE name = 'summarize_wal' AND setting = 'on'`);
  return rows.length === 1;
}

const points = 1_000;

describe('reconcile --since', () => {
  let rig: Rig;
  /** Not by older servers. */
  let arePagesTold: boolean;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, points);
    await insertAppointments(rig.registration, 1, points);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment'),
      (rows) => rows === points,
    );
    // Its work on pages would look like somebody's writing.
    for (const name of ['metering_point', 'appointment']) {
      await rig.registration.query(`ALTER TABLE registration.${name} SET (autovacuum_enabled = off)`);
      await rig.metering.query(`ALTER TABLE metering.${name} SET (autovacuum_enabled = off)`);
    }
    // What the first reader of a page notes on it is writing, too.
    await settle();
    arePagesTold = (await Promise.all([tellsPages(rig.registration), tellsPages(rig.metering)])).every(Boolean);
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function reconcile(...options: readonly string[]): Promise<ReconcileReport> {
    const { stdout, stderr } = await performedOn(rig, 'reconcile', '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ReconcileReport;
  }

  async function settle(): Promise<void> {
    for (const command of ['VACUUM', 'CHECKPOINT']) {
      await Promise.all([rig.registration.query(command), rig.metering.query(command)]);
    }
  }

  /** Transactions that others have open may be older than the last checkpoint: then a run keeps nothing of pages. */
  async function keepPages(): Promise<void> {
    if (!arePagesTold) return;
    const sides = (): Promise<number> =>
      count(
        rig.metering,
        'SELECT count(*) FROM metering.reconcile_pages WHERE run_id = (SELECT max(run_id) FROM metering.reconcile_run)',
      );
    await until(
      'a run has kept the digests of both sides',
      async () => {
        if ((await sides()) === 2) return 2;
        await settle();
        await reconcile();
        return sides();
      },
      (kept) => kept === 2,
    );
  }

  function expectSomePages({ since, everyPageBecause }: ReconcileReport): void {
    if (!arePagesTold) return;
    expect(everyPageBecause).toBeUndefined();
    expect(since?.pages?.read).toBeGreaterThan(0);
    expect(since?.pages?.read).toBeLessThan(since?.pages?.of ?? 0);
  }

  function unexplained({ differences }: ReconcileReport): unknown {
    const found = differences.filter(isUnexplained).map(({ key, cause, items }) => [key, cause, items] as const);
    return found.toSorted(([a], [b]) => a.localeCompare(b));
  }

  test('compares everything, and says why, as long as no run has passed', async () => {
    const report = await reconcile('--since');
    expect(report).toMatchObject({ verdict: 'agree', closes: true, since: null });
    expect(report.wholeBecause).toBe('no run over all tables has passed yet');
  });

  test('reads only pages that were written since, and says of every row what a run over everything says', async () => {
    await keepPages();
    await rig.registration.query(`
      UPDATE registration.metering_point SET opt_out = true WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(1, 20) AS n);
      UPDATE registration.metering_point SET gsp_group = '_X' WHERE mpan_core = mpan(30);
      DELETE FROM registration.appointment WHERE appointment_id = 40`);
    const since = await reconcile('--since');
    expect(since).toMatchObject({ verdict: 'agree', closes: true });
    expectSomePages(since);
    await rig.registration.query(`
      INSERT INTO registration.participant VALUES ('MSVB', 'M', 'Another metering service', '2000-01-01', NULL, 1);
      UPDATE registration.appointment SET mpid = 'MSVB' WHERE appointment_id = 41`);
    const again = await reconcile('--since');
    const whole = await reconcile();
    expect(whole.since).toBeNull();
    const figures = ({ tables }: ReconcileReport): unknown =>
      tables.map((table) => ({ ...table, verifiedThrough: null }));
    expect(figures(again)).toEqual(figures(whole));
  });

  test('finds what somebody did to the store by hand, and a delete that never arrived', async () => {
    await keepPages();
    await rig.metering.query(
      'CREATE TABLE kept AS SELECT * FROM metering.appointment WHERE appointment_id IN (50, 52)',
    );
    await rig.registration.query('DELETE FROM registration.appointment WHERE appointment_id = 52');
    await until(
      'the delete is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.appointment WHERE appointment_id = 52'),
      (rows) => rows === 0,
    );
    await rig.metering.query(`BEGIN;
      DELETE FROM metering.appointment WHERE appointment_id = 50;
      UPDATE metering.appointment SET contract_reference = 'wrong' WHERE appointment_id = 51;
      INSERT INTO metering.meter_asset (device_id, mpan_core) VALUES ('extra', '1');
      INSERT INTO metering.appointment SELECT * FROM kept WHERE appointment_id = 52;
      DELETE FROM metering.appointment_history WHERE appointment_id = 52;
      COMMIT`);
    const report = await reconcile('--since');
    expect(report.verdict).toBe('differ');
    expect(report.since?.looked).toBeLessThan(100);
    expectSomePages(report);
    expect(unexplained(report)).toEqual([
      ['50', 'missing', []],
      ['51', 'changed-in-store', ['contract_reference']],
      ['52', 'extra', []],
      ['extra', 'extra', []],
    ]);
    await rig.metering.query(`BEGIN;
      INSERT INTO metering.appointment SELECT * FROM kept WHERE appointment_id = 50;
      UPDATE metering.appointment SET contract_reference = 'C51' WHERE appointment_id = 51;
      DELETE FROM metering.appointment WHERE appointment_id = 52;
      DELETE FROM metering.meter_asset WHERE device_id = 'extra';
      COMMIT`);
    expect(await reconcile('--since')).toMatchObject({ verdict: 'agree', closes: true });
  });

  test.each([
    ['source', 60],
    ['store', 61],
  ] as const)(
    'finds what a transaction did in the %s that was open over the run before, and over a checkpoint',
    async (side, id) => {
      await keepPages();
      const other = new pg.Client(side === 'source' ? rig.registrationUrl : rig.meteringUrl);
      await other.connect();
      const schema = side === 'source' ? 'registration' : 'metering';
      const write = (value: string): string =>
        `UPDATE ${schema}.appointment SET contract_reference = '${value}' WHERE appointment_id = ${id}`;
      try {
        await other.query(`BEGIN; ${write('new')}`);
        await Promise.all([rig.registration.query('CHECKPOINT'), rig.metering.query('CHECKPOINT')]);
        expectSomePages(await reconcile('--since'));
        await other.query('COMMIT');
      } finally {
        await other.end();
      }
      if (side === 'source') {
        const by = `FROM metering.appointment WHERE appointment_id = ${id} AND contract_reference`;
        await until(
          'the change is applied',
          () => count(rig.metering, `SELECT count(*) ${by} = 'new'`),
          (rows) => rows === 1,
        );
        // As if it had never come: both sides have again what they had at the run before, unless the source's page is read.
        await rig.metering.query(
          `UPDATE metering.appointment SET contract_reference = 'C${id}' WHERE appointment_id = ${id}`,
        );
      }
      expect(unexplained(await reconcile('--since'))).toEqual([
        [String(id), 'changed-in-store', ['contract_reference']],
      ]);
      await (side === 'source' ? rig.registration : rig.metering).query(write(`C${id}`));
      expect(await reconcile('--since')).toMatchObject({ verdict: 'agree', closes: true });
    },
  );

  test('reads a table anew that was rewritten, and the end of one that was cut', async () => {
    await keepPages();
    await rig.registration.query('VACUUM FULL registration.appointment');
    await rig.metering.query(`UPDATE metering.appointment SET contract_reference = 'wrong' WHERE appointment_id = 70`);
    await rig.metering.query('VACUUM FULL metering.appointment');
    expect(unexplained(await reconcile('--since'))).toEqual([['70', 'changed-in-store', ['contract_reference']]]);
    await rig.metering.query(`UPDATE metering.appointment SET contract_reference = 'C70' WHERE appointment_id = 70`);
    for (const command of ['VACUUM FULL metering.appointment', 'VACUUM metering.appointment', 'CHECKPOINT']) {
      await rig.metering.query(command);
    }
    expect(await reconcile('--since')).toMatchObject({ verdict: 'agree', closes: true });
    // All rows of its last pages but one, which is in one range with them and is not written.
    await rig.metering.query(`CREATE TABLE last AS SELECT a.* FROM metering.appointment a,
      (SELECT pg_relation_size('metering.appointment') / 8192 AS pages) p
      WHERE ctid >= format('(%s,0)', (pages - 1) / 8 * 8 + 1)::tid`);
    const rows = await count(rig.metering, 'SELECT count(*) FROM last');
    await rig.metering.query(
      'DELETE FROM metering.appointment USING last WHERE last.appointment_id = appointment.appointment_id',
    );
    const size = `SELECT pg_relation_size('metering.appointment') AS count`;
    const before = await count(rig.metering, size);
    await until(
      'the table is cut, which it is not while others look at it',
      async () => {
        await rig.metering.query('VACUUM metering.appointment');
        return count(rig.metering, size);
      },
      (after) => after < before,
    );
    const cut = await reconcile('--since');
    expect(cut.verdict).toBe('differ');
    expect(cut.tables.map(({ unexplained: open }) => open)).toContain(rows);
    await rig.metering.query('INSERT INTO metering.appointment SELECT * FROM last');
    expect(await reconcile('--since')).toMatchObject({ verdict: 'agree', closes: true });
  });

  test('passes over every page, and says why, where its user may not ask for a checkpoint', async () => {
    const { rows } = await rig.metering.query<{ name: string }>('SELECT current_database() AS name');
    const name = `plain_${rows[0]?.name ?? ''}`;
    await rig.metering.query(
      `CREATE ROLE ${name} LOGIN PASSWORD '${name}'; GRANT pg_read_all_data, pg_write_all_data TO ${name}`,
    );
    const plain = new URL(rig.meteringUrl);
    plain.username = name;
    plain.password = name;
    const file = `${rig.configurationFile}.plain.yaml`;
    writeFileSync(file, readFileSync(rig.configurationFile, 'utf8').replaceAll(rig.meteringUrl, plain.href));
    try {
      await rig.metering.query(
        `UPDATE metering.appointment SET contract_reference = 'wrong' WHERE appointment_id = 80`,
      );
      const { out } = await performed('reconcile', '--json', '--reveal', '--since', '--config', file);
      const report = JSON.parse(out) as ReconcileReport;
      expect(report.since?.pages).toBeNull();
      expect(report.since?.looked).toBeLessThan(100);
      expect(report.everyPageBecause).toMatch(arePagesTold ? /GRANT pg_checkpoint/ : /PostgreSQL 17|summarize_wal/);
      expect(unexplained(report)).toEqual([['80', 'changed-in-store', ['contract_reference']]]);
    } finally {
      await rig.metering.query(`UPDATE metering.appointment SET contract_reference = 'C80' WHERE appointment_id = 80`);
      await rig.metering.query(`DROP ROLE ${name}`);
    }
  });

  test('agrees again and again while everything changes, and moves what is verified', async () => {
    const load = await Load.start(rig.registrationUrl, 2, 101, points);
    try {
      for (let run = 1; run <= 3; run += 1) {
        const report = await reconcile('--since');
        expect(report).toMatchObject({ verdict: 'agree' });
        expect(report.tables.every(({ closes, verifiedThrough }) => closes && verifiedThrough !== null)).toBe(true);
      }
    } finally {
      await load.stop();
    }
    expect(await reconcile()).toMatchObject({ verdict: 'agree', closes: true });
  });

  test('compares everything when another cluster, or another configuration, made the last run', async () => {
    await rig.metering.query(`UPDATE metering.reconcile_run SET base = jsonb_set(base, '{store,cluster}', '"1"')`);
    const report = await reconcile('--since');
    expect(report).toMatchObject({ verdict: 'agree', since: null });
    expect(report.wholeBecause).toContain('the metering store is not the one');
  });
});
