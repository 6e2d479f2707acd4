import type pg from 'pg';
import type { Logger } from 'pino';
import { encodeEvent } from '../../avro/codec.ts';
import type { SchemaRegistry } from '../../avro/registry.ts';
import { loadSchema, type RecordSchema } from '../../avro/schemas.ts';
import type { LaneDomain } from '../../connectors/sink/contract.ts';
import { runSink } from '../../connectors/sink/pipeline.ts';
import type { SinkReport } from '../../connectors/sink/report.ts';
import type { SinkSettings } from '../../connectors/sink/settings.ts';
import type { SourceSettings } from '../../connectors/source/contract.ts';
import { SettledShapes, TableEvolves } from '../../connectors/source/evolution.ts';
import { runSource } from '../../connectors/source/pipeline.ts';
import type { SourceReport } from '../../connectors/source/report.ts';
import type { LookAtMirrors } from '../../connectors/source/table-watch.ts';
import { watchWal } from '../../connectors/source/wal-watch.ts';
import { Fault } from '../../runtime/fault.ts';
import { clientConfigOf, type DatabaseSettings } from '../../runtime/postgres.ts';
import { subjectOf, type TopicDefinition } from '../../topics/catalogue.ts';
import { createDeadLetterSender } from '../../topics/dead-letter.ts';
import { deletingRecords } from '../../topics/delete-records.ts';
import { createFollower } from '../../topics/follower.ts';
import { scanPartition } from '../../topics/partition-scan.ts';
import { openPublisher } from '../../topics/publisher.ts';
import { createSubscriber } from '../../topics/subscriber.ts';
import { catalogueOf, type Decoders, decodersOf, kafkaOf, registryOf, schemasOf } from '../connections.ts';
import { type GeneratedSchemas, mirrorsOf, noGenerated } from '../mirrors.ts';
import { readProgressOf } from '../progress.ts';
import type { Settings } from '../settings.ts';
import { LiveMirrors } from './live-mirrors.ts';
import type { Leg } from './side.ts';

/** What a source is to do. */
export interface PlannedSource {
  /** The schemas of its mirrored tables, after they have followed the tables' shapes where they can. */
  readonly generate: (registry: SchemaRegistry, settled: SettledShapes) => Promise<GeneratedSchemas>;
  readonly settingsOf: (generated: GeneratedSchemas) => SourceSettings;
  readonly lookingAt: (generated: GeneratedSchemas, settled: SettledShapes) => LookAtMirrors;
}

/** The source connector with real servers behind it. Every run looks its tables and the schemas' ids up anew. */
export function sourceLeg(
  settings: Settings,
  planned: PlannedSource,
  database: DatabaseSettings,
  report: SourceReport,
  log: Logger,
): Leg {
  const watched = planned.settingsOf(noGenerated);
  const watching = clientConfigOf(database, `concord ${watched.name} wal`);
  const settled = new SettledShapes();
  return {
    name: 'source',
    beside: (signal) => watchWal(watched, watching, report, log, signal),
    run: async (signal) => {
      for (;;) {
        try {
          return await runOnce(signal);
        } catch (error) {
          if (!(error instanceof TableEvolves) || signal.aborted) throw error;
          log.info({ table: error.table }, `${error.message} The source looks at it, and goes on where it was.`);
        }
      }
    },
  };

  async function runOnce(signal: AbortSignal): Promise<void> {
    const registry = registryOf(settings);
    try {
      const generated = await planned.generate(registry, settled);
      const source = planned.settingsOf(generated);
      const kafka = kafkaOf(settings, `${source.name}-source`, log);
      const { schemaOf, schemaIdOf } = await schemasOfSource(settings, source.name, registry, generated);
      const decoder = decodersOf(settings, registry).progress;
      await runSource(
        source,
        {
          database: clientConfigOf(database, `concord ${source.name} source`),
          openPublisher: () => openPublisher(kafka, { transactionalId: source.transactionalId }),
          readProgress: () => readProgressOf(source.name, kafka, decoder),
          readParked: (from, to, take) => scanPartition(kafka, source.parkedTopic ?? '', from, to, take),
          deleteRecords: deletingRecords(kafka),
          encodeProgress: (record) =>
            encodeEvent(schemaOf(source.progressTopic), schemaIdOf(source.progressTopic), record),
          schemaIdOf,
          schemaOf,
          settled,
          lookAtMirrors: planned.lookingAt(generated, settled),
          log,
          report,
        },
        signal,
      );
    } finally {
      registry.close();
    }
  }
}

