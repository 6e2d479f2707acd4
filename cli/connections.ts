import type { Logger } from 'pino';
import { createDecoder, type Decoder, type FetchWriterSchema } from '../avro/codec.ts';
import type { DecodedEvent } from '../avro/envelope.ts';
import type { ProgressRecord } from '../avro/progress.ts';
import { openRegistry, type SchemaRegistry, writerSchemas } from '../avro/registry.ts';
import { recordSchemaOf, type RecordSchema } from '../avro/schemas.ts';
import { readTls } from '../runtime/postgres.ts';
import { catalogue, subjectOf, type TopicDefinition } from '../topics/catalogue.ts';
import { prepareKafka, type KafkaConnection, type KafkaSettings } from '../topics/connection.ts';
import { type GeneratedSchemas, mirrorsOf, noGenerated } from './mirrors.ts';
import type { Settings } from './settings.ts';

/** Settings as the connectors' own parts want them. Certificates are read here. */
export function kafkaOf(settings: Settings, role: string, log: Logger): KafkaConnection {
  const { brokers, clientId, tls, sasl } = settings.kafka;
  const kafka: KafkaSettings = {
    brokers,
    clientId: `${clientId}-${role}`,
    ...(tls === undefined ? {} : { tls: textTls(tls) }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  return prepareKafka(kafka, log);
}

function textTls(files: NonNullable<Settings['kafka']['tls']>): NonNullable<KafkaSettings['tls']> {
  const { ca, cert, key, servername } = readTls(files);
  return {
    verify: files.verify,
    ...(ca === undefined ? {} : { ca: ca.toString('utf8') }),
    ...(cert === undefined ? {} : { cert: cert.toString('utf8') }),
    ...(key === undefined ? {} : { key: key.toString('utf8') }),
    ...(servername === undefined ? {} : { servername }),
  };
}

export function registryOf(settings: Settings): SchemaRegistry {
  const { url, tls, basicAuth } = settings.registry;
  return openRegistry({
    url,
    ...(tls === undefined ? {} : { tls: readTls(tls) }),
    ...(basicAuth === undefined ? {} : { basicAuth }),
  });
}

/** Every topic of these settings. Without their generated schemas, mirrored tables have topics without one. */
export function catalogueOf(settings: Settings, generated: GeneratedSchemas = noGenerated): readonly TopicDefinition[] {
  return catalogue({
    registrationPrefix: settings.registration.name,
    meteringPrefix: settings.metering.name,
    partitions: settings.kafka.partitions,
    replicationFactor: settings.kafka.replicationFactor,
    mirrors: mirrorsOf(settings).map(({ schema, table, topic }) => ({
      name: topic,
      table: `${schema}.${table}`,
      schema: generated.get(topic) ?? null,
    })),
  });
}

/** Decodes events and progress records alike: what differs is what the caller makes of them. */
export interface Decoders {
  readonly event: Decoder<DecodedEvent>;
  readonly progress: Decoder<ProgressRecord>;
}

export function decodersOf(
  settings: Settings,
  registry: SchemaRegistry,
  generated: GeneratedSchemas = noGenerated,
  through: (fetch: FetchWriterSchema) => FetchWriterSchema = (fetch) => fetch,
): Decoders {
  const schemas = schemasOf(settings, generated);
  // An id that is not there is the record's fault only while the registry still has our subjects.
  const fetchSchema = writerSchemas(registry, [...schemas.keys()].map(subjectOf));
  return {
    // Schemas of mirrored tables may change, and come, later.
    event: createDecoder<DecodedEvent>((topic) => generated.get(topic) ?? schemas.get(topic), through(fetchSchema)),
    progress: createDecoder<ProgressRecord>((topic) => schemas.get(topic), fetchSchema),
  };
}

/** Topic → its schema, for the topics that have one. */
export function schemasOf(
  settings: Settings,
  generated: GeneratedSchemas = noGenerated,
): ReadonlyMap<string, RecordSchema> {
  return new Map(
    catalogueOf(settings, generated).flatMap(({ name, schema }) =>
      schema === null ? [] : [[name, recordSchemaOf(schema)] as const],
    ),
  );
}
