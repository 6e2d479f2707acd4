import type { KafkaConnection } from '../../topics/connection.ts';
import { offsetsAt, readOffsets } from '../../topics/offsets.ts';
import type { PartitionRange } from '../../topics/range-reader.ts';
import { UsageError } from '../output.ts';
import { mirrorsOf } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { topicsOfSource } from '../sides/legs.ts';
import type { Selection } from './selection.ts';

/** Topics of which events can be selected: no rule judges reference data, receipts and mirrored tables. */
export function judgedTopics(settings: Settings): readonly string[] {
  const { laneTopics, receiptTopics } = topicsOfSource(settings, settings.registration.name);
  const others = new Set([...receiptTopics, ...mirroredTopics(settings)]);
  return laneTopics.filter((topic) => !others.has(topic));
}

export function mirroredTopics(settings: Settings): readonly string[] {
  return mirrorsOf(settings).map(({ topic }) => topic);
}

/** Everything that is there now. */
export async function wholeTopics(
  kafka: KafkaConnection,
  topics: readonly string[],
): Promise<readonly PartitionRange[]> {
  return [...(await readOffsets(kafka, topics))].map(([name, { earliest, latest }]) => ({
    ...partitionOfName(name),
    from: earliest,
    to: latest,
  }));
}

/** What the selection says of offsets, partitions and times, as far as it is there. */
export async function rangesOf(
  settings: Settings,
  selection: Selection,
  kafka: KafkaConnection,
): Promise<readonly PartitionRange[]> {
  const topics = selection.topics ?? judgedTopics(settings);
  const all = await readOffsets(kafka, topics);
  const { times, offsets, partition: wanted } = selection;
  if (wanted !== null && wanted >= settings.kafka.partitions) {
    throw new UsageError(`There is no partition ${wanted}: there are ${settings.kafka.partitions}, from 0.`);
  }
  const begins = times === null || times.from === null ? null : await offsetsAt(kafka, topics, times.from);
  const stops = times === null || times.to === null ? null : await offsetsAt(kafka, topics, times.to + 1);
  return [...all].flatMap(([name, { earliest, latest }]) => {
    const { topic, partition } = partitionOfName(name);
    if (wanted !== null && partition !== wanted) return [];
    const from = Math.max(earliest, offsets?.from ?? 0, begins?.get(name) ?? 0);
    const end = offsets === null || offsets.to === null ? latest : offsets.to + 1;
    const to = Math.min(latest, end, stops?.get(name) ?? latest);
    return [{ topic, partition, from, to }];
  });
}

function partitionOfName(name: string): { readonly topic: string; readonly partition: number } {
  const at = name.lastIndexOf('/');
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}
