// Generated from schemas/participant.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** Reference data: a market participant in a role, with the dates between which it holds it. */
export interface ParticipantItems {
  /** The market participant identifier. Owner: Market Domain Data. Classification: public. */
  readonly mpid: string | null;
  /** The code of the role that the participant holds. Owner: Market Domain Data. Classification: public. */
  readonly role: string | null;
  /** The participant's name. Owner: Market Domain Data. Classification: public. */
  readonly name: string | null;
  /** The business date (inclusive) from which the role is held. Days since 1970-01-01. Owner: Market Domain Data. Classification: public. */
  readonly effective_from: number | null;
  /** The last business date (inclusive) at which the role is held. Days since 1970-01-01. Owner: Market Domain Data. Classification: public. */
  readonly effective_to: number | null;
  /** The version of the reference data that brought this row. Owner: Market Domain Data. Classification: public. */
  readonly reference_version: number | null;
}

export type Participant = Envelope & ParticipantItems;
