import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';

/** How an event ended, or stands (protocol P16). */
export type Outcome = 'applied' | 'unchanged' | 'superseded' | 'rejected' | 'held' | 'dead-lettered' | 'not-ours';

/** A decoded event as it lies in a lane. */
export interface LaneEvent {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's key, as text. */
  readonly key: string;
  readonly event: DecodedEvent;
}

/**
 * One source transaction within one lane: the unit of judgement (P14). Events are in position order; events of
 * reference topics are merged in at their position and given to every lane.
 */
export interface Unit {
  readonly generation: number;
  readonly lsn: number;
  readonly events: readonly LaneEvent[];
}

/**
 * One source transaction within one lane that is too large to be held decoded. It is judged as a whole, in slices: what is
 * judged together (all events of a key) is in one slice.
 */
export interface LargeUnit {
  /** The position of its first event. */
  readonly position: Position;
  /** Epoch microseconds (P3). */
  readonly sourceTime: number;
  /** Events of reference topics and truncates, in position order. */
  readonly leading: readonly LaneEvent[];
  /** All others; within a slice in position order. To be read once, to the end. */
  slices(): AsyncIterable<readonly LaneEvent[]>;
}

/** What is known of the source when a batch is judged. */
export interface LaneMoment {
  readonly source: string;
  readonly lane: number;
  /** The position up to which (inclusive) this batch takes the lane. */
  readonly through: Position;
  /** Source time at `through`, epoch microseconds (P3). */
  readonly sourceTime: number;
  /** Where the initial load was complete; null while it runs (P12). */
  readonly loadCompleteAt: Position | null;
}

/** A change in the number of events of a topic with an outcome: a released hold is held −1, applied +1. */
export interface OutcomeDelta {
  readonly topic: string;
  readonly outcome: Outcome;
  readonly delta: number;
}

/**
 * What a domain (metering store, registration inbox) does with one lane. One instance per lane; it may keep memory
 * (reference data), because after any failure the instance is thrown away and a new one is primed.
 *
 * `client` is inside the batch's transaction: the lane's rows are locked, the position is checked and is moved and
 * committed by the sink afterwards. The domain never begins, commits or rolls back.
 */
export interface LaneDomain {
  /** Reference events at or below the lane's applied position, in order: memory only, nothing is written. */
  prime(client: ClientBase, events: readonly LaneEvent[]): Promise<void>;
  /**
   * Judges and applies complete units, in order. May be called with no unit, when time has passed.
   *
   * The deltas sum up, by topic, to the events given; the sink asserts it. Events of reference topics (given to every
   * lane) and truncates (one in every partition) count in lane 0 only.
   */
  apply(client: ClientBase, units: readonly Unit[], moment: LaneMoment): Promise<readonly OutcomeDelta[]>;
  /** Judges and applies one unit that is too large to be given to `apply`; the same deltas. */
  applyLarge(client: ClientBase, unit: LargeUnit, moment: LaneMoment): Promise<readonly OutcomeDelta[]>;
  /** The source time (epoch microseconds) from which on `apply` must be called even without units; null for never. */
  deadline(): number | null;
}
