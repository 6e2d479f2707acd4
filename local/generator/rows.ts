import type { Day } from './calendar.ts';

/** Rows of the registration database as the generator makes them: dates are days, a numeric is its text. */
export interface PointRow {
  mpan_core: string;
  gsp_group: string | null;
  distributor_mpid: string | null;
  supplier_mpid: string | null;
  supplier_efd: Day | null;
  market_segment: string | null;
  data_service_mpid: string | null;
  data_service_efd: Day | null;
  measurement_quantity: string | null;
  domestic: boolean | null;
  load_shape_category: string | null;
  connection_type: string | null;
  metering_service_mpid: string | null;
  metering_service_efd: Day | null;
  line_loss_factor: string | null;
  line_loss_factor_class: string | null;
  opt_out: boolean | null;
}

export interface AppointmentRow {
  appointment_id: number;
  mpan_core: string | null;
  service_type: string | null;
  mpid: string | null;
  metering_service_efd: Day | null;
  metering_service_etd: Day | null;
  reason: string | null;
  supplier_mpid: string | null;
  supplier_efd: Day | null;
  supplier_etd: Day | null;
  meter_id: string | null;
  contract_reference: string | null;
}

export interface ParticipantRow {
  mpid: string;
  role: string;
  name: string;
  effective_from: Day;
  effective_to: Day | null;
  reference_version: number;
}

export interface DistributorRow {
  prefix: string;
  distributor_mpid: string;
  gsp_group: string;
  effective_from: Day;
  effective_to: Day | null;
}

export interface AssetRow {
  device_id: string;
  mpan_core: string | null;
  serial_number: string | null;
  device_type: string | null;
  manufacturer: string | null;
  model: string | null;
  status: string | null;
  installed_on: Day | null;
  removed_on: Day | null;
  removal_reason: string | null;
  firmware_version: string | null;
  firmware_status: string | null;
  csp_region: string | null;
  postcode: string | null;
  uprn: string | null;
  dcc_compliant: boolean | null;
  dcc_approved: boolean | null;
  map_mpid: string | null;
  map_efd: Day | null;
  map_etd: Day | null;
}

/** A metering point with everything that belongs to it. */
export interface Unit {
  readonly point: PointRow;
  /** In order of their service EFD. */
  readonly appointments: AppointmentRow[];
  readonly assets: AssetRow[];
}

export interface RowOf {
  metering_point: PointRow;
  appointment: AppointmentRow;
  participant: ParticipantRow;
  distributor_gsp_group: DistributorRow;
  meter_asset: AssetRow;
}
export type TableName = keyof RowOf;
export type ColumnType = 'text' | 'date' | 'boolean' | 'numeric' | 'bigint' | 'int';
export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export interface Table {
  readonly name: TableName;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
}

export const tables: Readonly<Record<TableName, Table>> = {
  metering_point: table(
    'metering_point',
    'mpan_core',
    `mpan_core:text gsp_group:text distributor_mpid:text supplier_mpid:text supplier_efd:date market_segment:text
     data_service_mpid:text data_service_efd:date measurement_quantity:text domestic:boolean load_shape_category:text
     connection_type:text metering_service_mpid:text metering_service_efd:date line_loss_factor:numeric
     line_loss_factor_class:text opt_out:boolean`,
  ),
  appointment: table(
    'appointment',
    'appointment_id',
    `appointment_id:bigint mpan_core:text service_type:text mpid:text metering_service_efd:date
     metering_service_etd:date reason:text supplier_mpid:text supplier_efd:date supplier_etd:date meter_id:text
     contract_reference:text`,
  ),
  participant: table(
    'participant',
    'mpid role effective_from',
    'mpid:text role:text name:text effective_from:date effective_to:date reference_version:int',
  ),
  distributor_gsp_group: table(
    'distributor_gsp_group',
    'prefix gsp_group effective_from',
    'prefix:text distributor_mpid:text gsp_group:text effective_from:date effective_to:date',
  ),
  meter_asset: table(
    'meter_asset',
    'device_id',
    `device_id:text mpan_core:text serial_number:text device_type:text manufacturer:text model:text status:text
     installed_on:date removed_on:date removal_reason:text firmware_version:text firmware_status:text csp_region:text
     postcode:text uprn:text dcc_compliant:boolean dcc_approved:boolean map_mpid:text map_efd:date map_etd:date`,
  ),
};

function table(name: TableName, key: string, columns: string): Table {
  const parsed = columns.split(/\s+/).map((column) => {
    const [columnName = '', type = ''] = column.split(':');
    return { name: columnName, type: type as ColumnType };
  });
  return { name, key: key.split(' '), columns: parsed };
}
