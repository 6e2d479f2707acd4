import type { Admin } from 'kafkajs';
import kafkajs from 'kafkajs';
import type { VersionConflict, SchemaRegistry } from '../avro/registry.ts';
import { recordSchemaOf } from '../avro/schemas.ts';
import type { TopicDefinition } from './catalogue.ts';
import { subjectOf } from './catalogue.ts';

/** A topic as it is on the cluster. */
export interface TopicState {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Every setting with the value in force. */
  readonly config: Readonly<Record<string, string>>;
  /** The names of the settings that were made on this topic; the others are the broker's. */
  readonly ownSettings: readonly string[];
}

/** A subject as it is in the registry. */
export interface SubjectState {
  readonly compatibility: string | null;
  readonly versions: number;
  /** The id of our schema; null when it is not registered. */
  readonly id: number | null;
  /** What keeps our schema from being registered. */
  readonly conflicts: readonly VersionConflict[];
}

export interface ClusterState {
  readonly topics: ReadonlyMap<string, TopicState>;
  readonly subjects: ReadonlyMap<string, SubjectState>;
}

/** Reads what is there of the catalogue. Changes nothing; in particular, no topic is made by asking for it. */
export async function readClusterState(
  admin: Admin,
  registry: SchemaRegistry,
  catalogue: readonly TopicDefinition[],
): Promise<ClusterState> {
  const existing = new Set(await admin.listTopics());
  const names = catalogue.map((topic) => topic.name).filter((name) => existing.has(name));
  const subjects = new Map<string, SubjectState>();
  for (const topic of catalogue) {
    if (topic.schema !== null)
      subjects.set(subjectOf(topic.name), await readSubject(registry, topic.name, topic.schema));
  }
  return { topics: await readTopics(admin, names), subjects };
}

async function readTopics(admin: Admin, names: readonly string[]): Promise<Map<string, TopicState>> {
  // Asked for no topic, both calls would answer for all of them, or not at all.
  if (names.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  const configs = new Map(resources.map((resource) => [resource.resourceName, resource.configEntries]));
  return new Map(
    topics.map(({ name, partitions }) => {
      const entries = configs.get(name) ?? [];
      return [
        name,
        {
          partitions: partitions.length,
          replicationFactor: Math.min(...partitions.map((partition) => partition.replicas.length)),
          config: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])),
          ownSettings: entries.filter(isOwnSetting).map((entry) => entry.configName),
        },
      ];
    }),
  );
}

/** Source 1 is DYNAMIC_TOPIC_CONFIG. */
function isOwnSetting(entry: { readonly configSource: number }): boolean {
  return entry.configSource === 1;
}

async function readSubject(
  registry: SchemaRegistry,
  topic: string,
  name: NonNullable<TopicDefinition['schema']>,
): Promise<SubjectState> {
  const subject = subjectOf(topic);
  const schema = recordSchemaOf(name);
  const versions = await registry.versions(subject);
  const id = versions.length === 0 ? null : await registry.idOf(subject, schema);
  return {
    compatibility: await registry.compatibilityOf(subject),
    versions: versions.length,
    id,
    conflicts: versions.length === 0 || id !== null ? [] : await registry.checkCompatibility(subject, schema),
  };
}
