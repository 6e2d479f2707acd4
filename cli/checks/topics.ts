import type { Logger } from 'pino';
import type { SchemaRegistry } from '../../avro/registry.ts';
import { recordSchemaOf, titleOf } from '../../avro/schemas.ts';
import { compatibility, subjectOf, type TopicDefinition } from '../../topics/catalogue.ts';
import { planTopics } from '../../topics/provisioning.ts';
import { catalogueOf, kafkaOf, registryOf } from '../connections.ts';
import { generatedSchemas } from '../generated-schemas.ts';
import type { Settings } from '../settings.ts';
import { finding, type Finding } from './finding.ts';

/** Kafka answers, lets us in, and has every topic as the catalogue says. */
export async function checkTopics(settings: Settings, log: Logger): Promise<readonly Finding[]> {
  const place = 'Kafka';
  const registry = registryOf(settings);
  try {
    // Without schemas the plan asks Kafka only: the registry has a check of its own, which goes on when Kafka is away.
    const catalogue = catalogueOf(settings).map((topic) => ({ ...topic, schema: null }));
    const { steps, refusals } = await planTopics({ kafka: kafkaOf(settings, 'check', log), registry, catalogue });
    return [
      ...steps.map((step) =>
        step.kind === 'create-topic'
          ? finding(place, 'TOPIC_MISSING', `The topic ${step.topic.name} does not exist.`)
          : finding(place, 'TOPIC_DIFFERS', `To do: ${step.text}.`),
      ),
      ...refusals.map(({ name, reason, remedy }) =>
        finding(place, 'TOPIC_DIFFERS', `The topic ${name} ${reason}.`, remedy),
      ),
    ];
  } finally {
    registry.close();
  }
}

/** The registry answers and has our schemas, each with the compatibility that keeps readers safe. */
export async function checkRegistry(settings: Settings): Promise<readonly Finding[]> {
  const registry = registryOf(settings);
  try {
    const findings: Finding[] = [];
    // One after the other: a registry that is away is told once.
    for (const { name, schema } of catalogueOf(settings, await generatedSchemas(settings))) {
      if (schema !== null) findings.push(...(await subjectFindings(registry, name, schema)));
    }
    return findings;
  } finally {
    registry.close();
  }
}

async function subjectFindings(
  registry: SchemaRegistry,
  topic: string,
  name: NonNullable<TopicDefinition['schema']>,
): Promise<readonly Finding[]> {
  const place = 'schema registry';
  const subject = subjectOf(topic);
  const schema = recordSchemaOf(name);
  const versions = await registry.versions(subject);
  const missing = finding(place, 'SCHEMA_NOT_REGISTERED', `The subject ${subject} does not have ${titleOf(name)}.`);
  if (versions.length === 0) return [missing];
  if ((await registry.idOf(subject, schema)) === null) {
    const conflicts = await registry.checkCompatibility(subject, schema);
    if (conflicts.length === 0) return [missing];
    const told = conflicts.map(({ version, field, problem }) => `${field ?? 'the record'} ${problem} (${version})`);
    return [
      finding(
        place,
        'REGISTRY_INCOMPATIBLE',
        `The subject ${subject} is in conflict with ${titleOf(name)}: ${told.join('; ')}.`,
      ),
    ];
  }
  const level = await registry.compatibilityOf(subject);
  if (level === compatibility) return [];
  return [finding(place, 'SUBJECT_DIFFERS', `The compatibility of ${subject} is ${level ?? 'not set'}.`)];
}
