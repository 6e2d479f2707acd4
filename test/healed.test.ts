import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { loseSlot } from './lost-slot.fixture.ts';
import { createHelpers, insertAppointments, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.create(inject('stack'));
  await rig.init();
  rig.start('registration');
  rig.start('metering');
  await createHelpers(rig.registration);
  await insertReferenceData(rig.registration);
  await untilReferenceDataArrived(rig, 8);
  await insertPoints(rig.registration, 1, 400);
  await insertAppointments(rig.registration, 1, 300);
  await untilEverythingIsThrough(rig);
});
afterAll(() => rig.stop());

test('after a slot was dropped the source stands still, and once it is healed the store equals the database, deletes included', async () => {
  await loseSlot(rig);
  await rig.registration.query(`DELETE FROM registration.appointment WHERE appointment_id <= 50;
    DELETE FROM registration.metering_point WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(1, 40) n);
    UPDATE registration.metering_point SET supplier_mpid = 'SUPB' WHERE mpan_core IN (SELECT mpan(n) FROM generate_series(60, 90) n);
    UPDATE registration.appointment SET mpan_core = mpan(350) WHERE appointment_id = 60;
    UPDATE registration.appointment SET contract_reference = 'gap' WHERE appointment_id BETWEEN 100 AND 120`);
  await insertPoints(rig.registration, 500, 520);

  rig.start('registration');
  await until(
    'the gap is told',
    () => Promise.resolve(rig.log('registration')),
    (log) => log.includes('SLOT_MISSING'),
  );
  const plan = await rig.command('snapshot', '--heal', '--plan', '--json');
  expect({ status: plan.status, told: JSON.parse(plan.stdout) as unknown }).toMatchObject({
    status: 3,
    told: [
      { source: rig.registrationPrefix, cause: 'SLOT_MISSING' },
      { source: rig.meteringPrefix, cause: null },
    ],
  });
  const healed = await rig.command('snapshot', '--heal', rig.registrationPrefix, '--json');
  expect({ status: healed.status, told: JSON.parse(healed.stdout) as unknown }).toMatchObject({
    status: 0,
    told: [{ generation: 2, deletes: { 'registration.metering_point': 40, 'registration.appointment': 51 } }],
  });
  // It would start again by itself, within a minute.
  await rig.kill('registration');
  rig.start('registration');
  await until(
    'the whole of the second generation is applied',
    () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point WHERE generation = 2'),
    (rows) => rows > 0,
  );
  const balance = await untilEverythingIsThrough(rig);
  expect(balance.closes).toBe(true);
  expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
  expect(await compareTable(rig, 'appointment', 'appointment_id')).toEqual({ same: true });
  expect(await count(rig.metering, `SELECT count(*) FROM metering.rejection WHERE status = 'open'`)).toBe(0);
});
