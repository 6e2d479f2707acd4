/**
 * What a domain tells the source connector: which tables are captured, and how a row becomes an event.
 * Plain data, so that the per-table transcoder can be compiled from it.
 */
export interface TableRoute {
  readonly schema: string;
  readonly table: string;
  /** The name of the thing in events, outcomes and reports: `metering_point`. */
  readonly entity: string;
  /** The primary key's columns, in order: the order of snapshot chunks. */
  readonly primaryKey: readonly string[];
  /** The columns that make the record's key (joined by `|`), by which the partition is chosen. Null is the empty string. */
  readonly messageKey: readonly string[];
  readonly topic: TopicChoice;
  /** Column name → item name, for every column that travels. */
  readonly items: Readonly<Record<string, string>>;
  /** Columns of items that may be missing: where the table has none, the item is empty. */
  readonly optional?: readonly string[];
  /** Of a mirrored table: column name → its types, as SQL. What does not fit them any more would stop the store. */
  readonly kept?: Readonly<Record<string, KeptColumn>>;
  /** The column that is the correlation id, if one is mapped. */
  readonly correlationColumn: string | null;
  /** What `recordType` says. */
  readonly recordType: RecordTypeChoice;
  /** A delete is followed by a tombstone (compacted topics). */
  readonly tombstones: boolean;
  /** Reference topics have one partition and are merged into every lane; all others form lanes. */
  readonly reference: boolean;
  /** The initial load goes in this order: reference data, metering points, appointments, assets. */
  readonly loadOrder: number;
}

/** A column that the store keeps as it is. */
export interface KeptColumn {
  /** As the source declared it when the schema was made. */
  readonly declared: string;
  /** Of the store's column. */
  readonly stored: string;
  /** The source did not have it any more. */
  readonly dropped: boolean;
}

/** One topic, or one by the value of a column (which must then be in the replica identity, P9). */
export type TopicChoice =
  | { readonly kind: 'one'; readonly topic: string }
  | {
      readonly kind: 'by-column';
      readonly column: string;
      readonly topics: Readonly<Record<string, string>>;
      /** For null and every other value. */
      readonly otherwise: string;
    };

/** Row changes say `create`, `update`, `delete`, `read`; an outbox table says it by a column's value. */
export type RecordTypeChoice =
  | { readonly kind: 'row-change' }
  | {
      readonly kind: 'by-column';
      /** For inserts and reads: the column's value is the record type. */
      readonly column: string;
      /** For updates: this column's value is looked up; a value that is not there keeps the insert's record type. */
      readonly updateColumn: string;
      readonly updates: Readonly<Record<string, string>>;
    };

/** One source: a database, its slot and publication, the prefix of its topics. */
export interface SourceSettings {
  /** Also the prefix of the topics: `registration`. */
  readonly name: string;
  readonly senderId: string;
  readonly slot: string;
  readonly publication: string;
  readonly routes: readonly TableRoute[];
  readonly progressTopic: string;
  /** Where raw changes of parked tables go; null for a source that stops instead, because its tables are our own. */
  readonly parkedTopic: string | null;
  readonly transactionalId: string;
  readonly partitions: number;
  readonly limits: SourceLimits;
}

export interface SourceLimits {
  /** A Kafka transaction is closed when it holds so many events … */
  readonly transactionEventsMax: number;
  /** … or bytes, or is so old. */
  readonly transactionBytesMax: number;
  readonly transactionAgeMaxMs: number;
  /** Least time from one Kafka transaction to the next, while there is no full one to send. */
  readonly lingerMs: number;
  readonly chunkRows: number;
  readonly heartbeatIntervalMs: number;
  /** A connection that was asked and says nothing for so long is given up, and opened anew. */
  readonly silenceMaxMs: number;
  /** From so much WAL that the server keeps for the slot on, it is a matter for people … */
  readonly retainedWalWarnBytes: number;
  /** … and over so much the slot is given up, before a disk is full. Absent: never. */
  readonly retainedWalMaxBytes?: number | undefined;
  /** The replication socket is paused over this many bytes in our queue. */
  readonly queueBytesMax: number;
}
