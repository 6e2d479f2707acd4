import pg from 'pg';
import { typeOf } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import { loadSchema } from '../../avro/schemas.ts';
import { readLastRecords } from '../../topics/last-record.ts';
import { readWholeTopics } from '../../topics/whole-topics.ts';
import type { Healing, HealParts } from './heal.ts';
import { newSourceReport } from './report.ts';
import { dependenciesOf, type SourceStage } from './source.fixture.ts';

/** What healing needs, on the real servers. */
export function healPartsOf(stage: SourceStage, database: string = stage.database.url): HealParts {
  const dependencies = dependenciesOf(stage.addresses, stage.topics.connection, newSourceReport());
  const { schemaOf } = dependencies;
  return {
    ...dependencies,
    database: { connectionString: database },
    readTopics: (places) =>
      readWholeTopics(stage.topics.connection, places.topics, ({ topic, partition, records }) => {
        for (const { key, value } of records) {
          if (value === null) continue;
          const event = typeOf(schemaOf(topic)).fromBuffer(value.subarray(5)) as DecodedEvent;
          places.take(topic, partition, key?.toString('utf8') ?? '', event);
        }
      }),
  };
}

/** What was skipped, as receivers find it on the progress topic; null if nothing says so. */
export async function gapRecordOf(stage: SourceStage, generation: number): Promise<Healing | null> {
  const key = `${stage.settings.name}|gap|${generation}`;
  const last = await readLastRecords(stage.topics.connection, stage.settings.progressTopic, { keys: [key] });
  const value = last.get(key)?.value ?? null;
  if (value === null) return null;
  const record = typeOf(loadSchema('progress')).fromBuffer(value.subarray(5)) as ProgressRecord;
  return (JSON.parse(record.jobs) as { gap: Healing }).gap;
}

/**
 * The oracle: metering points, replayed from the topic into a map, against the table. Lists what differs, and events
 * that are there twice.
 */
export async function differencesOf(stage: SourceStage, database: string = stage.database.url): Promise<string[]> {
  const replayed = new Map<string, unknown>();
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const event of await stage.events('metering-point')) {
    const { key, source, recordType, partition } = event;
    const identity = [partition, source.generation, source.lsn, source.ordinal, key, recordType].join('|');
    if (seen.has(identity)) wrong.push(`twice: ${identity}`);
    seen.add(identity);
    if (recordType === 'truncate') for (const one of replayed.keys()) replayed.delete(one);
    else if (recordType === 'delete') replayed.delete(key);
    else replayed.set(key, event['gsp_group']);
  }
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ key: string; value: string | null }>(
    'SELECT mpan_core AS key, gsp_group AS value FROM registration.metering_point',
  );
  await client.end();
  for (const { key, value } of rows) {
    if (!replayed.has(key)) wrong.push(`missing: ${key}`);
    else if (replayed.get(key) !== value) wrong.push(`${key}: ${String(replayed.get(key))} for ${String(value)}`);
    replayed.delete(key);
  }
  return [...wrong, ...[...replayed.keys()].map((key) => `extra: ${key}`)];
}
