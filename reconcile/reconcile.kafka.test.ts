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
import type { Difference, ReconcileReport } from './report.ts';

const points = 2_000;

describe('with both sides running, reconcile', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, points);
    await insertAppointments(rig.registration, 1, points);
    expect((await rig.command('init')).status).toBe(0);
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

  async function reconcile(...options: readonly string[]): Promise<{ status: number | null; report: ReconcileReport }> {
    const { status, stdout, stderr } = await rig.command('reconcile', '--json', '--reveal', ...options);
    if (stdout === '') throw new Error(stderr);
    return { status, report: JSON.parse(stdout) as ReconcileReport };
  }

  async function unexplained(): Promise<readonly Difference[]> {
    const { report } = await reconcile();
    const found = report.differences.filter(({ rules }) => rules.length === 0);
    expect(report.verdict).toBe(found.length === 0 ? 'agree' : 'differ');
    expect(report.tables.every(({ closes }) => closes)).toBe(true);
    return found;
  }

  async function mpan(n: number): Promise<string> {
    return ((await rig.registration.query('SELECT mpan($1) AS mpan', [n])).rows[0] as { mpan: string }).mpan;
  }

  test('finds a quiet system in agreement, and says through where', async () => {
    const { status, report } = await reconcile();
    expect(report).toMatchObject({ verdict: 'agree', closes: true, differences: [], lookedAgain: 0 });
    expect(report.tables.map(({ table, agreeing }) => [table, agreeing])).toEqual([
      ['participant', 8],
      ['distributor_gsp_group', 1],
      ['metering_point', points],
      ['appointment', points],
      ['meter_asset', 0],
    ]);
    expect(status).toBe(0);
    const verified = JSON.parse((await rig.command('status', '--json')).stdout) as {
      verifiedThrough: Record<string, string>;
    };
    expect(verified.verifiedThrough['appointment']).toBe(report.tables[3]?.verifiedThrough);
  });
});
void pg;
void Load;
