import { Kafka, logLevel } from 'kafkajs';
import { freshTopics, readAll } from '../topics/kafka.fixture.ts';
import type { Rig } from '../test/rig.fixture.ts';

/** Everything of the live side that a replay might touch by mistake. What other tests do meanwhile on the same servers is left out. */
export async function liveTraces(rig: Rig, kafkaBrokers: string): Promise<unknown> {
  const isOurs = (name: string): boolean => name.includes(rig.registrationPrefix) || name.includes(rig.meteringPrefix);
  const admin = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchOffsets({ groupId: `concord-${rig.registrationPrefix}-sink` });
  const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(isOurs);
  await admin.disconnect();
  const topics = await freshTopics(kafkaBrokers);
  const letters = (await readAll(topics.connection, 'concord.dead-letter'))
    .flat()
    .filter(({ headers }) => isOurs(String(headers['concord.topic']))).length;
  await topics.drop();
  const { rows: positions } = await rig.metering.query('SELECT * FROM metering.applied_position ORDER BY source, lane');
  const { rows: applied } = await rig.metering.query('SELECT * FROM metering.applied_offset ORDER BY 1, 2, 3');
  const { rows: outcomes } = await rig.metering.query('SELECT * FROM metering.outcome ORDER BY 1, 2, 3, 4');
  const { rows: receipts } = await rig.metering.query('SELECT * FROM metering.receipt ORDER BY 1, 2, 3');
  const { rows: slots } = await rig.metering.query(
    'SELECT slot_name, database FROM pg_replication_slots WHERE slot_name = $1 OR database = current_database()',
    [rig.meteringPrefix],
  );
  return { offsets, groups: groups.toSorted(), letters, positions, applied, outcomes, receipts, slots };
}
