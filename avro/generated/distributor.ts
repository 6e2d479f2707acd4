// Generated from schemas/distributor.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** Reference data: which distributor owns an MPAN prefix in which GSP group, and when. */
export interface DistributorGspGroupItems {
  /** The first two digits of the MPAN cores of the distributor. Owner: Market Domain Data. Classification: public. */
  readonly prefix: string | null;
  /** The distributor's market participant identifier. Owner: Market Domain Data. Classification: public. */
  readonly distributor_mpid: string | null;
  /** A grid supply point group in which the prefix is valid. Owner: Market Domain Data. Classification: public. */
  readonly gsp_group: string | null;
  /** The business date (inclusive) from which the prefix is valid there. Days since 1970-01-01. Owner: Market Domain Data. Classification: public. */
  readonly effective_from: number | null;
  /** The last business date (inclusive) at which the prefix is valid there. Days since 1970-01-01. Owner: Market Domain Data. Classification: public. */
  readonly effective_to: number | null;
}

export type DistributorGspGroup = Envelope & DistributorGspGroupItems;
