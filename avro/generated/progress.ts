// Generated from schemas/progress.avsc by scripts/generate.mjs. Change the schema, then run it again.

/** Checkpoint and watermark of a source: written in the same Kafka transaction as the events it covers. */
export interface Progress {
  /** The name of the source, which is also the prefix of its topics. Owner: Interface meta-data. Classification: public. */
  readonly source: string;
  /** The last event, message or empty transaction that is covered. Owner: Interface meta-data. Classification: public. */
  readonly position: { readonly generation: number; readonly lsn: number; readonly ordinal: number };
  /** False in the middle of a source transaction: then the watermark is just below the position. Owner: Interface meta-data. Classification: public. */
  readonly complete: boolean;
  /** End LSN of the last complete transaction: what is confirmed to the slot. Owner: Interface meta-data. Classification: public. */
  readonly endLsn: number;
  /** The running maximum of commit time. Epoch microseconds. Owner: Interface meta-data. Classification: public. */
  readonly sourceTime: number;
  /** When this record was made. Epoch microseconds. Owner: Interface meta-data. Classification: public. */
  readonly createdAt: number;
  /** The 64-bit id of the last transaction that is covered. Owner: Interface meta-data. Classification: public. */
  readonly xid: number;
  /** The server's system identifier. Owner: Interface meta-data. Classification: public. */
  readonly systemIdentifier: string;
  /** The server's timeline. Owner: Interface meta-data. Classification: public. */
  readonly timeline: number;
  /** The replication slot. Owner: Interface meta-data. Classification: public. */
  readonly slot: string;
  /** Hash of the publication's tables and options. Owner: Interface meta-data. Classification: public. */
  readonly publicationHash: string;
  /** topic/partition to the offset after the last record there, over all partitions of the source's topics. Owner: Interface meta-data. Classification: public. */
  readonly nextOffsets: Readonly<Record<string, number>>;
  /** Topic to the number of events captured since the source's first day. Owner: Interface meta-data. Classification: public. */
  readonly captured: Readonly<Record<string, number>>;
  /** The heartbeat row's token as last seen in the stream. Owner: Interface meta-data. Classification: public. */
  readonly heartbeatToken: number;
  /** schema.table of parked tables. Owner: Interface meta-data. Classification: public. */
  readonly parkedTables: readonly string[];
  /** JSON of running snapshot jobs, with the last finished chunk of each. Owner: Interface meta-data. Classification: public. */
  readonly jobs: string;
  /** Where the initial load was complete; null while it runs. Owner: Interface meta-data. Classification: public. */
  readonly loadCompleteAt: { readonly generation: number; readonly lsn: number; readonly ordinal: number } | null;
}
