import type { Logger } from 'pino';
import type { ProgressRecord } from '../avro/progress.ts';
import { readLastRecords } from '../topics/last-record.ts';
import { createProgressDecoder } from './decoding.ts';
import { kafkaOf } from './connections.ts';
import type { Settings } from './settings.ts';

/** The newest progress record of both sources; null where a source has never written one. */
export interface BothProgress {
  readonly registration: ProgressRecord | null;
  readonly metering: ProgressRecord | null;
}

export async function readProgress(settings: Settings, log: Logger): Promise<BothProgress> {
  const kafka = kafkaOf(settings, 'progress', log);
  const decode = createProgressDecoder(settings, log);
  const read = async (source: string): Promise<ProgressRecord | null> => {
    const records = await readLastRecords(kafka, `${source}.progress`);
    const record = records.get(source);
    return record === undefined ? null : decode(`${source}.progress`, record.value);
  };
  const [registration, metering] = await Promise.all([read(settings.registration.name), read(settings.metering.name)]);
  return { registration, metering };
}
