import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { createHelpers, goodPoint, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { Rig, until } from './rig.fixture.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

/** A process that stands still long enough to be taken for dead, and then goes on as if nothing had happened. */
describe('a process that was given up for dead and wakes again', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await insertPoints(rig.registration, 1, 500);
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
    await untilEverythingIsThrough(rig);
  });

  afterAll(async () => {
    await rig.stop();
  });

  /** Changes every row, in one transaction. */
  async function changeAll(): Promise<void> {
    await rig.registration.query(
      `UPDATE registration.metering_point SET line_loss_factor = line_loss_factor + 0.001, opt_out = NOT opt_out`,
    );
  }

  async function expectOrder(): Promise<void> {
    const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
    const topics = [`${rig.registrationPrefix}.metering-point`, `${rig.registrationPrefix}.participant`];
    const { duplicates, late } = findDisorder(await readTopics(kafkaBrokers, schemaRegistryUrl, topics));
    expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
  }

  test('writes nothing into the store that its successor has taken over', async () => {
    // It stands still in the middle of work: what it has read but not written is what it will try to write.
    for (let round = 0; round < 5; round += 1) await changeAll();
    rig.process('metering').kill('SIGSTOP');
    rig.start('metering', 'successor');
    await changeAll();
    await untilEverythingIsThrough(rig, 90_000);
    rig.process('metering').kill('SIGCONT');
    await changeAll();
    await untilEverythingIsThrough(rig, 90_000);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    // Each row: one version by the insert and one by each of the seven updates, none of them twice.
    const { rows } = await rig.metering.query(
      `SELECT count(DISTINCT (generation, lsn, ordinal))::int AS versions, count(*)::int AS rows, count(DISTINCT mpan_core)::int AS points
       FROM metering.metering_point_history WHERE mpan_core IN (SELECT mpan_core FROM metering.metering_point ORDER BY mpan_core LIMIT 500)`,
    );
    expect(rows).toEqual([{ versions: 3_500, rows: 3_500, points: 500 }]);
    await rig.kill('metering');
    await changeAll();
    await untilEverythingIsThrough(rig, 90_000);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
  });

  test('puts nothing on the topics that its successor has published', async () => {
    const writing = rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(20001, 40000) AS n`,
    );
    await writing;
    rig.process('registration').kill('SIGSTOP');
    // The server takes the slot from the one that stands still only when told to: as an operator would, or its time-out.
    rig.start('registration', 'successor-registration');
    await until(
      'the slot is free',
      async () =>
        (
          await rig.registration.query<{ ended: boolean }>(
            `SELECT pg_terminate_backend(active_pid) AS ended FROM pg_replication_slots WHERE slot_name = $1 AND active`,
            [rig.registrationPrefix],
          )
        ).rows,
      (rows) => rows.length === 1,
    );
    await changeAll();
    await untilEverythingIsThrough(rig, 90_000);
    rig.process('registration').kill('SIGCONT');
    for (let round = 0; round < 3; round += 1) {
      await changeAll();
      await untilEverythingIsThrough(rig, 90_000);
    }
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    await expectOrder();
    expect(`${rig.log('registration')}${rig.log('successor-registration')}`).toMatch(/FENCED|SLOT_/);
  });
});
