import type { Position } from './position.ts';

/**
 * The one record that is checkpoint, watermark, gap proof and lag (protocol P5), as decoded from
 * `<prefix>.progress`. Written in the same Kafka transaction as the events it covers. Key: the source's name.
 */
export interface ProgressRecord {
  readonly source: string;
  /** The last event (or message, or empty transaction) that is covered. */
  readonly position: Position;
  /** False in the middle of a source transaction: then the watermark is just below `position.lsn`. */
  readonly complete: boolean;
  /** End LSN of the last complete transaction: what is confirmed to the slot. */
  readonly endLsn: number;
  /** Running maximum of commit time, epoch microseconds. */
  readonly sourceTime: number;
  /** When this record was made, epoch microseconds. */
  readonly createdAt: number;
  readonly xid: number;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly slot: string;
  readonly publicationHash: string;
  /** `topic/partition` → the offset after the last record that we wrote there; over all partitions of the source's topics. */
  readonly nextOffsets: Readonly<Record<string, number>>;
  /** `topic` → events captured since the source's first day (a truncate counts once, tombstones do not count). */
  readonly captured: Readonly<Record<string, number>>;
  /** The heartbeat row's token as last seen in the stream. */
  readonly heartbeatToken: number;
  /** `schema.table` of parked tables. */
  readonly parkedTables: readonly string[];
  /** JSON of running snapshot jobs, with the last finished chunk of each. */
  readonly jobs: string;
  /** Where the initial load was complete; null while it runs. */
  readonly loadCompleteAt: Position | null;
}

/** The LSN up to which (inclusive) every change is covered. */
export function watermark(progress: ProgressRecord): number {
  return progress.complete ? progress.position.lsn : progress.position.lsn - 1;
}

/** The name of a partition in `nextOffsets`. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
