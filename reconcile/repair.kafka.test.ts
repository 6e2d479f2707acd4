import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import type { RepairRow } from './repair-plan.ts';
import type { ReconcileReport } from './report.ts';
import { performedOn } from '../cli/perform.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');
const points = 200;
const device = '00-DB-12-34-56-78-90-';

interface Repaired extends ReconcileReport {
  readonly repair: {
    readonly state: string;
    readonly id: number | null;
    readonly rows: readonly RepairRow[];
    readonly jobs: number[];
  };
}

describe('a repair sends rows again through the pipe, and', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, points);
    await insertAppointments(rig.registration, 1, points);
    await rig.registration.query(`INSERT INTO registration.meter_asset (device_id, mpan_core, serial_number, model, status, device_type)
      SELECT '${device}0' || n, mpan(n), 'S' || n, 'M', 'Commissioned', 'ESME' FROM generate_series(1, 9) AS n`);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await until(
      'the initial load is applied',
      () => count(rig.metering, 'SELECT count(*) FROM metering.meter_asset'),
      (rows) => rows === 9,
    );
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function reconcile(...options: readonly string[]): Promise<{ status: number | null; report: Repaired }> {
    const { status, stdout, stderr } = await performedOn(rig, 'reconcile', '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return { status, report: JSON.parse(stdout) as Repaired };
  }

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  /** Everything that can be done to a store by hand, in every table. */
  async function tamper(): Promise<void> {
    const [changed, gone, extra, moved] = [await mpan(1), await mpan(2), await mpan(900_001), await mpan(900_002)];
    await rig.metering.query('BEGIN');
    await rig.metering.query(
      `UPDATE metering.metering_point SET supplier_mpid = 'SUPB', line_loss_factor = 2 WHERE mpan_core = $1`,
      [changed],
    );
    await rig.metering.query('DELETE FROM metering.metering_point WHERE mpan_core = $1', [gone]);
    await rig.metering.query(`INSERT INTO metering.metering_point (mpan_core, supplier_mpid) VALUES ($1, 'SUPA')`, [
      extra,
    ]);
    await rig.metering.query(
      `INSERT INTO metering.appointment (appointment_id, mpan_core, service_type, mpid, metering_service_efd) VALUES (900001, $1, 'MSS', 'MSVA', '2024-04-01')`,
      [extra],
    );
    await rig.metering.query('UPDATE metering.appointment SET mpan_core = $1 WHERE appointment_id = 3', [moved]);
    await rig.metering.query(`UPDATE metering.appointment SET service_type = 'MSA' WHERE appointment_id = 4`);
    await rig.metering.query('DELETE FROM metering.appointment WHERE appointment_id = 5');
    await rig.metering.query(`UPDATE metering.meter_asset SET status = 'lost' WHERE device_id = '${device}01'`);
    await rig.metering.query(`DELETE FROM metering.meter_asset WHERE device_id = '${device}02'`);
    await rig.metering.query(`INSERT INTO metering.meter_asset (device_id, mpan_core) VALUES ('${device}FF', $1)`, [
      extra,
    ]);
    await rig.metering.query(`UPDATE metering.participant SET name = 'wrong' WHERE mpid = 'SUPA'`);
    await rig.metering.query(`DELETE FROM metering.participant WHERE mpid = 'SUPB'`);
    await rig.metering.query(
      `INSERT INTO metering.participant (mpid, role, effective_from) VALUES ('EVIL', 'X', '2020-01-01')`,
    );
    await rig.metering.query(`UPDATE metering.distributor_gsp_group SET distributor_mpid = 'EVIL'`);
    await rig.metering.query('COMMIT');
  }

  const tampered = 14;

  async function fingerprint(): Promise<unknown> {
    const tables = ['metering_point', 'appointment', 'meter_asset', 'participant', 'distributor_gsp_group'];
    const digests = tables.map(
      (name) => `(SELECT sum(hash_record_extended(row(t.*), 0)) FROM metering.${name} t) AS ${name}`,
    );
    return (await rig.metering.query(`SELECT ${digests.join(', ')}`)).rows[0];
  }

  test('shows first, with before and after of each column, and changes nothing', async () => {
    await tamper();
    const before = await fingerprint();
    const { status, report } = await reconcile('--repair');
    expect(status).toBe(3);
    expect(report).toMatchObject({ verdict: 'differ', repair: { state: 'planned', id: null, jobs: [] } });
    expect(report.repair.rows).toHaveLength(tampered);
    expect(report.repair.rows).toContainEqual({
      table: 'metering_point',
      key: await mpan(1),
      cause: 'changed-in-store',
      action: 'update',
      changes: {
        supplier_mpid: { before: 'SUPB', after: 'SUPA' },
        line_loss_factor: { before: '2.000000', after: '1.045000' },
      },
      refusal: null,
      remedies: [],
    });
    expect(report.repair.rows).toContainEqual(
      expect.objectContaining({
        key: await mpan(900_001),
        action: 'delete',
        changes: {
          mpan_core: { before: await mpan(900_001), after: null },
          supplier_mpid: { before: 'SUPA', after: null },
        },
      }),
    );
    expect(await fingerprint()).toEqual(before);
    expect(await count(rig.registration, 'SELECT count(*) FROM concord.snapshot_job')).toBe(0);
    const masked = await performedOn(rig, 'reconcile', '--repair');
    expect(masked.stdout).toContain('Nothing was changed.');
    expect(masked.stdout).not.toContain(await mpan(1));
    expect(masked.stdout).not.toContain(await mpan(900_002));
  });

  test('sends nothing when there is more to send than is allowed', async () => {
    const { status, report } = await reconcile('--repair', '--yes', '--limit', String(tampered - 1));
    expect([status, report.repair.state]).toEqual([3, 'too-many']);
    expect(await count(rig.registration, 'SELECT count(*) FROM concord.snapshot_job')).toBe(0);
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.repair')).toBe(0);
  });

  test('makes every table right again, proves it at a later point, and keeps a record of it', async () => {
    const { report: before } = await reconcile();
    const { status, report } = await reconcile('--repair', '--yes');
    expect(report).toMatchObject({ verdict: 'agree', closes: true, differences: [], repair: { state: 'proved' } });
    expect(status).toBe(0);
    expect(lsnOf(report.point.lsn)).toBeGreaterThan(lsnOf(before.point.lsn));
    expect(report.repair.jobs).not.toHaveLength(0);
    const { rows } = await rig.metering.query(
      `SELECT p.state, p.jobs::int[] AS jobs, found.verdict AS found, proved.verdict AS proved, p.asked_by <> '' AS named,
         p.ended_at >= p.asked_at AS ended, (SELECT count(*)::int FROM metering.repair_row r WHERE r.repair_id = p.repair_id) AS rows
       FROM metering.repair p JOIN metering.reconcile_run found USING (run_id)
       JOIN metering.reconcile_run proved ON proved.run_id = p.proved_by_run_id`,
    );
    expect(rows).toEqual([
      {
        state: 'proved',
        jobs: report.repair.jobs,
        found: 'differ',
        proved: 'agree',
        named: true,
        ended: true,
        rows: tampered,
      },
    ]);
    const { rows: kept } = await rig.metering.query(
      `SELECT changes FROM metering.repair_row WHERE table_name = 'metering_point' AND row_key = $1`,
      [await mpan(1)],
    );
    expect(kept).toEqual([
      {
        changes: {
          supplier_mpid: { before: 'SUPB', after: 'SUPA' },
          line_loss_factor: { before: '2.000000', after: '1.045000' },
        },
      },
    ]);
  });

  test('leaves what the store had wrong in history, ended by the event that corrected it', async () => {
    const { rows } = await rig.metering.query(
      `SELECT h.supplier_mpid, (h.generation_to, h.lsn_to, h.ordinal_to) = (c.generation, c.lsn, c.ordinal) AS linked
       FROM metering.metering_point_history h JOIN metering.metering_point c USING (mpan_core) WHERE mpan_core = $1`,
      [await mpan(1)],
    );
    expect(rows).toEqual([{ supplier_mpid: 'SUPB', linked: true }]);
    const extra = await rig.metering.query(
      'SELECT supplier_mpid FROM metering.metering_point_history WHERE mpan_core = $1',
      [await mpan(900_001)],
    );
    expect(extra.rows).toEqual([{ supplier_mpid: 'SUPA' }]);
    expect((await performedOn(rig, 'balance')).status).toBe(0);
  });

  test('finds nothing to do the second time', async () => {
    const { status, report } = await reconcile('--repair', '--yes');
    expect([status, report.repair]).toMatchObject([0, { state: 'nothing', rows: [], id: null }]);
  });

  /** A repair that is killed while a session of it waits for us: what `table`'s trigger stands before is not done yet. */
  async function killRepair(client: pg.Client, table: string, when: string): Promise<void> {
    const waiting = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    await client.query(`CREATE OR REPLACE FUNCTION public.stand() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER stand ${when} ON ${table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.stand()`);
    await client.query('SELECT pg_advisory_lock(4711)');
    const child = spawn(
      process.execPath,
      [program, 'reconcile', '--repair', '--yes', '--config', rig.configurationFile],
      {
        stdio: 'ignore',
      },
    );
    await until(
      'it stands before the commit',
      () => count(client, waiting),
      (sessions) => sessions === 1,
    );
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await client.query('SELECT pg_advisory_unlock(4711)');
    await until(
      'its session has ended',
      () => count(client, waiting),
      (sessions) => sessions === 0,
    );
    await client.query(`DROP TRIGGER stand ON ${table}`);
  }

  test('has in its record whatever the source was asked for, when it is killed while it asks', async () => {
    const { rows: before } = await rig.registration.query<{ last: number }>(
      'SELECT coalesce(max(id), 0)::int AS last FROM concord.snapshot_job',
    );
    const jobs = async (): Promise<readonly number[]> =>
      (
        await rig.registration.query<{ id: number }>(
          'SELECT id::int AS id FROM concord.snapshot_job WHERE id > $1 ORDER BY id',
          [before[0]?.last],
        )
      ).rows.map(({ id }) => id);
    const recorded = async (): Promise<readonly number[]> =>
      (
        await rig.metering.query<{ id: number }>(
          'SELECT id::int AS id FROM metering.repair, unnest(jobs) AS id WHERE id > $1 ORDER BY id',
          [before[0]?.last],
        )
      ).rows.map(({ id }) => id);
    await rig.metering.query(`UPDATE metering.meter_asset SET status = 'lost' WHERE device_id = '${device}04'`);
    // Before the record has the number: the source must not have the job.
    await killRepair(rig.metering, 'metering.repair', 'AFTER UPDATE');
    expect(await recorded()).toEqual(expect.arrayContaining([...(await jobs())]));
    expect((await performedOn(rig, 'reconcile')).status).toBe(3);
    expect(await jobs()).toEqual([]);
    // Before the job is there: the source takes it up, and the record has it.
    await killRepair(rig.registration, 'concord.snapshot_job', 'AFTER INSERT');
    await until(
      'the source has done it',
      () => reconcile(),
      ({ status }) => status === 0,
    );
    expect(await jobs()).toHaveLength(1);
    expect(await recorded()).toEqual(expect.arrayContaining([...(await jobs())]));
    const { stdout } = await performedOn(rig, 'reconcile', 'repairs');
    expect(stdout).toMatch(/Repair \d+, \d+ has no end/);
  });

  test('says so when the source does not take it up, and the source does it when it runs again', async () => {
    await rig.kill('registration');
    await rig.metering.query(`UPDATE metering.meter_asset SET status = 'lost' WHERE device_id = '${device}03'`);
    const { status, stderr } = await rig.command('reconcile', '--repair', '--yes', '--patience', '1');
    expect([status, stderr.includes('RECONCILE_')]).toEqual([1, true]);
    rig.start('registration');
    await until(
      'the source runs',
      async () => (await reconcile('--repair', '--yes')).report.verdict,
      (verdict) => verdict === 'agree',
    );
  });
});

function lsnOf(text: string): number {
  const [high = '0', low = '0'] = text.split('/');
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}
