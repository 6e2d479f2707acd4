import { Kafka, logLevel } from 'kafkajs';
import type pg from 'pg';
import type { Rig } from './rig.fixture.ts';

/**
 * Names of what other tests make meanwhile on the same servers: each has a random part that is not this rig's. Whatever has
 * none at all is somebody's who might have left it.
 */
const random = /(?:^|[^a-z0-9])(?:[rm]|t[-_])[0-9a-f]{8}/;

function isOthers(rig: Rig, name: string): boolean {
  const databases = [rig.registrationUrl, rig.meteringUrl].map((url) => new URL(url).pathname.slice(1));
  const ours = [rig.registrationPrefix, rig.meteringPrefix, ...databases];
  return random.test(name) && !ours.some((one) => name.includes(one));
}

/** Every topic and every group of the cluster, but those of other tests. */
export async function namesInKafka(rig: Rig, brokers: string): Promise<{ topics: string[]; groups: string[] }> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  const known = (names: readonly string[]): string[] => names.filter((name) => !isOthers(rig, name)).toSorted();
  return { topics: known(topics), groups: known(groups.map(({ groupId }) => groupId)) };
}

/** Every slot and every database of a server likewise. */
export async function namesInPostgres(rig: Rig, client: pg.Client): Promise<{ slots: string[]; databases: string[] }> {
  const namesOf = async (sql: string): Promise<string[]> => {
    const { rows } = await client.query<{ name: string; place: string }>(sql);
    return rows.filter(({ name, place }) => !isOthers(rig, `${place} ${name}`)).map(({ name }) => name);
  };
  return {
    slots: await namesOf(
      `SELECT slot_name AS name, coalesce(database, '') AS place FROM pg_replication_slots ORDER BY 1`,
    ),
    databases: await namesOf(`SELECT datname AS name, '' AS place FROM pg_database ORDER BY 1`),
  };
}
