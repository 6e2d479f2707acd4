import type { KafkaConnection } from './connection.ts';
import type { FetchedRecord } from './contract.ts';
import { PartitionSearch, type Standing } from './partition-search.ts';
import { TopicReader } from './topic-reader.ts';
import { partitionName } from '../avro/progress.ts';

export interface SearchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Records at what is looked for, at most `max`. */
  readonly matches: readonly FetchedRecord[];
  /** Those of which it can not be said, where it would be. */
  readonly unclear: readonly FetchedRecord[];
  /** The first offset at which nothing before what is looked for can lie any more. */
  readonly from: number;
  /** The end of the partition when it was looked at. */
  readonly end: number;
}

/**
 * Looks for records in topics whose partitions are in the order in which `standing` puts them, by halving: a few fetches
 * however long a topic is. Every partition is looked at, or only the one with the number.
 */
export async function searchRecords(
  connection: KafkaConnection,
  topics: readonly string[],
  standing: Standing,
  max: number,
  onlyPartition: number | null = null,
): Promise<readonly SearchedPartition[]> {
  const reader = await TopicReader.open(connection, topics);
  try {
    const [earliest, latest] = await Promise.all([reader.listOffsets('earliest'), reader.listOffsets('latest')]);
    const places = topics.flatMap((topic) =>
      Array.from({ length: reader.partitionCount(topic) }, (_, partition) => ({ topic, partition })).filter(
        ({ partition }) => onlyPartition === null || partition === onlyPartition,
      ),
    );
    const found: SearchedPartition[] = [];
    for (const place of places) {
      const name = partitionName(place.topic, place.partition);
      const search = new PartitionSearch(reader, place, standing);
      const end = latest.get(name) ?? 0;
      const from = await search.halve(earliest.get(name) ?? 0, end);
      found.push({ ...place, ...(await search.collect(from, end, max)), from, end });
    }
    return found;
  } finally {
    await reader.close();
  }
}
