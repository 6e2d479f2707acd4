import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { compareTable } from './agreement.fixture.ts';
import { createHelpers, goodAppointment, goodPoint, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, type Side, until } from './rig.fixture.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

/** More kills for `npm run test:faults`: CONCORD_KILLS=20. */
const kills = Number(process.env['CONCORD_KILLS'] ?? '6');

describe('kill -9 of a connector process at random moments of a load', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(1, 5000) AS n`,
    );
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(1, 5000) AS n`,
    );
    rig.start('registration');
    rig.start('metering');
  });

  afterAll(async () => {
    await rig.stop();
  });

  test(
    'leaves each event on its topic once and the store equal to the registration database',
    async () => {
      const stopLoad = new AbortController();
      const load = generateLoad(rig, stopLoad.signal);
      for (let kill = 0; kill < kills; kill += 1) {
        const side: Side = kill % 2 === 0 ? 'registration' : 'metering';
        // A random moment is what this test is about: from before the start is complete to well into the stream.
        await new Promise((resolve) => {
          setTimeout(resolve, 300 + Math.random() * 2_500);
        });
        await rig.kill(side);
        rig.start(side);
      }
      stopLoad.abort();
      const changes = await load;
      expect(changes).toBeGreaterThan(100);
      // What is committed last comes last: when it is there, everything is captured and applied.
      await rig.registration.query(
        `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series(9000, 9000) AS n`,
      );
      const { rows: marker } = await rig.registration.query<{ mpan: string }>('SELECT mpan(9000) AS mpan');
      await until(
        'the last change arrives',
        () =>
          count(rig.metering, 'SELECT count(*) FROM metering.metering_point WHERE mpan_core = $1', [marker[0]?.mpan]),
        (n) => n === 1,
        120_000,
      );
      const balance = await until(
        'every event is accounted for',
        () => rig.command('balance', '--json'),
        (answer) => answer.status === 0,
        90_000,
      );
      expect((JSON.parse(balance.stdout) as { closes: boolean }).closes).toBe(true);
      expect(await count(rig.metering, 'SELECT count(*) FROM metering.rejection')).toBe(0);
      expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
      expect(await compareTable(rig, 'appointment', 'appointment_id')).toEqual({ same: true });
      const topics = ['metering-point', 'appointment.mss', 'participant', 'distributor'].map(
        (topic) => `${rig.registrationPrefix}.${topic}`,
      );
      const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
      const { duplicates, late } = findDisorder(await readTopics(kafkaBrokers, schemaRegistryUrl, topics));
      expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
    },
    180_000 + kills * 10_000,
  );
});

/** Updates, inserts and deletes in transactions of different sizes, until told to stop. Returns how many transactions. */
async function generateLoad(rig: Rig, signal: AbortSignal): Promise<number> {
  let next = 10_000;
  let transactions = 0;
  while (!signal.aborted) {
    const size = transactions % 25 === 24 ? 2_000 : 1 + (transactions % 20);
    await rig.registration.query('BEGIN');
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint} FROM generate_series($1::bigint, $2::bigint) AS n`,
      [next, next + size - 1],
    );
    await rig.registration.query(
      `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series($1::bigint, $2::bigint) AS n`,
      [next, next + size - 1],
    );
    await rig.registration.query(
      `UPDATE registration.metering_point SET line_loss_factor = round((0.9 + random() * 0.3)::numeric, 3), opt_out = NOT opt_out
       WHERE mpan_core IN (SELECT mpan(1 + floor(random() * 5000)::bigint) FROM generate_series(1, $1::int))`,
      [size],
    );
    if (transactions % 5 === 4) {
      await rig.registration.query('DELETE FROM registration.appointment WHERE appointment_id = $1', [next]);
      await rig.registration.query('DELETE FROM registration.metering_point WHERE mpan_core = mpan($1)', [next]);
    }
    await rig.registration.query('COMMIT');
    next += size;
    transactions += 1;
  }
  return transactions;
}
