import type { Decoder } from '../../avro/codec.ts';
import { type DecodedEvent, truncateKey } from '../../avro/envelope.ts';
import { partitionName } from '../../avro/progress.ts';
import { recordSchemaOf } from '../../avro/schemas.ts';
import type { TopicDefinition } from '../../topics/catalogue.ts';
import type { KafkaConnection } from '../../topics/connection.ts';
import { offsetsAt, readOffsets } from '../../topics/offsets.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import { type PartitionRange, readRanges } from '../../topics/range-reader.ts';
import { decodeRecord, type ShownRecord } from '../decoded-record.ts';

/** Which records are looked for: those of a topic with one of these keys. */
export interface Wanted {
  readonly topic: TopicDefinition;
  readonly keys: readonly string[];
}

/**
 * Reads the records with the wanted keys, and truncates. The partition of a key follows from the key, so that one partition
 * of each topic is read, and no other. `tell` hears how many records were looked at, of how many.
 */
export async function readEventsOf(
  kafka: KafkaConnection,
  decoder: Decoder<DecodedEvent>,
  wanted: readonly Wanted[],
  sinceMs: number | null,
  tell: (read: number, of: number) => void,
  signal: AbortSignal,
): Promise<readonly ShownRecord[]> {
  const topics = wanted.map(({ topic }) => topic.name);
  const ends = await readOffsets(kafka, topics);
  const begins = sinceMs === null ? null : await offsetsAt(kafka, topics, sinceMs);
  const keysOf = new Map<string, { topic: TopicDefinition; keys: Buffer[] }>();
  for (const { topic, keys } of wanted) {
    for (const key of keys.map((text) => Buffer.from(text))) {
      const name = partitionName(topic.name, partitionOf(key, topic.partitions));
      const found = keysOf.get(name) ?? { topic, keys: [Buffer.from(truncateKey)] };
      found.keys.push(key);
      keysOf.set(name, found);
    }
  }
  const ranges: PartitionRange[] = [...keysOf].map(([name, { topic }]) => ({
    topic: topic.name,
    partition: Number(name.slice(name.lastIndexOf('/') + 1)),
    from: begins?.get(name) ?? ends.get(name)?.earliest ?? 0,
    to: ends.get(name)?.latest ?? 0,
  }));
  const of = ranges.reduce((sum, { from, to }) => sum + (to ?? 0) - from, 0);
  let read = 0;
  const found: ShownRecord[] = [];
  await readRanges(
    kafka,
    ranges,
    async ({ topic, partition, records, fetchedOffset, nextOffset }) => {
      const own = keysOf.get(partitionName(topic, partition));
      for (const record of records) {
        const { key, value } = record;
        if (value === null || key === null || own?.keys.some((one) => one.equals(key)) !== true) continue;
        const schema = own.topic.schema === null ? null : recordSchemaOf(own.topic.schema);
        found.push(await decodeRecord(decoder, schema, topic, partition, record, true));
      }
      read += nextOffset - fetchedOffset;
      tell(read, of);
    },
    signal,
  );
  return found;
}
