/** The output columns of Table 1 of SECMP0011, in its order: how the store calls each, and its title. */
export const mapColumns = [
  ['device_id', 'Device ID'],
  ['device_model', 'Device Model'],
  ['manufacturer', 'Manufacturer'],
  ['meter_serial_number', 'Meter Serial Number'],
  ['device_type', 'Device Type'],
  ['dcc_compliant', 'DCC Compliant'],
  ['dcc_approved', 'DCC Approved'],
  ['device_status', 'Device Status'],
  ['installation_date', 'Installation Date'],
  ['removal_date', 'Removal Date'],
  ['removal_reason', 'Removal Reason'],
  ['firmware_version', 'Firmware Version'],
  ['firmware_version_status', 'Firmware Version Status'],
  ['mpxn', 'MPxN'],
  ['csp_region', 'CSP Region'],
  ['property_post_code', 'Property Post Code'],
  ['uprn', 'UPRN'],
  ['map_identifier', 'MAP Identifier'],
  ['map_effective_from', 'MAP Effective From Date'],
  ['map_effective_to', 'MAP Effective To Date'],
  ['supplier_identifier', 'Supplier Identifier'],
  ['supplier_effective_from', 'Supplier Effective From Date'],
  ['supplier_effective_to', 'Supplier Effective To Date'],
] as const;

/** An asset of a MAP: dates as ISO text, and what the reader may not see is null or masked. */
export type MapLine = Readonly<Record<(typeof mapColumns)[number][0], string | boolean | null>>;

/** The inputs of Table 1, and the date. Dates are ISO text, ranges inclusive. */
export interface MapQuestion {
  readonly map: string;
  readonly installedFrom?: string | undefined;
  readonly installedTo?: string | undefined;
  readonly removedFrom?: string | undefined;
  readonly removedTo?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly deviceStatus?: string | undefined;
  readonly supplier?: string | undefined;
  readonly asAt?: string | undefined;
  readonly reveal: boolean;
}
