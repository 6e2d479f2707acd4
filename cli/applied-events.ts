import type { DecodedEvent } from '../avro/envelope.ts';
import type { AppliedEvent, WantedEvent } from '../reconcile/applied-events.ts';
import { nowMs } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { type TopicDefinition, topicsOf } from '../topics/catalogue.ts';
import { partitionOf } from '../topics/partitioner.ts';
import { type Goal, lookUpRecords, type LookedUp } from '../topics/record-lookup.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from './connections.ts';
import { readEvent } from './receipts/read-event.ts';
import type { Settings } from './settings.ts';

/** Reads the events that versions of the store say they came from, by their positions. */
export async function readAppliedEvents(
  settings: Settings,
  wanted: readonly WantedEvent[],
): Promise<readonly AppliedEvent[]> {
  if (wanted.length === 0) return [];
  const topics = new Map(
    topicsOf(catalogueOf(settings), settings.registration.name, 'lane').map((topic) => [topic.name, topic]),
  );
  const kafka = kafkaOf(settings, 'reconcile', createLog('reconcile', 'error'));
  const registry = registryOf(settings);
  try {
    const { event: decoder } = decodersOf(settings, registry);
    const goals = wanted.map(({ topics: names, laneKey: key, position }) =>
      names.flatMap((topic): readonly Goal[] => {
        const { partitions } = topics.get(topic) ?? {};
        return partitions === undefined
          ? []
          : [{ topic, partition: partitionOf(Buffer.from(key), partitions), position, key }];
      }),
    );
    const found = await lookUpRecords(
      kafka,
      goals.flat(),
      async (topic, record) => (await readEvent(decoder, topic, record))?.source ?? null,
    );
    const answers: AppliedEvent[] = [];
    let next = 0;
    for (const [at, one] of wanted.entries()) {
      const places = goals[at] ?? [];
      let answer: AppliedEvent = { kind: isPerhapsCompacted(one, topics) ? 'gone' : 'none' };
      for (const { topic, partition } of places) {
        const { matches, beginsLater }: LookedUp = found[next] ?? { matches: [], beginsLater: true };
        next += 1;
        if (beginsLater && answer.kind === 'none') answer = { kind: 'gone' };
        for (const record of matches) {
          const event = await readEvent(decoder, topic, record);
          if (event !== null && isOf(one, event))
            answer = { kind: 'found', event, place: { topic, partition, offset: record.offset } };
        }
      }
      answers.push(answer);
    }
    return answers;
  } finally {
    registry.close();
  }
}

/** The halves of a move share a position: a delete has left no version. */
function isOf({ key }: WantedEvent, event: DecodedEvent): boolean {
  const id = event['appointment_id'];
  return event.recordType !== 'delete' && (typeof id !== 'number' || String(id) === key);
}

/** A compacted topic keeps of what is older than this only the newest event of a key. */
function isPerhapsCompacted(
  { topics: names, committedAt }: WantedEvent,
  topics: ReadonlyMap<string, TopicDefinition>,
): boolean {
  const ages = names.map((name) => Number(topics.get(name)?.config['min.compaction.lag.ms'] ?? Number.NaN));
  return ages.some((ageMs) => committedAt !== null && committedAt.getTime() < nowMs() - ageMs);
}
