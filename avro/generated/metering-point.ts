// Generated from schemas/metering-point.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** Flow 1: registration data of a metering point (temporal master data). */
export interface MeteringPointItems {
  /** Business key to uniquely identify a physical metering point. Owner: Registration Service. Classification: PII restricted. */
  readonly mpan_core: string | null;
  /** The grid supply point group in which the metering point lies. Owner: Distributor. Classification: public. */
  readonly gsp_group: string | null;
  /** The distributor to whose network the metering point is connected. Owner: Distributor. Classification: public. */
  readonly distributor_mpid: string | null;
  /** The supplier that is responsible for the metering point. Owner: Supplier. Classification: public. */
  readonly supplier_mpid: string | null;
  /** The business date (inclusive) from which the supplier is responsible. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly supplier_efd: number | null;
  /** S smart, A advanced, U unmetered. Owner: Registration Service. Classification: public. */
  readonly market_segment: string | null;
  /** The data service that is appointed to the metering point. Owner: Supplier. Classification: public. */
  readonly data_service_mpid: string | null;
  /** The business date (inclusive) from which the data service is appointed. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly data_service_efd: number | null;
  /** What is measured: AI, AE, RI or RE. Owner: Registration Service. Classification: public. */
  readonly measurement_quantity: string | null;
  /** Whether the premises are domestic. Owner: Supplier. Classification: public. */
  readonly domestic: boolean | null;
  /** Market segment, domestic or not, connection type and measurement quantity, joined by hyphens. Owner: Registration Service. Classification: public. */
  readonly load_shape_category: string | null;
  /** Whole current or current transformer: W, L, H, E, or U for unmetered. Owner: Registration Service. Classification: public. */
  readonly connection_type: string | null;
  /** The metering service that is appointed to the metering point. Owner: Supplier. Classification: public. */
  readonly metering_service_mpid: string | null;
  /** The business date (inclusive) from which the metering service is appointed. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly metering_service_efd: number | null;
  /** By which consumption is multiplied to account for losses in the network. In units of 10^-6. Owner: Distributor. Classification: public. */
  readonly line_loss_factor: number | null;
  /** Three characters; leading zeros count. Owner: Distributor. Classification: public. */
  readonly line_loss_factor_class: string | null;
  /** Whether the customer opted out of detailed data collection. Owner: Supplier. Classification: public. */
  readonly opt_out: boolean | null;
}

export type MeteringPoint = Envelope & MeteringPointItems;
