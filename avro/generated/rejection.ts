// Generated from schemas/rejection.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** Flow 3: what the metering side can not accept, and how that ended. The identity of the refused event is event_source (column source), generation, lsn, ordinal, entity and entity_key. */
export interface RejectionItems {
  /** Identifies the row in the store that raised it. Owner: Metering Service. Classification: public. */
  readonly rejection_id: string | null;
  /** Business key to uniquely identify a physical metering point. Owner: Registration Service. Classification: PII restricted. */
  readonly mpan_core: string | null;
  /** error (the data can not be processed) or rejection (an appointment is refused). Owner: Metering Service. Classification: public. */
  readonly record_type: string | null;
  /** The flow of the refused event: 1 or 2; null for assets. Owner: Metering Service. Classification: public. */
  readonly flow: number | null;
  /** What kind of thing the refused event is about. Owner: Metering Service. Classification: public. */
  readonly entity: string | null;
  /** The key of that thing in the registration service. Owner: Registration Service. Classification: PII restricted. */
  readonly entity_key: string | null;
  /** The source of the refused event: the column source, named so because the envelope has a field of that name. Owner: Metering Service. Classification: public. */
  readonly event_source: string | null;
  /** The refused event's generation. Owner: Metering Service. Classification: public. */
  readonly generation: number | null;
  /** The refused event's commit LSN. Owner: Metering Service. Classification: public. */
  readonly lsn: number | null;
  /** The refused event's ordinal. Owner: Metering Service. Classification: public. */
  readonly ordinal: number | null;
  /** Counts renewed rejections of one event. Owner: Metering Service. Classification: public. */
  readonly revision: number | null;
  /** The codes of every broken rule. Owner: Metering Service. Classification: public. */
  readonly rule_codes: readonly string[] | null;
  /** JSON: every broken rule with its item and a text. Owner: Metering Service. Classification: PII restricted. */
  readonly details: string | null;
  /** The version of the reference data against which it was judged. Owner: Metering Service. Classification: public. */
  readonly reference_version: number | null;
  /** Who refused: the MPID of the metering service. Owner: Metering Service. Classification: public. */
  readonly receiver: string | null;
  /** open, resolved or withdrawn. Owner: Metering Service. Classification: public. */
  readonly status: string | null;
  /** When it was raised. Epoch microseconds. Owner: Metering Service. Classification: public. */
  readonly raised_at: number | null;
  /** The generation of the event that resolved it. Owner: Metering Service. Classification: public. */
  readonly resolved_by_generation: number | null;
  /** The commit LSN of the event that resolved it. Owner: Metering Service. Classification: public. */
  readonly resolved_by_lsn: number | null;
  /** When it was resolved or withdrawn. Epoch microseconds. Owner: Metering Service. Classification: public. */
  readonly resolved_at: number | null;
  /** Who has taken note of it. Owner: Registration Service. Classification: public. */
  readonly acknowledged_by: string | null;
  /** What that person wrote. Owner: Registration Service. Classification: PII restricted. */
  readonly note: string | null;
}

export type Rejection = Envelope & RejectionItems;
