import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { count, Rig, until } from '../test/rig.fixture.ts';
import { Load } from './load.fixture.ts';
import type { ReconcileReport } from './report.ts';
import { performedOn } from '../cli/perform.fixture.ts';

const points = 1_000;

describe('reconcile --since', () => {
  let rig: Rig;

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
  });

  afterAll(async () => {
    await rig.stop();
  });

  async function reconcile(...options: readonly string[]): Promise<ReconcileReport> {
    const { stdout, stderr } = await performedOn(rig, 'reconcile', '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ReconcileReport;
  }

  test('compares everything, and says why, as long as no run has passed', async () => {
    const report = await reconcile('--since');
    expect(report).toMatchObject({ verdict: 'agree', closes: true, since: null });
    expect(report.wholeBecause).toBe('no run over all tables has passed yet');
  });

  test('looks only at what was written since, and says of every row what a run over everything says', async () => {
    await rig.registration.query(`
      UPDATE registration.metering_point SET opt_out = true WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(1, 20) AS n);
      UPDATE registration.metering_point SET gsp_group = '_X' WHERE mpan_core = mpan(30);
      DELETE FROM registration.appointment WHERE appointment_id = 40;
      INSERT INTO registration.participant VALUES ('MSVB', 'M', 'Another metering service', '2000-01-01', NULL, 1);
      UPDATE registration.appointment SET mpid = 'MSVB' WHERE appointment_id = 41`);
    const since = await reconcile('--since');
    expect(since).toMatchObject({ verdict: 'agree', closes: true });
    expect(since.since?.looked).toBeGreaterThanOrEqual(22);
    expect(since.since?.looked).toBeLessThan(100);
    const whole = await reconcile();
    expect(whole.since).toBeNull();
    const figures = ({ tables }: ReconcileReport): unknown =>
      tables.map((table) => ({ ...table, verifiedThrough: null }));
    expect(figures(since)).toEqual(figures(whole));
  });

  test('finds what somebody did to the store by hand, a row taken out of it too', async () => {
    await rig.metering.query('BEGIN');
    await rig.metering.query(
      'CREATE TABLE public.kept AS SELECT * FROM metering.appointment WHERE appointment_id = 50',
    );
    await rig.metering.query('DELETE FROM metering.appointment WHERE appointment_id = 50');
    await rig.metering.query(`UPDATE metering.appointment SET contract_reference = 'wrong' WHERE appointment_id = 51`);
    await rig.metering.query(`INSERT INTO metering.meter_asset (device_id, mpan_core) VALUES ('extra', '1')`);
    await rig.metering.query('COMMIT');
    const { verdict, differences, since } = await reconcile('--since');
    expect(verdict).toBe('differ');
    expect(since?.looked).toBeLessThan(100);
    expect(
      differences.filter(({ rules }) => rules.length === 0).map(({ key, cause, items }) => [key, cause, items]),
    ).toEqual([
      ['50', 'missing', []],
      ['51', 'changed-in-store', ['contract_reference']],
      ['extra', 'extra', []],
    ]);
    await rig.metering.query('INSERT INTO metering.appointment SELECT * FROM public.kept');
    await rig.metering.query(`UPDATE metering.appointment SET contract_reference = 'C51' WHERE appointment_id = 51`);
    await rig.metering.query(`DELETE FROM metering.meter_asset WHERE device_id = 'extra'`);
    expect(await reconcile('--since')).toMatchObject({ verdict: 'agree', closes: true });
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
