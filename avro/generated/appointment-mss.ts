// Generated from schemas/appointment-mss.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** Flow 2: appointment of a metering service (smart) to a metering point. */
export interface AppointmentMssItems {
  /** Identifies the appointment in the registration service. Owner: Registration Service. Classification: public. */
  readonly appointment_id: number | null;
  /** Business key to uniquely identify a physical metering point. Owner: Registration Service. Classification: PII restricted. */
  readonly mpan_core: string | null;
  /** The kind of metering service: MSS, MSA or UMSO. Owner: Registration Service. Classification: public. */
  readonly service_type: string | null;
  /** The market participant identifier that is being assigned responsibility for the meter. Owner: Supplier. Classification: public. */
  readonly mpid: string | null;
  /** The business date (inclusive) when the appointment takes effect and the MPID has responsibility for the meter. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly metering_service_efd: number | null;
  /** The last business date (inclusive) at which this MPID has responsibility for the meter. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly metering_service_etd: number | null;
  /** Why the appointment is made or changed. Owner: Registration Service. Classification: public. */
  readonly reason: string | null;
  /** The supplier that appoints. Owner: Supplier. Classification: public. */
  readonly supplier_mpid: string | null;
  /** The business date (inclusive) from which the supplier is responsible. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly supplier_efd: number | null;
  /** The last business date (inclusive) at which the supplier is responsible. Days since 1970-01-01. Owner: Supplier. Classification: public. */
  readonly supplier_etd: number | null;
  /** Serial number of the physical meter. Owner: Metering Service. Classification: public. */
  readonly meter_id: string | null;
  /** The unique reference of the contractual agreement between a supplier and the metering service. A registration appointment cannot occur without a contract reference. Owner: Supplier. Classification: public. */
  readonly contract_reference: string | null;
}

export type AppointmentMss = Envelope & AppointmentMssItems;
