import { Kafka, logLevel } from 'kafkajs';
import type { Rig } from '../test/rig.fixture.ts';

/** Everything of the live side that a replay might touch by mistake. */
export async function liveTraces(rig: Rig, kafkaBrokers: string): Promise<unknown> {
  const admin = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchOffsets({ groupId: `concord-${rig.registrationPrefix}-sink` });
  const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).toSorted();
  const letters = await admin.fetchTopicOffsets('concord.dead-letter');
  await admin.disconnect();
  const { rows: positions } = await rig.metering.query('SELECT * FROM metering.applied_position ORDER BY source, lane');
  const { rows: applied } = await rig.metering.query('SELECT * FROM metering.applied_offset ORDER BY 1, 2, 3');
  const { rows: outcomes } = await rig.metering.query('SELECT * FROM metering.outcome ORDER BY 1, 2, 3, 4');
  const { rows: receipts } = await rig.metering.query('SELECT * FROM metering.receipt ORDER BY 1, 2, 3');
  const { rows: slots } = await rig.metering.query('SELECT slot_name, database FROM pg_replication_slots ORDER BY 1');
  return { offsets, groups, letters, positions, applied, outcomes, receipts, slots };
}
