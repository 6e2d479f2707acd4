import type { Position } from './position.ts';

/** What an event says happened. The first five are row changes; the last four are Flow 3. */
export type RecordType =
  | 'create'
  | 'update'
  | 'delete'
  | 'read'
  | 'truncate'
  | 'error'
  | 'rejection'
  | 'resolution'
  | 'withdrawal';

/** The envelope's `source` record. Times are epoch microseconds. */
export interface EventSource extends Position {
  /** The source's name, which is also the prefix of its topics: `registration`, `metering`. */
  readonly name: string;
  /** The top-level transaction's id, widened to 64 bits (P2). */
  readonly xid: number;
  readonly committedAt: number;
  /** The running maximum of `committedAt` (P3). */
  readonly sourceTime: number;
}

/** A value's item as it is in JavaScript: `date` is days since 1970-01-01, `decimal(12,6)` is integer millionths. */
export type Item = string | number | boolean | readonly string[] | null;

/** Every event: the envelope first, then the items, flat. */
export interface Envelope {
  readonly recordType: RecordType;
  /** The registration service or metering service that sends: `REGS`. */
  readonly senderId: string;
  /** When the event was made, epoch microseconds. */
  readonly createdAt: number;
  readonly correlationId: string | null;
  readonly source: EventSource;
  /** Items that the flow's schema can not hold, as text. */
  readonly invalid: Readonly<Record<string, string>>;
  /** Items that the source did not send (unchanged TOAST). */
  readonly unchanged: readonly string[];
}

/** A decoded event: envelope and items in one object, as avsc makes it. */
export type DecodedEvent = Envelope & { readonly [item: string]: unknown };

/** The reserved key of a truncate record, one per partition (P10). */
export const truncateKey = '__truncate__';
