import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterAll, expect, inject, test } from 'vitest';
import { deleteSubjects } from '../avro/registry.fixture.ts';
import { openRegistry } from '../avro/registry.ts';
import { catalogue } from './catalogue.ts';
import { prepareKafka } from './connection.ts';
import type { Provisioning } from './provisioning.ts';
import { applyPlan, describeTopics, planTopics } from './provisioning.ts';

const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
const kafka = prepareKafka({ brokers: kafkaBrokers.split(','), clientId: 'test' }, pino({ level: 'silent' }));
const registry = openRegistry({ url: schemaRegistryUrl });
const prefix = `t${randomBytes(6).toString('hex')}`;
const named = {
  registrationPrefix: `${prefix}reg`,
  meteringPrefix: `${prefix}met`,
  deadLetterTopic: `${prefix}.dead-letter`,
  partitions: 2,
  replicationFactor: 1,
};
const provisioning: Provisioning = { kafka, registry, catalogue: catalogue(named) };
const admin = kafka.client().kafka.admin();

afterAll(async () => {
  await admin.connect();
  const ours = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (ours.length > 0) await admin.deleteTopics({ topics: ours });
  await admin.disconnect();
  await deleteSubjects(schemaRegistryUrl, prefix);
  registry.close();
});

test('a plan makes nothing, applying it makes everything, and the second plan is empty', async () => {
  const plan = await planTopics(provisioning);
  expect(plan.refusals).toEqual([]);
  expect(plan.steps.filter((step) => step.kind === 'create-topic')).toHaveLength(14);
  expect(plan.steps.filter((step) => step.kind === 'register-schema')).toHaveLength(12);
  expect((await describeTopics(provisioning)).every((topic) => topic.actual === null)).toBe(true);

  const done: string[] = [];
  await applyPlan(provisioning, plan, (step) => done.push(step.text));
  expect(done.toSorted()).toEqual(plan.steps.map((step) => step.text).toSorted());
  expect(await planTopics(provisioning)).toEqual({ steps: [], refusals: [] });

  for (const topic of await describeTopics(provisioning)) {
    expect(topic.actual).toEqual({
      partitions: topic.partitions,
      replicationFactor: 1,
      config: topic.config,
    });
    if (topic.schema !== null) {
      expect(topic.registered).toMatchObject({ versions: 1, compatibility: 'FULL_TRANSITIVE', id: expect.any(Number) });
    }
  }
});

test('applying an old plan again, as a second instance would, changes nothing and fails nowhere', async () => {
  const plan = await planTopics({
    ...provisioning,
    catalogue: catalogue({ ...named, meteringPrefix: `${prefix}other` }),
  });
  await Promise.all([applyPlan(provisioning, plan), applyPlan(provisioning, plan)]);
  await applyPlan(provisioning, plan);
  expect(await planTopics(provisioning)).toEqual({ steps: [], refusals: [] });
});

test('a setting changed by hand is put right, and what else was set on the topic stays', async () => {
  const topic = `${prefix}reg.appointment.mss`;
  await admin.connect();
  const set = async (config: Record<string, string>): Promise<void> => {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });
  };
  await set({ 'retention.ms': '3600000', 'segment.ms': '7200000' });
  const plan = await planTopics(provisioning);
  expect(plan.steps.map((step) => step.kind)).toEqual(['alter-config']);
  await applyPlan(provisioning, plan);
  expect(await planTopics(provisioning)).toEqual({ steps: [], refusals: [] });
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] });
  const values = new Map(resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]));
  expect(values.get('segment.ms')).toBe('7200000');
  expect(values.get('retention.ms')).toBe(String(1_217 * 86_400_000));
});

test('more lanes than the topics have are refused, because the order of a key would be lost', async () => {
  const plan = await planTopics({ ...provisioning, catalogue: catalogue({ ...named, partitions: 3 }) });
  expect(plan.steps).toEqual([]);
  expect(plan.refusals.map((refusal) => refusal.name)).toHaveLength(8);
});

test('a replication factor that the cluster can not give is a fault of the set-up, not of the network', async () => {
  const impossible = {
    ...provisioning,
    catalogue: catalogue({ ...named, registrationPrefix: `${prefix}x`, replicationFactor: 3 }),
  };
  const plan = await planTopics(impossible);
  await expect(applyPlan(impossible, plan)).rejects.toMatchObject({ kind: 'misconfigured', code: 'TOPIC_NOT_MADE' });
});
