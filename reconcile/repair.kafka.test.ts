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
    const { status, stdout, stderr } = await rig.command('reconcile', '--json', '--reveal', ...options);
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
    const masked = await rig.command('reconcile', '--repair');
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
    expect((await rig.command('balance')).status).toBe(0);
  });

  test('finds nothing to do the second time', async () => {
    const { status, report } = await reconcile('--repair', '--yes');
    expect([status, report.repair]).toMatchObject([0, { state: 'nothing', rows: [], id: null }]);
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
