import { Kafka, logLevel } from 'kafkajs';
import { freshTopics, readAll } from '../topics/kafka.fixture.ts';
import type { Rig } from '../test/rig.fixture.ts';
import { namesInKafka, namesInPostgres } from '../test/traces.fixture.ts';

/** Everything of the live side that a replay might touch by mistake. What other tests do meanwhile on the same servers is left out. */
export async function liveTraces(rig: Rig, kafkaBrokers: string): Promise<unknown> {
  const isOurs = (name: string): boolean => name.includes(rig.registrationPrefix) || name.includes(rig.meteringPrefix);
  const kafka = await namesInKafka(rig, kafkaBrokers);
  const admin = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchOffsets({ groupId: `concord-${rig.registrationPrefix}-sink` });
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
  const servers = [await namesInPostgres(rig, rig.registration), await namesInPostgres(rig, rig.metering)];
  // The second store is what was asked for.
  const databases = servers.flatMap((one) => one.databases.filter((name) => !name.includes('_replay_')));
  const slots = servers.flatMap((one) => one.slots);
  return { offsets, kafka, letters, positions, applied, outcomes, receipts, slots, databases };
}
