import type { RecordSchema, SchemaName } from '../avro/schemas.ts';
import { recordSchemaOf } from '../avro/schemas.ts';

/** What a topic is to the connectors. Only lane topics are merged by position (protocol P13). */
export type TopicRole = 'lane' | 'reference' | 'progress' | 'parked' | 'dead-letter';

/** Who works with a topic: each is one principal of an access control list. */
export type TopicUser = 'registration-source' | 'registration-sink' | 'metering-source' | 'metering-sink';

export const compatibility = 'FULL_TRANSITIVE';

/** Everything that is fixed about a topic; `topics plan|apply` makes the cluster match it. */
export interface TopicDefinition {
  readonly name: string;
  readonly role: TopicRole;
  /** The source whose connector writes it, which is also the prefix of its name; null for a topic of ours. */
  readonly source: string | null;
  /** The flow of the interface definition; null for what no flow carries. */
  readonly flow: 1 | 2 | 3 | null;
  readonly about: string;
  /** What the record's key is. */
  readonly key: string;
  /** How long records are kept, for people. */
  readonly kept: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Topic configuration that differs from a broker's defaults, or must not depend on them. */
  readonly config: Readonly<Record<string, string>>;
  /** Ours by its name, or one that was generated for a mirrored table; null for topics whose values are not Avro. */
  readonly schema: SchemaName | RecordSchema | null;
  readonly writers: readonly TopicUser[];
  readonly readers: readonly TopicUser[];
}

export interface CatalogueSettings {
  /** The source's name is the prefix of its topics: `registration`. */
  readonly registrationPrefix: string;
  readonly meteringPrefix: string;
  /** The number of lanes: partitions of every lane topic. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** `concord.dead-letter` where it is not said. */
  readonly deadLetterTopic?: string;
  /** Mirrored tables of the registration database, after all others. */
  readonly mirrors?: readonly MirrorTopic[];
}

export interface MirrorTopic {
  readonly name: string;
  readonly table: string;
  /** Null where only the topic is of interest. */
  readonly schema: RecordSchema | null;
}

const dayMs = 86_400_000;
const mebibyte = 1_048_576;
/** An agent keeps its data for 40 months after the end of an appointment. */
const fortyMonthsMs = 1_217 * dayMs;
/** Larger than any batch of the publisher; a row with large texts still fits. */
const messageBytesMax = 8 * mebibyte;

/** Time alone decides: a broker's limit of size must not. */
const byTime = { 'cleanup.policy': 'delete', 'retention.bytes': '-1' };
const forFortyMonths = { ...byTime, 'retention.ms': String(fortyMonthsMs) };
/** Nothing is compacted away before 40 months, so that a replay of that time sees every event. */
const compactedAfterFortyMonths = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(fortyMonthsMs) };
const forEver = { ...byTime, 'retention.ms': '-1' };
/**
 * Only the last record of a key counts, and a start reads the topic from its beginning: small segments, cleaned early.
 */
const lastOfEachKey = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(4 * mebibyte),
  'min.cleanable.dirty.ratio': '0.1',
};
/** Receipts are events that are counted: a reader that is away for a day must still see each of them. */
const lastReceipts = { ...lastOfEachKey, 'min.compaction.lag.ms': String(dayMs) };

