/** What the connectors know of Kafka. Only this folder imports kafkajs. */

/** Records for one partition, in order. `keys[i]` and `values[i]` belong together; a null value is a tombstone. */
export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly keys: readonly (Buffer | null)[];
  readonly values: readonly (Buffer | null)[];
  /** Same for all records. */
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

/** `partitionName` → offset after the last record acknowledged. */
export type NextOffsets = ReadonlyMap<string, number>;

/**
 * A transactional producer: one transaction at a time, one outstanding request at a time.
 *
 * Any rejected call leaves it dead (kafkajs traps 1–4): the outcome of the transaction is unknown, the caller
 * closes it, opens a new one (which fences) and reads the checkpoint back.
 */
export interface TransactionalPublisher {
  begin(): Promise<void>;
  /** Sends and verifies that every partition was acknowledged with a base offset. */
  send(records: readonly PartitionRecords[]): Promise<NextOffsets>;
  /**
   * The last send of a transaction: the records, and the record that `tell` makes of the offsets after them. Where the
   * offsets can be foretold both travel together, and are verified; where that goes wrong it is sent anew, with the
   * offsets that came about. So `tell` may be called twice, and what it made last is what is published.
   */
  sendAndTell(
    records: readonly PartitionRecords[],
    tell: (nextOffsets: NextOffsets) => PartitionRecords,
  ): Promise<NextOffsets>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  close(): Promise<void>;
}

export interface FetchedRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

/** What one fetch of one partition brought. Record-less batches (control records only) are delivered too. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for. */
  readonly fetchedOffset: number;
  /** The offset after everything in this batch, control and filtered records counted. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly records: readonly FetchedRecord[];
}

/** What the sink does with the lanes it is given. A lane is partition i of all `topics`. */
export interface LaneListener {
  /** Lanes gained: must resolve with the offset to start from for each topic of each lane, in `topics` order. */
  assigned(lanes: readonly number[]): Promise<ReadonlyMap<number, readonly number[]>>;
  revoked(lanes: readonly number[]): Promise<void>;
  /**
   * Copies the batch into the lane's bounded buffer and returns at once. `false`: not accepted, because
   * the fetched offset is not the expected one (P15); the subscriber seeks to `expectedOffset` and goes on.
   */
  batch(batch: FetchedBatch): boolean;
  expectedOffset(topic: string, partition: number): number;
  fault(cause: unknown): void;
}

/** A consumer group over lanes: partition i of every topic goes to the same member. */
export interface LaneSubscriber {
  start(listener: LaneListener): Promise<void>;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** A hint for tools that show lag; `applied_position` is the truth. */
  commitHint(topic: string, partition: number, nextOffset: number): void;
  stop(): Promise<void>;
}

/** Reads whole topics, from the start, in no group, and follows them. */
export interface TopicFollower {
  start(onBatch: (batch: FetchedBatch) => void, onFault: (cause: unknown) => void): Promise<void>;
  stop(): Promise<void>;
}
