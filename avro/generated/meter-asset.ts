// Generated from schemas/meter-asset.avsc by scripts/generate.mjs. Change the schema, then run it again.
import type { Envelope } from '../envelope.ts';

/** A meter asset and its meter asset provider (MAP). */
export interface MeterAssetItems {
  /** The device identifier (EUI-64). Owner: Meter Asset Provider. Classification: public. */
  readonly device_id: string | null;
  /** The metering point at which the device is installed. Owner: Registration Service. Classification: PII restricted. */
  readonly mpan_core: string | null;
  /** Meter serial number. Owner: Metering Service. Classification: public. */
  readonly serial_number: string | null;
  /** Device type. Owner: Metering Service. Classification: public. */
  readonly device_type: string | null;
  /** Manufacturer. Owner: Metering Service. Classification: public. */
  readonly manufacturer: string | null;
  /** Device model. Owner: Metering Service. Classification: public. */
  readonly model: string | null;
  /** Device status. Owner: Metering Service. Classification: public. */
  readonly status: string | null;
  /** Installation date. Days since 1970-01-01. Owner: Metering Service. Classification: public. */
  readonly installed_on: number | null;
  /** Removal date (null if installed). Days since 1970-01-01. Owner: Metering Service. Classification: public. */
  readonly removed_on: number | null;
  /** Removal reason. Owner: Metering Service. Classification: public. */
  readonly removal_reason: string | null;
  /** Firmware version. Owner: Metering Service. Classification: public. */
  readonly firmware_version: string | null;
  /** Firmware version status. Owner: Metering Service. Classification: public. */
  readonly firmware_status: string | null;
  /** Communications service provider region. Owner: Metering Service. Classification: public. */
  readonly csp_region: string | null;
  /** Property post code. Owner: Registration Service. Classification: PII restricted. */
  readonly postcode: string | null;
  /** Unique property reference number. Owner: Registration Service. Classification: PII restricted. */
  readonly uprn: string | null;
  /** Whether the device is DCC compliant. Owner: Metering Service. Classification: public. */
  readonly dcc_compliant: boolean | null;
  /** Whether the device is DCC approved. Owner: Metering Service. Classification: public. */
  readonly dcc_approved: boolean | null;
  /** The MAP identifier. Owner: Meter Asset Provider. Classification: public. */
  readonly map_mpid: string | null;
  /** MAP effective from date (inclusive). Days since 1970-01-01. Owner: Meter Asset Provider. Classification: public. */
  readonly map_efd: number | null;
  /** MAP effective to date (inclusive), if applicable. Days since 1970-01-01. Owner: Meter Asset Provider. Classification: public. */
  readonly map_etd: number | null;
}

export type MeterAsset = Envelope & MeterAssetItems;