/** The sink connector with real servers behind it. */
export function sinkLeg(
  settings: Settings,
  sink: SinkSettings,
  pool: pg.Pool,
  domainOf: (generated: GeneratedSchemas) => (lane: number) => LaneDomain,
  report: SinkReport,
  log: Logger,
): Leg {
  return {
    name: 'sink',
    run: async (signal) => {
      const registry = registryOf(settings);
      const kafka = kafkaOf(settings, `${sink.source}-sink`, log);
      const deadLetters = createDeadLetterSender(kafka, deadLetterTopicOf(settings));
      try {
        const isMirrored = sink.laneTopics.some((topic) =>
          mirrorsOf(settings).some((mirror) => mirror.topic === topic),
        );
        const mirrors = isMirrored ? new LiveMirrors(settings, registry, pool, log) : null;
        await mirrors?.open();
        const decoders = decodersOf(settings, registry, mirrors?.schemas ?? noGenerated, (fetch) =>
          mirrors === null ? fetch : mirrors.through(fetch),
        );
        await fetchRegistered(settings, sink, registry, decoders);
        await runSink(
          sink,
          {
            pool,
            openSubscriber: () =>
              createSubscriber(kafka, { groupId: `concord-${sink.source}-sink`, topics: sink.laneTopics }),
            openFollower: () => createFollower(kafka, [sink.progressTopic, ...sink.referenceTopics]),
            eventDecoder: decoders.event,
            progressDecoder: decoders.progress,
            createDomain: domainOf(mirrors?.schemas ?? noGenerated),
            sendDeadLetters: (letters) => deadLetters.send(letters),
            log,
            report,
          },
          signal,
        );
      } finally {
        await deadLetters.close();
        registry.close();
      }
    },
  };
}

/**
 * What is registered by now is fetched before anything is read: a topic may bring its first record while the registry is away.
 * The schemas of mirrored tables come with their records, because the store follows each of them.
 */
async function fetchRegistered(
  settings: Settings,
  { laneTopics, referenceTopics, progressTopic }: SinkSettings,
  registry: SchemaRegistry,
  { event, progress }: Decoders,
): Promise<void> {
  const mirrored = new Set(mirrorsOf(settings).map(({ topic }) => topic));
  const fetchOf = async (decoder: Decoders[keyof Decoders], topic: string): Promise<void> => {
    const versions = await registry.versions(subjectOf(topic));
    await decoder.prepare(versions.map(({ id }) => id));
  };
  const topics = [...laneTopics, ...referenceTopics].filter((topic) => !mirrored.has(topic));
  await Promise.all([fetchOf(progress, progressTopic), ...topics.map((topic) => fetchOf(event, topic))]);
}

/** What a sink reads of a source, from the catalogue. */
export function topicsOfSource(
  settings: Settings,
  source: string,
): Pick<
  SinkSettings,
  'source' | 'laneTopics' | 'receiptTopics' | 'identityItems' | 'referenceTopics' | 'progressTopic' | 'partitions'
> {
  const topics = catalogueOf(settings).filter((topic) => topic.source === source);
  const named = (role: string): string[] => topics.filter((topic) => topic.role === role).map((topic) => topic.name);
  return {
    source,
    laneTopics: named('lane'),
    receiptTopics: topics.filter((topic) => topic.schema === 'receipt').map((topic) => topic.name),
    identityItems: Object.fromEntries(
      topics
        .flatMap(({ name, schema }) =>
          typeof schema === 'string' ? [[name, identityItemOf(loadSchema(schema))] as const] : [],
        )
        .flatMap(([name, item]) => (item === null ? [] : [[name, item]])),
    ),
    referenceTopics: named('reference'),
    progressTopic: `${source}.progress`,
    partitions: settings.kafka.partitions,
  };
}

/** An MPAN core is the record's key of these, and one MPAN core has several. */
function identityItemOf(schema: RecordSchema): string | null {
  const items = ['appointment_id', 'rejection_id'];
  return items.find((item) => schema.fields.some(({ name }) => name === item)) ?? null;
}

/** Topic → schema and its id in the registry, for the topics of a source. Looked up anew at each call. */
export async function schemasOfSource(
  settings: Settings,
  source: string,
  registry: SchemaRegistry,
  generated: GeneratedSchemas,
): Promise<{ schemaOf: (topic: string) => RecordSchema; schemaIdOf: (topic: string) => number }> {
  const schemas = schemasOf(settings, generated);
  const schemaOf = (topic: string): RecordSchema => required(schemas, topic);
  const topics = catalogueOf(settings, generated).filter((topic) => topic.source === source && topic.schema !== null);
  const ids = await registeredIds(topics, registry, schemaOf);
  return { schemaOf, schemaIdOf: (topic) => required(ids, topic) };
}

async function registeredIds(
  topics: readonly TopicDefinition[],
  registry: SchemaRegistry,
  schemaOf: (topic: string) => RecordSchema,
): Promise<ReadonlyMap<string, number>> {
  const ids = await Promise.all(
    topics.map(async ({ name }) => {
      const subject = subjectOf(name);
      const id = await registry.idOf(subject, schemaOf(name));
      if (id === null) {
        throw new Fault(
          'misconfigured',
          'SCHEMA_NOT_REGISTERED',
          `The schema of ${name} is not registered under ${subject}. Run \`concord init\`, which registers it.`,
          { topic: name, subject },
        );
      }
      return [name, id] as const;
    }),
  );
  return new Map(ids);
}

function deadLetterTopicOf(settings: Settings): string {
  const topic = catalogueOf(settings).find((one) => one.role === 'dead-letter');
  if (topic === undefined) throw new Error('the catalogue has no dead letter topic');
  return topic.name;
}

function required<T>(map: ReadonlyMap<string, T>, topic: string): T {
  const found = map.get(topic);
  if (found === undefined) throw new Error(`the catalogue has no schema for ${topic}`);
  return found;
}
