/** How an item is kept: in memory as `Item` says, in the store as the SQL type that the migration gives it. */
export type ItemKind = 'text' | 'date' | 'boolean' | 'millionths' | 'integer';

export type StoredEntity = 'metering_point' | 'appointment' | 'participant' | 'distributor_gsp_group' | 'meter_asset';

/** A replicated table: its items in the contract's order, and what identifies a row. */
export interface EntityTable {
  readonly entity: StoredEntity;
  readonly items: readonly (readonly [name: string, kind: ItemKind])[];
  /** The columns of the primary key in the store, which begin with the key of the lane. */
  readonly key: readonly string[];
  /** The column that holds the key of the event's record; null for reference data, whose keys are composed. */
  readonly laneKey: string | null;
}

export const meteringPointTable: EntityTable = {
  entity: 'metering_point',
  items: [
    ['mpan_core', 'text'],
    ['gsp_group', 'text'],
    ['distributor_mpid', 'text'],
    ['supplier_mpid', 'text'],
    ['supplier_efd', 'date'],
    ['market_segment', 'text'],
    ['data_service_mpid', 'text'],
    ['data_service_efd', 'date'],
    ['measurement_quantity', 'text'],
    ['domestic', 'boolean'],
    ['load_shape_category', 'text'],
    ['connection_type', 'text'],
    ['metering_service_mpid', 'text'],
    ['metering_service_efd', 'date'],
    ['line_loss_factor', 'millionths'],
    ['line_loss_factor_class', 'text'],
    ['opt_out', 'boolean'],
  ],
  key: ['mpan_core'],
  laneKey: 'mpan_core',
};

/** Keyed by MPAN and id: the halves of a move to another MPAN are in two lanes, which must not wait for each other. */
export const appointmentTable: EntityTable = {
  entity: 'appointment',
  items: [
    ['appointment_id', 'integer'],
    ['mpan_core', 'text'],
    ['service_type', 'text'],
    ['mpid', 'text'],
    ['metering_service_efd', 'date'],
    ['metering_service_etd', 'date'],
    ['reason', 'text'],
    ['supplier_mpid', 'text'],
    ['supplier_efd', 'date'],
    ['supplier_etd', 'date'],
    ['meter_id', 'text'],
    ['contract_reference', 'text'],
  ],
  key: ['mpan_core', 'appointment_id'],
  laneKey: 'mpan_core',
};

export const participantTable: EntityTable = {
  entity: 'participant',
  items: [
    ['mpid', 'text'],
    ['role', 'text'],
    ['name', 'text'],
    ['effective_from', 'date'],
    ['effective_to', 'date'],
    ['reference_version', 'integer'],
  ],
  key: ['mpid', 'role', 'effective_from'],
  laneKey: null,
};

export const distributorTable: EntityTable = {
  entity: 'distributor_gsp_group',
  items: [
    ['prefix', 'text'],
    ['distributor_mpid', 'text'],
    ['gsp_group', 'text'],
    ['effective_from', 'date'],
    ['effective_to', 'date'],
  ],
  key: ['prefix', 'gsp_group', 'effective_from'],
  laneKey: null,
};

export const meterAssetTable: EntityTable = {
  entity: 'meter_asset',
  items: [
    ['device_id', 'text'],
    ['mpan_core', 'text'],
    ['serial_number', 'text'],
    ['device_type', 'text'],
    ['manufacturer', 'text'],
    ['model', 'text'],
    ['status', 'text'],
    ['installed_on', 'date'],
    ['removed_on', 'date'],
    ['removal_reason', 'text'],
    ['firmware_version', 'text'],
    ['firmware_status', 'text'],
    ['csp_region', 'text'],
    ['postcode', 'text'],
    ['uprn', 'text'],
    ['dcc_compliant', 'boolean'],
    ['dcc_approved', 'boolean'],
    ['map_mpid', 'text'],
    ['map_efd', 'date'],
    ['map_etd', 'date'],
  ],
  key: ['device_id'],
  laneKey: 'device_id',
};

export const entityTables: Readonly<Record<StoredEntity, EntityTable>> = {
  metering_point: meteringPointTable,
  appointment: appointmentTable,
  participant: participantTable,
  distributor_gsp_group: distributorTable,
  meter_asset: meterAssetTable,
};

const knownTopics = new Map<string, EntityTable | null>();

/** The table that a topic of this source carries; null for a topic that is no table (progress, receipts). */
export function tableOfTopic(topic: string, source: string): EntityTable | null {
  let table = knownTopics.get(topic);
  if (table === undefined) {
    table = tableOfName(topic.slice(source.length + 1));
    knownTopics.set(topic, table);
  }
  return table;
}

function tableOfName(name: string): EntityTable | null {
  switch (name) {
    case 'metering-point':
      return meteringPointTable;
    case 'appointment.mss':
    case 'appointment.msa':
    case 'appointment.umso':
      return appointmentTable;
    case 'participant':
      return participantTable;
    case 'distributor':
      return distributorTable;
    case 'meter-asset':
      return meterAssetTable;
    default:
      return null;
  }
}
