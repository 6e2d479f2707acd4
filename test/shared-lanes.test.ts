import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import {
  createHelpers,
  goodAppointment,
  goodPoint,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

/** Four lanes, and processes that come, stand still, wake and die while a load runs: nobody's doing changes the result. */
describe('metering processes that share the lanes', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 400);
    await insertAppointments(rig.registration, 1, 400);
    rig.start('registration');
    for (const name of ['first', 'second', 'third']) rig.start('metering', name);
    await untilReferenceDataArrived(rig, 8);
  });

  afterAll(async () => {
    await rig.stop();
  });

  /** Waits until each of these has moved a lane after now; answers with what else has. */
  async function untilAllHaveApplied(...names: readonly string[]): Promise<readonly string[]> {
    const { rows: clock } = await rig.metering.query<{ now: Date }>('SELECT now()');
    const seen = new Set<string>();
    await until(
      `${names.join(', ')} have moved a lane`,
      async () => {
        const { rows } = await rig.metering.query<{ name: string }>(
          `SELECT DISTINCT application_name AS name FROM pg_stat_activity
           WHERE datname = current_database() AND query LIKE 'COMMIT /* of a lane */' AND query_start > $1`,
          [clock[0]?.now],
        );
        for (const { name } of rows) seen.add(name);
        return [...seen];
      },
      () => names.every((name) => seen.has(name)),
    );
    return [...seen].filter((name) => !names.includes(name));
  }

  /** Waits until every lane has been moved after now. */
  async function untilEveryLaneMoves(): Promise<void> {
    const { rows } = await rig.metering.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    await until(
      'every lane moves',
      () =>
        count(rig.metering, 'SELECT count(*) FROM metering.applied_position WHERE source = $1 AND applied_at > $2', [
          rig.registrationPrefix,
          rows[0]?.now,
        ]),
      (lanes) => lanes === 4,
      90_000,
    );
  }

  test('leave the store equal and the counts closed, though one is killed, one stands still and wakes, and one is added', {
    timeout: 300_000,
  }, async () => {
    const stop = new AbortController();
    const load = generateLoad(rig, stop.signal);
    load.catch(() => {});
    await untilAllHaveApplied('first', 'second', 'third');
    await rig.kill('second');
    await untilEveryLaneMoves();
    rig.process('first').kill('SIGSTOP');
    await untilEveryLaneMoves();
    rig.start('metering', 'fourth');
    expect(await untilAllHaveApplied('third', 'fourth')).toEqual([]);
    rig.process('first').kill('SIGCONT');
    await untilAllHaveApplied('first', 'third', 'fourth');
    await untilEveryLaneMoves();
    stop.abort();
    const { transactions, rejected } = await load;
    expect(transactions).toBeGreaterThan(20);
    await untilEverythingIsThrough(rig, 120_000);
    for (const [table, key] of [
      ['metering_point', 'mpan_core'],
      ['appointment', 'appointment_id'],
    ] as const) {
      expect(await compareTable(rig, table, key), table).toEqual({ same: true });
    }
    const rejections = `SELECT lsn, ordinal, rule_codes, status, resolved_by_lsn FROM`;
    const here = (await rig.metering.query(`${rejections} metering.rejection ORDER BY lsn, ordinal`)).rows;
    expect(here).toHaveLength(rejected);
    expect(new Set(here.map((row: { status: string }) => row.status))).toEqual(new Set(['resolved']));
    await until(
      'both sides have the same rejections',
      async () => (await rig.registration.query(`${rejections} inbox.rejection ORDER BY lsn, ordinal`)).rows,
      (there) => JSON.stringify(there) === JSON.stringify(here),
    );
    // Each version once, and each ended by the next: nobody wrote what somebody else had written.
    const { rows: twice } = await rig.metering.query(
      `SELECT FROM (SELECT * FROM metering.metering_point_history) h GROUP BY mpan_core, generation, lsn, ordinal HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
  });
});

/** Changes of many rows and few, hand-overs of appointments, and rows that are refused and mended, until told to stop. */
async function generateLoad(rig: Rig, signal: AbortSignal): Promise<{ transactions: number; rejected: number }> {
  let [transactions, rejected] = [0, 0];
  for (let next = 1_000; !signal.aborted; next += 10) {
    const size = transactions % 20 === 19 ? 400 : 10;
    await rig.registration.query(
      `BEGIN;
       INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(${next}, ${next + 9}) AS n;
       INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(${next}, ${next + 9}) AS n;
       UPDATE registration.metering_point SET opt_out = NOT opt_out, line_loss_factor = 1 + (${transactions % 100}) / 1000.0
         WHERE mpan_core IN (SELECT mpan(1 + (${next} + n * 7) % 400) FROM generate_series(1, ${size}) AS n);
       DELETE FROM registration.appointment WHERE appointment_id = ${next};
       DELETE FROM registration.metering_point WHERE mpan_core = mpan(${next});
       COMMIT`,
    );
    await rig.registration.query(
      `UPDATE registration.metering_point SET line_loss_factor_class = '!!' WHERE mpan_core = mpan(${next + 1})`,
    );
    await rig.registration.query(
      `UPDATE registration.metering_point SET line_loss_factor_class = 'G48' WHERE mpan_core = mpan(${next + 1})`,
    );
    rejected += 1;
    transactions += 3;
  }
  return { transactions, rejected };
}
