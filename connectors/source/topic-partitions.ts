import { partitionName } from '../../avro/progress.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import type { SourceSettings, TableRoute } from './contract.ts';

/** One partition of one of the source's topics; `slot` numbers them all. */
export interface Partition {
  readonly topic: string;
  readonly partition: number;
  readonly slot: number;
  readonly name: string;
}

/** The partitions of one topic. */
export class TopicPartitions {
  readonly topic: string;
  readonly all: readonly Partition[];

  constructor(topic: string, partitions: number, firstSlot: number) {
    this.topic = topic;
    this.all = Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      slot: firstSlot + partition,
      name: partitionName(topic, partition),
    }));
  }

  of(key: Buffer): Partition {
    const partition = this.all[this.all.length === 1 ? 0 : partitionOf(key, this.all.length)];
    if (partition === undefined) throw new RangeError(`no such partition of ${this.topic}`);
    return partition;
  }
}

/** Every topic that a route may choose. */
export function topicsOf(route: TableRoute): readonly string[] {
  const { topic } = route;
  if (topic.kind === 'one') return [topic.topic];
  return [...new Set([...Object.values(topic.topics), topic.otherwise])];
}

/** Reference topics and the parked topic have one partition, all others as many as there are lanes. */
export function partitionsOf(
  settings: Pick<SourceSettings, 'routes' | 'partitions' | 'parkedTopic'>,
): ReadonlyMap<string, TopicPartitions> {
  const found = new Map<string, TopicPartitions>();
  let slot = 0;
  for (const route of settings.routes) {
    for (const topic of topicsOf(route)) {
      if (found.has(topic)) continue;
      const partitions = new TopicPartitions(topic, route.reference ? 1 : settings.partitions, slot);
      found.set(topic, partitions);
      slot += partitions.all.length;
    }
  }
  const { parkedTopic } = settings;
  if (parkedTopic !== null) found.set(parkedTopic, new TopicPartitions(parkedTopic, 1, slot));
  return found;
}
