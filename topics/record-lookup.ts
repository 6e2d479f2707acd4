import { partitionName } from '../avro/progress.ts';
import { comparePositions, type Position } from '../avro/position.ts';
import type { KafkaConnection } from './connection.ts';
import type { FetchedRecord } from './contract.ts';
import { PartitionSearch } from './partition-search.ts';
import { TopicReader } from './topic-reader.ts';

/** Records of a key at a position, which may have several: the halves of a move, the same key of several entities. */
export interface Goal {
  readonly topic: string;
  readonly partition: number;
  readonly position: Position;
  readonly key: string;
}

export interface LookedUp {
  readonly matches: readonly FetchedRecord[];
  /** Nothing before the position is in the partition any more, and something was: the record may have been deleted. */
  readonly beginsLater: boolean;
}

/**
 * Looks up many records by their positions, in topics whose partitions are in that order. Each partition is gone through
 * once from its beginning, over what is between by strides: so it costs some fetches for each place that is looked at, and
 * never more than a few passes over the topic. One answer for each goal.
 */
export async function lookUpRecords(
  connection: KafkaConnection,
  goals: readonly Goal[],
  positionOf: (topic: string, record: FetchedRecord) => Promise<Position | null>,
): Promise<readonly LookedUp[]> {
  if (goals.length === 0) return [];
  const reader = await TopicReader.open(connection, [...new Set(goals.map(({ topic }) => topic))]);
  try {
    const [earliest, latest] = await Promise.all([reader.listOffsets('earliest'), reader.listOffsets('latest')]);
    const answers = new Map<Goal, LookedUp>();
    const byPartition = grouped(goals, ({ topic, partition }) => partitionName(topic, partition));
    for (const [name, ofPartition] of byPartition) {
      const [place] = ofPartition;
      if (place === undefined) continue;
      const begin = earliest.get(name) ?? 0;
      const end = latest.get(name) ?? 0;
      let goal = place.position;
      const search = new PartitionSearch(reader, place, async (topic, record) => {
        const position = await positionOf(topic, record);
        return position === null ? null : comparePositions(position, goal);
      });
      let low = begin;
      for (const ofPosition of samePositions(ofPartition)) {
        goal = ofPosition[0]?.position ?? goal;
        low = low === begin ? await search.halve(low, end) : await search.stride(low, end);
        const keys = new Set(ofPosition.map(({ key }) => key));
        const isWanted = ({ key }: FetchedRecord): boolean => keys.has(key?.toString('utf8') ?? '');
        const { matches } = await search.collect(low, end, Number.POSITIVE_INFINITY, isWanted);
        const byKey = grouped(matches, ({ key }) => key?.toString('utf8') ?? '');
        for (const one of ofPosition)
          answers.set(one, { matches: byKey.get(one.key) ?? [], beginsLater: low === begin && begin > 0 });
      }
    }
    return goals.map((goal) => answers.get(goal) ?? { matches: [], beginsLater: false });
  } finally {
    await reader.close();
  }
}

/** The goals by their positions, in order. */
function samePositions(goals: readonly Goal[]): readonly (readonly Goal[])[] {
  const groups: Goal[][] = [];
  for (const goal of goals.toSorted((a, b) => comparePositions(a.position, b.position))) {
    const [open] = groups.at(-1) ?? [];
    if (open !== undefined && comparePositions(open.position, goal.position) === 0) groups.at(-1)?.push(goal);
    else groups.push([goal]);
  }
  return groups;
}

function grouped<T>(all: readonly T[], nameOf: (one: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const name = nameOf(one);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return groups;
}
