import type { Position } from '../../avro/position.ts';
import type { LaneEvent } from './contract.ts';
import type { DeadLetter } from './settings.ts';

export interface EventHead {
  readonly kind: 'event';
  readonly position: Position;
  readonly event: LaneEvent;
  /** The partition's rank. */
  readonly rank: number;
  /** The record's value as it came; null for an event of a reference topic, which is kept decoded. */
  readonly value: Buffer | null;
  readonly bytes: number;
}

/** The oldest record of a partition that is not taken yet. */
export type Head =
  | EventHead
  /** A record that can not be read stands right after its predecessor. */
  | { readonly kind: 'letter'; readonly position: Position; readonly letter: DeadLetter; readonly bytes: number };

/** One partition as the merge sees it: a queue of a lane topic, or a cursor over a reference topic. */
export interface LanePartition {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  /** Breaks ties of position: reference topics first, then the lane topics in their order. */
  readonly rank: number;
  /** This lane keeps how far it is; what no lane keeps is read from the start. */
  readonly kept: boolean;
  /** The offset from which everything is still to be taken. */
  readonly nextOffset: number;
  /** The position of the last event that was taken. */
  readonly taken: Position;
  /** The offset after everything that was fetched. */
  readonly fetchedOffset: number;
  readonly paused: boolean;
  /** What is fetched and not taken; 0 where that is kept anyway. */
  readonly bytes: number;
  /** Throws faults. */
  peek(): Head | undefined;
  take(): void;
  /** The position of the newest event that was fetched, taken or not. Throws as `peek`. */
  newest(): Position | null;
}

/** Where a partition is read from: the next offset, and the position of the last event before it that was taken. */
export interface PartitionStart {
  readonly nextOffset: number;
  readonly taken: Position;
}
