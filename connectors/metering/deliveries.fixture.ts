import type { ProgressRecord } from '../../avro/progress.ts';
import { partitionName } from '../../avro/progress.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import type { FetchedRecord, LaneListener, LaneSubscriber, TopicFollower } from '../../topics/contract.ts';
import type { Unit } from '../sink/contract.ts';
import { batchOf, progressOf } from '../sink/lane-merge.fixture.ts';

export const source = 'registration';
export const lanes = 3;
export const laneTopics = ['metering-point', 'appointment.mss', 'meter-asset'].map((name) => `${source}.${name}`);
export const referenceTopics = ['participant', 'distributor'].map((name) => `${source}.${name}`);
export const progressTopic = `${source}.progress`;

/** What the source has written: by partition its records, whose offsets have gaps where a transaction was committed. */
export interface Log {
  readonly records: ReadonlyMap<string, readonly FetchedRecord[]>;
  readonly ends: ReadonlyMap<string, number>;
  readonly lastLsn: number;
}

/**
 * Writes units as the source does: small transactions together in one Kafka transaction, a large one over several, each
 * with a progress record. `gathered`: so many changes, at the least, are in a Kafka transaction.
 */
export function written(units: readonly Unit[], gathered: number, loadedLsn: number): Log {
  const records = new Map<string, FetchedRecord[]>();
  const ends = new Map<string, number>();
  const nextOffsets: Record<string, number> = {};
  let touched = new Set<string>();
  let size = 0;
  const append = (name: string, key: string, value: unknown): void => {
    const offset = ends.get(name) ?? 0;
    const ofName = records.get(name) ?? [];
    ofName.push({ offset, key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)), headers: {} });
    records.set(name, ofName);
    ends.set(name, offset + 1);
    touched.add(name);
  };
  const commit = (lsn: number, ordinal: number, sourceTime: number, complete: boolean): void => {
    for (const name of touched) nextOffsets[name] = ends.get(name) ?? 0;
    const record: ProgressRecord = {
      ...progressOf({ lsn, ordinal }, { ...nextOffsets }, complete),
      source,
      sourceTime,
      loadCompleteAt: lsn >= loadedLsn ? { generation: 1, lsn: loadedLsn, ordinal: 1_000_000 } : null,
    };
    append(partitionName(progressTopic, 0), source, record);
    for (const name of touched) ends.set(name, (ends.get(name) ?? 0) + 1);
    touched = new Set();
    size = 0;
  };
  for (const [index, { lsn, events }] of units.entries()) {
    let at = 0;
    for (const [position, { topic, key, event }] of events.entries()) {
      at = event.source.sourceTime;
      const partition = referenceTopics.includes(topic) ? 0 : partitionOf(Buffer.from(key), lanes);
      append(partitionName(topic, partition), key, event);
      size += 1;
      if (size >= gathered && position < events.length - 1) commit(lsn, event.source.ordinal, at, false);
    }
    if (size >= gathered || index === units.length - 1) commit(lsn, 1_000, at, true);
  }
  return { records, ends, lastLsn: units.at(-1)?.lsn ?? 0 };
}

/** One process of the group: which lanes it has, and how far it has fetched each partition. */
export class Member {
  readonly owned = new Set<number>();
  readonly fetched = new Map<string, number>();
  readonly paused = new Set<string>();
  listener: LaneListener | null = null;
  follow: ((name: string, count: number) => boolean) | null = null;
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  subscriber(): LaneSubscriber {
    return {
      start: (listener) => {
        this.listener = listener;
        return Promise.resolve();
      },
      pause: (topic, partition) => this.paused.add(partitionName(topic, partition)),
      resume: (topic, partition) => this.paused.delete(partitionName(topic, partition)),
      commitHint: () => {},
      stop: () => {
        this.listener = null;
        return Promise.resolve();
      },
    };
  }

  follower(): TopicFollower {
    return {
      start: (onBatch) => {
        this.follow = (name, count) => {
          const batch = this.next(name, count);
          if (batch === null) return false;
          onBatch(batch);
          this.fetched.set(name, batch.nextOffset);
          return true;
        };
        return Promise.resolve();
      },
      stop: () => {
        this.follow = null;
        return Promise.resolve();
      },
    };
  }

  async take(lane: number): Promise<void> {
    const starts = await this.listener?.assigned([lane]);
    for (const [index, topic] of laneTopics.entries()) {
      this.fetched.set(partitionName(topic, lane), starts?.get(lane)?.[index] ?? 0);
      this.paused.delete(partitionName(topic, lane));
    }
    this.owned.add(lane);
  }

  async give(lane: number): Promise<void> {
    this.owned.delete(lane);
    await this.listener?.revoked([lane]);
  }

  /** Fetches up to so many offsets of a partition; false when there is nothing, or it may not. */
  fetch(topic: string, partition: number, count: number): boolean {
    const name = partitionName(topic, partition);
    if (!laneTopics.includes(topic)) return this.follow?.(name, count) ?? false;
    if (!this.owned.has(partition) || this.paused.has(name) || this.listener === null) return false;
    const batch = this.next(name, count);
    if (batch === null) return false;
    const accepted = this.listener.batch(batch);
    this.fetched.set(name, accepted ? batch.nextOffset : this.listener.expectedOffset(topic, partition));
    return true;
  }

  private next(name: string, count: number): ReturnType<typeof batchOf> | null {
    const from = this.fetched.get(name) ?? 0;
    const end = this.log.ends.get(name) ?? 0;
    if (from >= end) return null;
    const to = Math.min(end, from + count);
    const records = (this.log.records.get(name) ?? []).filter(({ offset }) => offset >= from && offset < to);
    const [topic = '', partition] = name.split('/');
    return { ...batchOf(topic, Number(partition), from, to, records), highWatermark: end };
  }
}
