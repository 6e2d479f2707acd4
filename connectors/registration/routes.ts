import type { TableRoute } from '../source/contract.ts';

/** Where a table is and what its columns are called, where that differs from the contract. */
export interface TableMapping {
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  /** Item → column, for those that are called otherwise; null for an item that the table does not have. */
  readonly columns?: Readonly<Record<string, string | null>> | undefined;
  /** The column that is the correlation id of each change. */
  readonly correlation?: string | undefined;
}

export interface RegistrationMapping {
  /** Entity → its table. */
  readonly tables?: Readonly<Partial<Record<RegistrationEntity, TableMapping>>> | undefined;
}

export type RegistrationEntity =
  | 'metering_point'
  | 'appointment'
  | 'participant'
  | 'distributor_gsp_group'
  | 'meter_asset'
  | 'receipt';

/** A route in terms of items: mapping makes columns of them. */
interface EntityRoute {
  readonly entity: RegistrationEntity;
  readonly schema: string;
  readonly table: string;
  readonly items: readonly string[];
  /** Items that no rule asks for: a registration service may have no column for them. */
  readonly optional: readonly string[];
  readonly primaryKey: readonly string[];
  readonly messageKey: readonly string[];
  readonly topic:
    | string
    | { readonly item: string; readonly topics: Readonly<Record<string, string>>; readonly otherwise: string };
  readonly tombstones: boolean;
  readonly reference: boolean;
  readonly loadOrder: number;
}

/** The tables of a registration service as routes, reference data first. `prefix`: the source's name. */
export function registrationRoutes(prefix: string, mapping: RegistrationMapping = {}): readonly TableRoute[] {
  return entityRoutes.map((route) => routeOf(route, prefix, mapping.tables?.[route.entity] ?? {}));
}

const entityRoutes: readonly EntityRoute[] = [
  {
    entity: 'participant',
    schema: 'registration',
    table: 'participant',
    items: ['mpid', 'role', 'name', 'effective_from', 'effective_to', 'reference_version'],
    optional: ['name', 'effective_to', 'reference_version'],
    primaryKey: ['mpid', 'role', 'effective_from'],
    messageKey: ['mpid', 'role', 'effective_from'],
    topic: 'participant',
    tombstones: false,
    reference: true,
    loadOrder: 1,
  },
  {
    entity: 'distributor_gsp_group',
    schema: 'registration',
    table: 'distributor_gsp_group',
    items: ['prefix', 'distributor_mpid', 'gsp_group', 'effective_from', 'effective_to'],
    optional: ['effective_to'],
    primaryKey: ['prefix', 'gsp_group', 'effective_from'],
    messageKey: ['prefix', 'gsp_group', 'effective_from'],
    topic: 'distributor',
    tombstones: false,
    reference: true,
    loadOrder: 1,
  },
  {
    entity: 'metering_point',
    schema: 'registration',
    table: 'metering_point',
    items: [
      'mpan_core',
      'gsp_group',
      'distributor_mpid',
      'supplier_mpid',
      'supplier_efd',
      'market_segment',
      'data_service_mpid',
      'data_service_efd',
      'measurement_quantity',
      'domestic',
      'load_shape_category',
      'connection_type',
      'metering_service_mpid',
      'metering_service_efd',
      'line_loss_factor',
      'line_loss_factor_class',
      'opt_out',
    ],
    optional: ['load_shape_category', 'line_loss_factor', 'opt_out'],
    primaryKey: ['mpan_core'],
    messageKey: ['mpan_core'],
    topic: 'metering-point',
    tombstones: true,
    reference: false,
    loadOrder: 2,
  },
  {
    entity: 'appointment',
    schema: 'registration',
    table: 'appointment',
    items: [
      'appointment_id',
      'mpan_core',
      'service_type',
      'mpid',
      'metering_service_efd',
      'metering_service_etd',
      'reason',
      'supplier_mpid',
      'supplier_efd',
      'supplier_etd',
      'meter_id',
      'contract_reference',
    ],
    optional: ['metering_service_etd', 'supplier_etd', 'meter_id', 'contract_reference'],
    primaryKey: ['appointment_id'],
    messageKey: ['mpan_core'],
    topic: {
      item: 'service_type',
      topics: { MSS: 'appointment.mss', MSA: 'appointment.msa', UMSO: 'appointment.umso' },
      // Refused there, by a rule that says why.
      otherwise: 'appointment.mss',
    },
    tombstones: false,
    reference: false,
    loadOrder: 3,
  },
  {
    entity: 'meter_asset',
    schema: 'registration',
    table: 'meter_asset',
    items: [
      'device_id',
      'mpan_core',
      'serial_number',
      'device_type',
      'manufacturer',
      'model',
      'status',
      'installed_on',
      'removed_on',
      'removal_reason',
      'firmware_version',
      'firmware_status',
      'csp_region',
      'postcode',
      'uprn',
      'dcc_compliant',
      'dcc_approved',
      'map_mpid',
      'map_efd',
      'map_etd',
    ],
    optional: [
      'serial_number',
      'manufacturer',
      'model',
      'removed_on',
      'removal_reason',
      'firmware_version',
      'firmware_status',
      'csp_region',
      'postcode',
      'uprn',
      'dcc_compliant',
      'dcc_approved',
      'map_etd',
    ],
    primaryKey: ['device_id'],
    messageKey: ['device_id'],
    topic: 'meter-asset',
    tombstones: true,
    reference: false,
    loadOrder: 4,
  },
  {
    entity: 'receipt',
    schema: 'concord',
    table: 'receipt',
    // The envelope has a field `source` already.
    items: ['receiver', 'event_source', 'lane', 'generation', 'through_lsn', 'counts', 'at'],
    optional: [],
    primaryKey: ['receiver', 'event_source', 'lane'],
    messageKey: ['receiver', 'event_source', 'lane'],
    topic: 'receipt',
    tombstones: false,
    reference: false,
    loadOrder: 5,
  },
];

/** What an item's column is called where nobody says otherwise. */
const usualColumns: Readonly<Record<string, string>> = { event_source: 'source' };

function routeOf(route: EntityRoute, prefix: string, mapping: TableMapping): TableRoute {
  const columnOf = (item: string): string => mapping.columns?.[item] ?? usualColumns[item] ?? item;
  const topicOf = (name: string): string => `${prefix}.${name}`;
  const { topic } = route;
  return {
    schema: mapping.schema ?? route.schema,
    table: mapping.table ?? route.table,
    entity: route.entity,
    primaryKey: route.primaryKey.map(columnOf),
    messageKey: route.messageKey.map(columnOf),
    topic:
      typeof topic === 'string'
        ? { kind: 'one', topic: topicOf(topic) }
        : {
            kind: 'by-column',
            column: columnOf(topic.item),
            topics: Object.fromEntries(Object.entries(topic.topics).map(([value, name]) => [value, topicOf(name)])),
            otherwise: topicOf(topic.otherwise),
          },
    items: Object.fromEntries(
      route.items.filter((item) => mapping.columns?.[item] !== null).map((item) => [columnOf(item), item]),
    ),
    optional: route.optional.map(columnOf),
    correlationColumn: mapping.correlation ?? null,
    recordType: { kind: 'row-change' },
    tombstones: route.tombstones,
    reference: route.reference,
    loadOrder: route.loadOrder,
  };
}