/** Every topic of one registration service and the metering side, in reading order. */
export function catalogue(settings: CatalogueSettings): readonly TopicDefinition[] {
  const { registrationPrefix: registration, meteringPrefix: metering } = settings;
  const common = {
    'max.message.bytes': String(messageBytesMax),
    'min.insync.replicas': String(settings.replicationFactor > 2 ? 2 : 1),
    'unclean.leader.election.enable': 'false',
  };
  const define = (
    topic: Omit<TopicDefinition, 'partitions' | 'replicationFactor' | 'config'> & { config: Record<string, string> },
  ): TopicDefinition => ({
    ...topic,
    partitions: topic.role === 'lane' ? settings.partitions : 1,
    replicationFactor: settings.replicationFactor,
    config: { ...common, ...topic.config },
  });
  const toMetering = { source: registration, writers: ['registration-source'], readers: ['metering-sink'] } as const;
  const toRegistration = { source: metering, writers: ['metering-source'], readers: ['registration-sink'] } as const;

  return [
    define({
      ...toMetering,
      name: `${registration}.metering-point`,
      role: 'lane',
      flow: 1,
      about: 'registration data of metering points',
      key: 'MPAN core',
      kept: 'compacted after 40 months',
      config: compactedAfterFortyMonths,
      schema: 'metering-point',
    }),
    ...(['mss', 'msa', 'umso'] as const).map((service) =>
      define({
        ...toMetering,
        name: `${registration}.appointment.${service}`,
        role: 'lane',
        flow: 2,
        about: `appointments of metering services, ${service.toUpperCase()}`,
        key: 'MPAN core',
        kept: '40 months',
        config: forFortyMonths,
        schema: `appointment-${service}`,
      }),
    ),
    define({
      ...toMetering,
      name: `${registration}.participant`,
      role: 'reference',
      flow: null,
      about: 'reference data: participants and their roles',
      key: 'mpid|role|effective_from',
      kept: 'for ever',
      config: forEver,
      schema: 'participant',
    }),
    define({
      ...toMetering,
      name: `${registration}.distributor`,
      role: 'reference',
      flow: null,
      about: 'reference data: distributor prefixes and GSP groups',
      key: 'prefix|gsp_group|effective_from',
      kept: 'for ever',
      config: forEver,
      schema: 'distributor',
    }),
    define({
      ...toMetering,
      name: `${registration}.meter-asset`,
      role: 'lane',
      flow: null,
      about: 'meter assets and their providers',
      key: 'device id',
      kept: 'compacted after 40 months',
      config: compactedAfterFortyMonths,
      schema: 'meter-asset',
    }),
    define({
      ...toRegistration,
      name: `${metering}.rejection`,
      role: 'lane',
      flow: 3,
      about: 'rejections and errors',
      key: 'MPAN core',
      kept: '40 months',
      config: forFortyMonths,
      schema: 'rejection',
    }),
    define({
      ...toRegistration,
      name: `${metering}.receipt`,
      role: 'lane',
      flow: null,
      about: 'delivery receipts of flows 1 and 2',
      key: 'receiver|source|lane',
      kept: 'compacted',
      config: lastReceipts,
      schema: 'receipt',
    }),
    define({
      ...toMetering,
      name: `${registration}.receipt`,
      role: 'lane',
      flow: null,
      about: 'delivery receipts of flow 3',
      key: 'receiver|source|lane',
      kept: 'compacted',
      config: lastReceipts,
      schema: 'receipt',
    }),
    ...(settings.mirrors ?? []).map(({ name, table, schema }) =>
      define({
        ...toMetering,
        name,
        role: 'lane',
        flow: null,
        about: `the table ${table}, mirrored`,
        key: schema?.postgres?.key.join('|') ?? 'primary key',
        kept: 'compacted after 40 months',
        config: compactedAfterFortyMonths,
        schema,
      }),
    ),
    ...[toMetering, toRegistration].flatMap((direction) => [
      define({
        ...direction,
        // A source reads its own progress back; the sink of the other side waits for it.
        readers: [...direction.writers, ...direction.readers],
        name: `${direction.source}.progress`,
        role: 'progress',
        flow: null,
        about: `positions of the source ${direction.source}`,
        key: 'source, or source|gap|generation',
        kept: 'compacted',
        config: lastOfEachKey,
        schema: 'progress',
      }),
    ]),
    define({
      ...toMetering,
      // Its own source releases what is parked, once the table's shape is settled.
      readers: ['registration-source'],
      name: `${registration}.parked`,
      role: 'parked',
      flow: null,
      about: 'raw changes of parked tables',
      key: 'table|key',
      kept: 'until released',
      config: forEver,
      schema: null,
    }),
    define({
      name: settings.deadLetterTopic ?? 'concord.dead-letter',
      role: 'dead-letter',
      source: null,
      flow: null,
      about: 'what can not be decoded, as received',
      key: 'as received',
      kept: '40 months',
      config: forFortyMonths,
      schema: null,
      writers: ['registration-sink', 'metering-sink'],
      readers: ['registration-sink', 'metering-sink'],
    }),
  ];
}

/** The subject under which a topic's values are registered. */
export function subjectOf(topic: string): string {
  return `${topic}-value`;
}

/** What the decoder asks: the schema with which a topic is read; undefined for a topic without one. */
export function readerSchemas(topics: readonly TopicDefinition[]): (topic: string) => RecordSchema | undefined {
  const byName = new Map(topics.map((topic) => [topic.name, topic.schema]));
  return (topic) => {
    const schema = byName.get(topic) ?? null;
    return schema === null ? undefined : recordSchemaOf(schema);
  };
}

/** The topics of one source with one role, in catalogue order: what a lane merges, what every lane is told. */
export function topicsOf(
  topics: readonly TopicDefinition[],
  source: string,
  role: TopicRole,
): readonly TopicDefinition[] {
  return topics.filter((topic) => topic.source === source && topic.role === role);
}
