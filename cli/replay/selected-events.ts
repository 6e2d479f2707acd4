import { schemaIdOf } from '../../avro/codec.ts';
import { comparePositions } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import type { LaneEvent } from '../../connectors/sink/contract.ts';
import { Fault } from '../../runtime/fault.ts';
import { createLog } from '../../runtime/log.ts';
import { offsetsAt, readOffsets } from '../../topics/offsets.ts';
import { type PartitionRange, readRanges } from '../../topics/range-reader.ts';
import { decodersOf, kafkaOf, registryOf } from '../connections.ts';
import type { Settings } from '../settings.ts';
import { topicsOfSource } from '../sides/legs.ts';
import { isSelected, type Selection } from './selection.ts';

export interface SelectedEvents {
  /** By lane, in the order of the source's commits. */
  readonly lanes: ReadonlyMap<number, readonly LaneEvent[]>;
  /** All reference data, in the same order. */
  readonly references: readonly LaneEvent[];
  readonly unreadable: number;
  /** More were selected than are taken at once. */
  readonly cut: boolean;
}

/** Topics of which events can be selected: reference data is judged by no rule, receipts by none either. */
export function judgedTopics(settings: Settings): readonly string[] {
  const { laneTopics, receiptTopics } = topicsOfSource(settings, settings.registration.name);
  return laneTopics.filter((topic) => !receiptTopics.includes(topic));
}

/** Reads what is selected, at most `max` events. */
export async function readSelected(
  settings: Settings,
  selection: Selection,
  max: number,
  signal: AbortSignal,
): Promise<SelectedEvents> {
  const kafka = kafkaOf(settings, 'replay', createLog('replay', 'fatal'));
  const registry = registryOf(settings);
  const { event: decoder } = decodersOf(settings, registry);
  const { referenceTopics } = topicsOfSource(settings, settings.registration.name);
  const enough = new AbortController();
  let unreadable = 0;
  let taken = 0;
  const read = async (ranges: readonly PartitionRange[], take: (event: LaneEvent) => boolean): Promise<void> => {
    await readRanges(
      kafka,
      ranges,
      async ({ topic, partition, records }) => {
        for (const { offset, key, value } of records) {
          if (value === null || enough.signal.aborted) continue;
          try {
            await decoder.prepare([schemaIdOf(value)]);
            const event = decoder.decode(topic, value);
            if (!take({ topic, partition, offset, key: key?.toString('utf8') ?? '', event })) enough.abort();
          } catch (error) {
            if (error instanceof Fault) throw error;
            unreadable += 1;
          }
        }
      },
      AbortSignal.any([signal, enough.signal]),
    );
  };
  try {
    const references: LaneEvent[] = [];
    const ends = await readOffsets(kafka, referenceTopics);
    await read(
      referenceTopics.map((topic) => ({
        topic,
        partition: 0,
        from: 0,
        to: ends.get(partitionName(topic, 0))?.latest ?? 0,
      })),
      (event) => references.push(event) > 0,
    );
    const lanes = new Map<number, LaneEvent[]>();
    await read(await rangesOf(settings, selection, kafka), (event) => {
      if (event.event.recordType === 'truncate' || !isSelected(selection, event.key, event.event)) return true;
      if (taken >= max) return false;
      taken += 1;
      const lane = lanes.get(event.partition) ?? [];
      lanes.set(event.partition, lane);
      lane.push(event);
      return true;
    });
    for (const lane of lanes.values()) lane.sort(inOrder);
    return { lanes, references: references.sort(inOrder), unreadable, cut: enough.signal.aborted };
  } finally {
    registry.close();
  }
}

/** As a lane merges its topics: of a linked delete and create the delete comes first. */
function inOrder(a: LaneEvent, b: LaneEvent): number {
  const deletesFirst = Number(b.event.recordType === 'delete') - Number(a.event.recordType === 'delete');
  return comparePositions(a.event.source, b.event.source) || deletesFirst || a.offset - b.offset;
}

async function rangesOf(
  settings: Settings,
  selection: Selection,
  kafka: Parameters<typeof readOffsets>[0],
): Promise<readonly PartitionRange[]> {
  const topics = selection.topics ?? judgedTopics(settings);
  const all = await readOffsets(kafka, topics);
  const { times, offsets } = selection;
  const begins = times === null || times.from === null ? null : await offsetsAt(kafka, topics, times.from);
  const stops = times === null || times.to === null ? null : await offsetsAt(kafka, topics, times.to + 1);
  return [...all].flatMap(([name, { earliest, latest }]) => {
    const at = name.lastIndexOf('/');
    const partition = Number(name.slice(at + 1));
    if (selection.partition !== null && partition !== selection.partition) return [];
    const from = Math.max(earliest, offsets?.from ?? 0, begins?.get(name) ?? 0);
    const to = Math.min(
      latest,
      offsets === null || offsets.to === null ? latest : offsets.to + 1,
      stops?.get(name) ?? latest,
    );
    return [{ topic: name.slice(0, at), partition, from, to }];
  });
}
