import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { removeHistory } from '../connectors/metering/retention.ts';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { partitionOf } from '../topics/partitioner.ts';
import { untilEverythingIsThrough, untilReferenceDataArrived } from '../test/agreement.fixture.ts';
import {
  createHelpers,
  insertAppointments,
  insertPoints,
  insertReferenceData,
} from '../test/registration-rows.fixture.ts';
import { Rig } from '../test/rig.fixture.ts';
import { performed } from './perform.fixture.ts';
import type { ReplayReport } from './replay/into.ts';

/** What a comparison must not call a difference: what is over, removed or expired. And what it still must. */
describe('a second store, where something is no longer there', () => {
  const { kafkaBrokers } = inject('stack');
  let rig: Rig;
  /** The insert LSN of the registration database, when points were held and changed, and before that went on. */
  let middle = '';

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 60);
    await insertAppointments(rig.registration, 1, 40);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    await sql(`UPDATE registration.metering_point SET line_loss_factor = line_loss_factor + 0.001`);
    // Held for a supplier that comes only later: their version before is ended by an event from here, and lives on for long.
    await sql(`UPDATE registration.metering_point SET supplier_mpid = 'NEWS' WHERE mpan_core IN (mpan(3), mpan(4))`);
    await sql(`DELETE FROM registration.appointment WHERE appointment_id BETWEEN 30 AND 40`);
    await untilEverythingIsThrough(rig);
    middle = (
      (await rig.registration.query('SELECT pg_current_wal_insert_lsn()::text AS lsn')).rows[0] as { lsn: string }
    ).lsn;
    await sql(`INSERT INTO registration.participant VALUES ('NEWS', 'X', 'New supplier', '2000-01-01', NULL, 2)`);
    await sql(`UPDATE registration.metering_point SET opt_out = true`);
    await sql(`DELETE FROM registration.appointment WHERE appointment_id BETWEEN 20 AND 29`);
    await insertAppointments(rig.registration, 30, 35);
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    for (const name of ['early', 'kept', 'late'])
      await performed('replay', 'drop', name, '--config', rig.configurationFile);
    await rig.stop();
  });

  const sql = (text: string): Promise<unknown> => rig.registration.query(text);

  async function replay(...words: string[]): Promise<{ code: number; report: ReplayReport }> {
    const { code, out, err } = await performed('replay', ...words, '--json', '--config', rig.configurationFile);
    if (out === '') throw new Error(err);
    return { code, report: JSON.parse(out) as ReplayReport };
  }

  const differing = ({ tables }: ReplayReport): unknown =>
    tables
      .filter((table) => table.differing > table.explained)
      .map(({ table, differing: keys, explained, causes, samples }) => ({ table, keys, explained, causes, samples }));

  test('ended before the live one, it is compared with what the history of the live one says of that place', async () => {
    const { code, report } = await replay('--into', 'early', '--until', middle);
    expect(differing(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'same', asOf: { generation: 1 } });
    expect(report.notCompared.map(({ table }) => table)).toEqual(['rejection', 'held', 'last_received', 'dead_letter']);
    expect(code).toBe(0);
    const rows = Object.fromEntries(report.tables.map(({ table, live }) => [table, live]));
    expect(rows).toMatchObject({ metering_point: 61, metering_point_history: 60, appointment: 29, participant: 8 });
    const [{ mpan }] = (await rig.registration.query('SELECT mpan(9) AS mpan')).rows as [{ mpan: string }];
    const change = (to: string): Promise<unknown> =>
      rig.metering.query(
        `UPDATE metering.metering_point_history SET gsp_group = $2 WHERE mpan_core = $1 AND opt_out IS NOT TRUE`,
        [mpan, to],
      );
    await change('_X');
    const other = await replay('--into', 'early', '--until', middle);
    expect(other).toMatchObject({ code: 3, report: { verdict: 'differs' } });
    expect(differing(other.report)).toMatchObject([
      { table: 'metering_point', keys: 1, samples: [{ columns: { gsp_group: ['_X', expect.any(String)] } }] },
      { table: 'metering_point_history', keys: 1 },
    ]);
    const [{ gsp_group: right }] = (
      await rig.metering.query('SELECT gsp_group FROM metering.metering_point WHERE mpan_core = $1', [mpan])
    ).rows as [{ gsp_group: string }];
    await change(right);
  });

  test('differs by the history that retention removed from the live one, and says so', async () => {
    const [{ now }] = (await rig.metering.query('SELECT now()')).rows as [{ now: Date }];
    for await (const _ of removeHistory(rig.metering, now, { dryRun: false }));
    const { code, report } = await replay('--into', 'kept');
    expect(differing(report)).toEqual([]);
    const points = report.tables.find(({ table }) => table === 'metering_point_history');
    expect(points?.explained).toBeGreaterThan(50);
    expect(Object.keys(points?.causes ?? {})).toEqual([
      expect.stringMatching(/^removed from the live store by `concord retention`/),
    ]);
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'same' });
    // A dry run can not tell whether the store had an appointment that is gone with its history.
    const { out } = await performed('replay', '--json', '--config', rig.configurationFile);
    expect(JSON.parse(out)).toMatchObject({ forgotten: expect.any(Number) as number, inserts: {}, deletes: {} });
    expect((JSON.parse(out) as { forgotten: number }).forgotten).toBeGreaterThan(10);
    const early = await replay('--into', 'early', '--until', middle);
    expect(early.report.notCompared).toContainEqual({
      table: 'metering_point',
      why: expect.stringContaining('history from') as string,
    });
  });

  test('lacks what has expired from the topics, and says so; what was changed by hand is told beside it', async () => {
    const admin = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    for (const name of ['metering-point', 'appointment.mss']) {
      const topic = `${rig.registrationPrefix}.${name}`;
      // The broker deletes records only where records are deleted at all.
      const configEntries = [{ name: 'cleanup.policy', value: 'delete' }];
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      });
      const ends = await admin.fetchTopicOffsets(topic);
      // Of one partition everything is still there.
      const partitions = ends.filter(({ partition }) => partition !== 0);
      await admin.deleteTopicRecords({
        topic,
        partitions: partitions.map(({ partition, high }) => ({
          partition,
          offset: String(Math.floor(Number(high) / 2)),
        })),
      });
    }
    await admin.disconnect();
    const { code, report } = await replay('--into', 'late');
    expect(differing(report)).toEqual([]);
    expect(report.completeFrom).not.toBeNull();
    const appointments = report.tables.find(({ table }) => table === 'appointment');
    expect(appointments?.explained).toBeGreaterThan(5);
    expect(Object.keys(appointments?.causes ?? {}).join()).toContain('has expired from its topics');
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'same' });
    const whole = await keyOfPartition(0);
    await rig.metering.query(`UPDATE metering.metering_point SET load_shape_category = 'X' WHERE mpan_core = $1`, [
      whole,
    ]);
    const after = await replay('--into', 'late');
    expect(after.code).toBe(3);
    expect(differing(after.report)).toMatchObject([{ table: 'metering_point' }]);
    expect(after.report.tables.find(({ table }) => table === 'metering_point')?.causes).toMatchObject({
      unexplained: 1,
    });
  });

  /** An MPAN core whose records lie in that partition. */
  async function keyOfPartition(wanted: number): Promise<string> {
    const { rows } = await rig.metering.query<{ mpan_core: string }>(
      'SELECT mpan_core FROM metering.metering_point ORDER BY 1',
    );
    const found = rows.find(({ mpan_core: mpan }) => partitionOf(Buffer.from(mpan), 4) === wanted);
    if (found === undefined) throw new Error(`no point is in partition ${wanted}`);
    return found.mpan_core;
  }
});
