// Generated from schemas/receipt.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** A cumulative delivery receipt: everything of a lane up to a position has an outcome. */
export interface ReceiptItems {
  /** Who acknowledges: the metering service or registration service. Owner: Interface meta-data. Classification: public. */
  readonly receiver: string | null;
  /** The source whose events are acknowledged: the column source, named so because the envelope has a field of that name. Owner: Interface meta-data. Classification: public. */
  readonly event_source: string | null;
  /** The partition number that makes the lane. Owner: Interface meta-data. Classification: public. */
  readonly lane: number | null;
  /** The generation of the position. Owner: Interface meta-data. Classification: public. */
  readonly generation: number | null;
  /** Every event of the lane up to this commit LSN (inclusive) has an outcome. Owner: Interface meta-data. Classification: public. */
  readonly through_lsn: number | null;
  /** JSON: topic to outcome to number of events, since the first day. Owner: Interface meta-data. Classification: public. */
  readonly counts: string | null;
  /** When it was written. Epoch microseconds. Owner: Interface meta-data. Classification: public. */
  readonly at: number | null;
}

export type Receipt = Envelope & ReceiptItems;
