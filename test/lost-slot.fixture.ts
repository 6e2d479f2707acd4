import { count, type Rig, until } from './rig.fixture.ts';

/** Kills the registration side and drops its slot: what is changed from here on is in no WAL that anybody keeps. */
export async function loseSlot(rig: Rig): Promise<void> {
  await rig.kill('registration');
  const slot = [rig.registrationPrefix];
  await until(
    'nobody streams',
    () => count(rig.registration, 'SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND active', slot),
    (active) => active === 0,
  );
  await rig.registration.query('SELECT pg_drop_replication_slot($1)', slot);
}
