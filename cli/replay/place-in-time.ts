import { comparePositions, type Position } from '../../avro/position.ts';
import { schemaIdOf } from '../../avro/codec.ts';
import { partitionName } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import { createLog } from '../../runtime/log.ts';
import type { KafkaConnection } from '../../topics/connection.ts';
import { offsetsAt, readOffsets } from '../../topics/offsets.ts';
import { readRanges } from '../../topics/range-reader.ts';
import { type Decoders, decodersOf, kafkaOf, registryOf } from '../connections.ts';
import { knownSchemas, mirrorsOf } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { topicsOfSource } from '../sides/legs.ts';

/** So many records of a partition are looked at for one that is an event: tombstones and dead letters are none. */
const recordsLookedAtMax = 500;

/**
 * The smallest position of an event that was published at the time or later; null when there is none. Every event before it was
 * published before: within a partition positions never go back.
 */
export async function positionAt(settings: Settings, timeMs: number): Promise<Position | null> {
  return withKafka(settings, async (kafka, decoders, topics) => {
    const firsts = await firstPositions(kafka, decoders, topics, await offsetsAt(kafka, topics, timeMs));
    return [...firsts.values()].toSorted(comparePositions)[0] ?? null;
  });
}

export interface LogStarts {
  readonly offsets: ReadonlyMap<string, number>;
  /** What is built from the topics is complete from there on; null when nothing has expired. */
  readonly completeFrom: Position | null;
  /** Lane → the first event that is still there of it, where something before it has expired. Mirrored tables are not of them. */
  readonly firstOfLane: ReadonlyMap<number, Position>;
}

/** Where the topics begin, and what is behind that for those that begin behind their first record. */
export async function logStarts(settings: Settings): Promise<LogStarts> {
  return withKafka(settings, async (kafka, decoders, topics) => {
    const all = await readOffsets(kafka, topics);
    const offsets = new Map([...all].map(([name, { earliest }]) => [name, earliest]));
    const late = new Map([...offsets].filter(([, earliest]) => earliest > 0));
    const firsts = late.size === 0 ? new Map<string, Position>() : await firstPositions(kafka, decoders, topics, late);
    const firstOfLane = new Map<number, Position>();
    const mirrored = new Set(mirrorsOf(settings).map(({ topic }) => topic));
    for (const [name, first] of firsts) {
      if (mirrored.has(name.slice(0, name.lastIndexOf('/')))) continue;
      const lane = Number(name.slice(name.lastIndexOf('/') + 1));
      const known = firstOfLane.get(lane);
      if (known === undefined || comparePositions(known, first) < 0) firstOfLane.set(lane, first);
    }
    return { offsets, completeFrom: [...firsts.values()].toSorted(comparePositions).at(-1) ?? null, firstOfLane };
  });
}

/** `topic/partition` → the position of the first event from an offset on. */
async function firstPositions(
  kafka: KafkaConnection,
  { event: decoder }: Decoders,
  topics: readonly string[],
  from: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, Position>> {
  const ends = await readOffsets(kafka, topics);
  const found = new Map<string, Position>();
  const ranges = [...from].map(([name, offset]) => {
    const at = name.lastIndexOf('/');
    const to = Math.min(ends.get(name)?.latest ?? 0, offset + recordsLookedAtMax);
    return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)), from: offset, to };
  });
  await readRanges(
    kafka,
    ranges,
    async ({ topic, partition, records }) => {
      for (const { value } of records) {
        if (value === null || found.has(partitionName(topic, partition))) continue;
        try {
          await decoder.prepare([schemaIdOf(value)]);
          found.set(partitionName(topic, partition), decoder.decode(topic, value).source);
        } catch (error) {
          if (error instanceof Fault) throw error;
        }
      }
    },
    new AbortController().signal,
  );
  return found;
}

async function withKafka<T>(
  settings: Settings,
  act: (kafka: KafkaConnection, decoders: Decoders, topics: readonly string[]) => Promise<T>,
): Promise<T> {
  const kafka = kafkaOf(settings, 'replay', createLog('replay', 'fatal'));
  const registry = registryOf(settings);
  const { laneTopics, receiptTopics, referenceTopics } = topicsOfSource(settings, settings.registration.name);
  const topics = [...laneTopics.filter((topic) => !receiptTopics.includes(topic)), ...referenceTopics];
  try {
    return await act(kafka, decodersOf(settings, registry, await knownSchemas(settings, registry)), topics);
  } finally {
    registry.close();
  }
}
