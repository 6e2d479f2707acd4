import type pg from 'pg';
import type { Logger } from 'pino';
import type { Decoder } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';
import type { ProgressRecord } from '../../avro/progress.ts';
import type { LaneSubscriber, TopicFollower } from '../../topics/contract.ts';
import type { LaneDomain } from './contract.ts';
import type { SinkReport } from './report.ts';

/** The schema that holds the sink's own tables: `metering` in the metering store, `concord` in a registration database. */
export type StoreSchema = 'metering' | 'concord';

export interface SinkSettings {
  /** The source's name, which is also the prefix of its topics. */
  readonly source: string;
  /** The topics of which partition i forms lane i. Events that share a position come in this order. */
  readonly laneTopics: readonly string[];
  /** Those of `laneTopics` whose events cause no receipt (P19). */
  readonly receiptTopics: readonly string[];
  /**
   * Topic → the item that tells apart events which share position, key and record type, where the key does not (P1): the
   * rows of a snapshot chunk share their position, and two appointments of an MPAN their key.
   */
  readonly identityItems: Readonly<Record<string, string>>;
  /** One partition each; merged into every lane. */
  readonly referenceTopics: readonly string[];
  readonly progressTopic: string;
  /** Of each lane topic: the number of lanes. */
  readonly partitions: number;
  /** Who signs the receipts. */
  readonly receiver: string;
  readonly storeSchema: StoreSchema;
  /** By lane, where it ends; nothing, for a sink that follows its source for ever. */
  readonly ends?: ReadonlyMap<number, LaneEnd>;
  readonly limits: SinkLimits;
}

/** Where a lane ends for good: nothing behind it is applied. For a store that is to be as another one is. */
export interface LaneEnd {
  readonly position: Position;
  /** Source time at the position, epoch microseconds. */
  readonly sourceTime: number;
}

export interface SinkLimits {
  /** A batch takes no further unit from so many events … */
  readonly batchEventsMax: number;
  /** … or so many bytes of records on. */
  readonly batchBytesMax: number;
  /** A unit of more events is kept undecoded until it is complete … */
  readonly unitEventsMax: number;
  /** … and so is one that is not complete when so many bytes of it wait in one partition. */
  readonly unitBytesMax: number;
  /** It is judged in slices of about so many events. */
  readonly sliceEventsMax: number;
  /** What is kept undecoded goes to the store, for as long as it is not complete, whenever it is larger than this. */
  readonly spoolBytesMax: number;
  /** Records of a lane that wait, as bytes; over it partitions are paused. */
  readonly laneBufferBytesMax: number;
  /** An idle lane writes how far it is at most so often. */
  readonly idleIntervalMs: number;
  /** A lane signs for what got an outcome at most so often: at once where the last receipt is older. */
  readonly receiptGapMs: number;
  /** An idle lane signs a receipt at most so often. */
  readonly receiptIntervalMs: number;
  /** A lane that waits for progress and reference data says so, and looks whether they can ever come, so often. */
  readonly patienceMs: number;
}

export const defaultSinkLimits: SinkLimits = {
  batchEventsMax: 2_500,
  batchBytesMax: 2 * 1024 * 1024,
  unitEventsMax: 3_000,
  unitBytesMax: 1024 * 1024,
  sliceEventsMax: 1_000,
  spoolBytesMax: 6 * 1024 * 1024,
  laneBufferBytesMax: 4 * 1024 * 1024,
  idleIntervalMs: 1_000,
  receiptGapMs: 200,
  receiptIntervalMs: 10_000,
  patienceMs: 15_000,
};

/** A record that can not be read. Its reason holds no unmasked MPAN; its key and value are as received. */
export interface DeadLetter {
  readonly source: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly code: string;
  readonly reason: string;
}

export interface SinkDependencies {
  /** Each lane keeps one connection of it: its `max` must be at least `partitions`. */
  readonly pool: pg.Pool;
  openSubscriber(): LaneSubscriber;
  /** Follows the progress topic and the reference topics. */
  openFollower(): TopicFollower;
  readonly eventDecoder: Decoder<DecodedEvent>;
  readonly progressDecoder: Decoder<ProgressRecord>;
  createDomain(lane: number): LaneDomain;
  /** Resolves when all are on the dead letter topic. May be asked for the same letter again. */
  sendDeadLetters(letters: readonly DeadLetter[]): Promise<void>;
  readonly log: Logger;
  readonly report: SinkReport;
}
