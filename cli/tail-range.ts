import { partitionName } from '../avro/progress.ts';
import type { KafkaConnection } from '../topics/connection.ts';
import { offsetsAt, type PartitionOffsets, readOffsets } from '../topics/offsets.ts';
import type { PartitionRange } from '../topics/range-reader.ts';
import { UsageError } from './output.ts';

/** Where reading begins, as people of other Kafka tools say it. */
export type From =
  | { readonly kind: 'beginning' | 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  /** So many before the end. */
  | { readonly kind: 'last'; readonly records: number }
  | { readonly kind: 'time'; readonly ms: number };

/** `beginning`, `end`, an offset, a negative number of records before the end, a time, or how long ago. */
export function parseFrom(text: string, nowMs: number): From {
  if (text === 'beginning' || text === 'end') return { kind: text };
  if (/^\d+$/.test(text)) return { kind: 'offset', offset: Number(text) };
  if (/^-\d+$/.test(text)) return { kind: 'last', records: -Number(text) };
  try {
    return { kind: 'time', ms: parseTime(text, nowMs) };
  } catch {
    throw new UsageError(
      `${text} is no place in a topic. Say beginning, end, an offset (120), the last so many (-20), a time (2026-03-01T06:00Z) or how long ago (15m, 2h, 30d).`,
    );
  }
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An ISO time (UTC where it says nothing else) or how long ago: `15m`, `2h`, `30d`. Epoch milliseconds. */
export function parseTime(text: string, nowMs: number): number {
  const ago = /^(\d+)([smhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? 0);
  const isZoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text);
  const ms = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$/.test(text)
    ? Date.parse(text.length > 10 && !isZoned ? `${text.replace(' ', 'T')}Z` : text.replace(' ', 'T'))
    : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new UsageError(`${text} is no time. Say one (2026-03-01T06:00Z) or how long ago (15m, 2h, 30d).`);
  }
  return ms;
}

/** The ranges to be read of one topic. `follow`: without an end. */
export async function rangesFrom(
  kafka: KafkaConnection,
  topic: string,
  partitions: ReadonlySet<number> | null,
  from: From,
  follow: boolean,
): Promise<readonly PartitionRange[]> {
  const ends = await readOffsets(kafka, [topic]);
  const at = from.kind === 'time' ? await offsetsAt(kafka, [topic], from.ms) : null;
  const names = new Map([...ends.keys()].map((name) => [Number(name.slice(name.lastIndexOf('/') + 1)), name]));
  for (const partition of partitions ?? []) {
    if (!names.has(partition))
      throw new UsageError(`${topic} has no partition ${partition}: it has ${names.size}, from 0.`);
  }
  return [...names].flatMap(([partition, name]) => {
    const offsets = ends.get(name);
    if (offsets === undefined || (partitions !== null && !partitions.has(partition))) return [];
    const first = at?.get(partitionName(topic, partition)) ?? beginOf(from, offsets);
    // What is no longer there is not there for anybody: reading begins at the first record that is.
    return [{ topic, partition, from: Math.max(first, offsets.earliest), to: follow ? null : offsets.latest }];
  });
}

function beginOf(from: From, { earliest, latest }: PartitionOffsets): number {
  switch (from.kind) {
    case 'beginning':
      return earliest;
    case 'offset':
      return Math.min(from.offset, latest);
    case 'last':
      return latest - from.records;
    case 'end':
    case 'time':
      return latest;
  }
}
