import type { Logger } from 'pino';
import { schemaIdOf, type Decoder } from '../avro/codec.ts';
import type { ProgressRecord } from '../avro/progress.ts';
import type { KafkaConnection } from '../topics/connection.ts';
import { readLastRecords } from '../topics/last-record.ts';
import { decodersOf, kafkaOf, registryOf } from './connections.ts';
import type { Settings } from './settings.ts';

/** The newest progress record of both sources; null where a source has never written one. */
export interface BothProgress {
  readonly registration: ProgressRecord | null;
  readonly metering: ProgressRecord | null;
}

export async function readProgress(settings: Settings, log: Logger): Promise<BothProgress> {
  const kafka = kafkaOf(settings, 'progress', log);
  const registry = registryOf(settings);
  try {
    const decoder = decodersOf(settings, registry).progress;
    const [registration, metering] = await Promise.all([
      readProgressOf(settings.registration.name, kafka, decoder),
      readProgressOf(settings.metering.name, kafka, decoder),
    ]);
    return { registration, metering };
  } finally {
    registry.close();
  }
}

/** The newest progress record of one source, read to the real end of its topic (P6). */
export async function readProgressOf(
  source: string,
  kafka: KafkaConnection,
  decoder: Decoder<ProgressRecord>,
): Promise<ProgressRecord | null> {
  const topic = progressTopicOf(source);
  const value = (await readLastRecords(kafka, topic, { keys: [source] })).get(source)?.value ?? null;
  if (value === null) return null;
  await decoder.prepare([schemaIdOf(value)]);
  return decoder.decode(topic, value);
}

export function progressTopicOf(source: string): string {
  return `${source}.progress`;
}
