import type { Admin } from 'kafkajs';
// Not every name of this CommonJS module is seen by Node's own loader.
import kafkajs from 'kafkajs';
import type { SchemaRegistry } from '../avro/registry.ts';
import { recordSchemaOf } from '../avro/schemas.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import type { TopicDefinition } from './catalogue.ts';
import { compatibility, subjectOf } from './catalogue.ts';
import type { ClusterState } from './cluster-state.ts';
import { readClusterState } from './cluster-state.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaFault } from './kafka-fault.ts';
import type { ProvisioningPlan, ProvisioningStep } from './provisioning-plan.ts';
import { planProvisioning } from './provisioning-plan.ts';

/** Where topics and schemas live, and what they should be. */
export interface Provisioning {
  readonly kafka: KafkaConnection;
  readonly registry: SchemaRegistry;
  readonly catalogue: readonly TopicDefinition[];
}

/** What a topic should be and what is there; null where nothing is. */
export interface TopicDescription extends TopicDefinition {
  readonly subject: string | null;
  readonly actual: {
    readonly partitions: number;
    readonly replicationFactor: number;
    /** Only the settings that the catalogue fixes. */
    readonly config: Readonly<Record<string, string | null>>;
  } | null;
  readonly registered: {
    readonly versions: number;
    readonly id: number | null;
    readonly compatibility: string | null;
  } | null;
}

/** What `applyPlan` would do. Changes nothing. Rejects with a Fault. */
export async function planTopics(provisioning: Provisioning): Promise<ProvisioningPlan> {
  return planProvisioning(provisioning.catalogue, await readState(provisioning));
}

/**
 * Does the plan's steps, in order, and says each when it is done. What it refused stays as it is. A step that somebody
 * else has done in the meantime is no failure. Rejects with a Fault; what is done until then stays done.
 */
export async function applyPlan(
  { kafka, registry }: Provisioning,
  plan: ProvisioningPlan,
  done: (step: ProvisioningStep) => void = () => {},
): Promise<void> {
  await withAdmin(kafka, 'making topics', async (admin) => {
    const creations = plan.steps.filter((step) => step.kind === 'create-topic');
    await createTopics(
      admin,
      creations.map(({ topic }) => topic),
    );
    creations.forEach(done);
    for (const step of plan.steps) {
      if (step.kind === 'create-topic') continue;
      await applyStep(admin, registry, step);
      done(step);
    }
  });
}

export async function describeTopics(provisioning: Provisioning): Promise<readonly TopicDescription[]> {
  const state = await readState(provisioning);
  return provisioning.catalogue.map((topic) => {
    const there = state.topics.get(topic.name);
    const subject = state.subjects.get(subjectOf(topic.name));
    const fixed = Object.keys(topic.config);
    return {
      ...topic,
      subject: topic.schema === null ? null : subjectOf(topic.name),
      actual:
        there === undefined
          ? null
          : {
              partitions: there.partitions,
              replicationFactor: there.replicationFactor,
              config: Object.fromEntries(fixed.map((name) => [name, there.config[name] ?? null])),
            },
      registered:
        subject === undefined
          ? null
          : { versions: subject.versions, id: subject.id, compatibility: subject.compatibility },
    };
  });
}

async function readState({ kafka, registry, catalogue }: Provisioning): Promise<ClusterState> {
  return withAdmin(kafka, 'reading topics', (admin) => readClusterState(admin, registry, catalogue));
}

/** A broker that is busy or new can take seconds to give a topic its leaders: longer than kafkajs waits. */
const leadersWithinMs = 30_000;

/** All in one request: a topic at a time is a round trip and a wait each. */
async function createTopics(admin: Admin, topics: readonly TopicDefinition[]): Promise<void> {
  if (topics.length === 0) return;
  await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map(({ name, partitions, replicationFactor, config }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor,
      configEntries: entries(config),
    })),
  });
  const deadline = monotonicMs() + leadersWithinMs;
  for (;;) {
    try {
      const { topics: found } = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) });
      if (found.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return;
    } catch (cause) {
      if (monotonicMs() > deadline) throw cause;
    }
    await pause(100);
  }
}

type RemainingStep = Exclude<ProvisioningStep, { readonly kind: 'create-topic' }>;

async function applyStep(admin: Admin, registry: SchemaRegistry, step: RemainingStep): Promise<void> {
  switch (step.kind) {
    case 'add-partitions':
      await admin.createPartitions({ topicPartitions: [{ topic: step.topic, count: step.partitions }] });
      return;
    case 'alter-config': {
      const type = kafkajs.ConfigResourceTypes.TOPIC;
      const resources = [{ type, name: step.topic, configEntries: entries(step.config) }];
      await admin.alterConfigs({ validateOnly: false, resources });
      return;
    }
    case 'set-compatibility':
      await registry.setCompatibility(step.subject, compatibility);
      return;
    case 'register-schema':
      await registry.ensureSubject(step.subject, recordSchemaOf(step.schema), compatibility);
      return;
  }
}

async function withAdmin<T>(kafka: KafkaConnection, action: string, act: (admin: Admin) => Promise<T>): Promise<T> {
  const client = kafka.client();
  const admin = client.kafka.admin();
  try {
    await admin.connect();
    return await act(admin);
  } catch (cause) {
    throw notMade(cause) ?? kafkaFault(cause, action);
  } finally {
    await admin.disconnect().catch(() => {});
    client.destroy();
  }
}

/** What the cluster will never accept, however often it is asked; null for everything else. */
const neverAccepted = new Set([
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
]);

function notMade(cause: unknown): Fault | null {
  const causes: unknown[] =
    typeof cause === 'object' && cause !== null && 'errors' in cause && Array.isArray(cause.errors)
      ? cause.errors
      : [cause];
  const one = causes.find((each) => each instanceof kafkajs.KafkaJSProtocolError && neverAccepted.has(each.type));
  if (!(one instanceof kafkajs.KafkaJSProtocolError)) return null;
  return new Fault(
    'misconfigured',
    'TOPIC_NOT_MADE',
    `Kafka does not make or change a topic as the catalogue says: ${one.message} (${one.type}). ` +
      'Correct `kafka.replicationFactor` or `kafka.partitions`, or the policy of the cluster.',
    { type: one.type },
    cause,
  );
}

function entries(config: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(config).map(([name, value]) => ({ name, value }));
}
