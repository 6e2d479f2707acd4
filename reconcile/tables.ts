import {
  type RegistrationEntity,
  type RegistrationMapping,
  registrationRoutes,
} from '../connectors/registration/routes.ts';
import type { RecordSchema } from '../avro/schemas.ts';
import type { TableRoute } from '../connectors/source/contract.ts';
import { mirrorRoute } from '../connectors/source/mirror-route.ts';
import { quoteIdentifier } from '../connectors/source/sql.ts';
import { storedTable } from '../connectors/metering/mirror/store-table.ts';
import { entityTables, type ItemKind, type StoredEntity } from '../connectors/metering/entities.ts';

export interface ReconciledItem {
  readonly name: string;
  /** `mirrored`: a column of any type, which is compared as text. */
  readonly kind: ItemKind | 'mirrored';
  /** The column in the registration database; null for an item that its table does not have. */
  readonly column: string | null;
  /** The column in the store, quoted, where it is not called like the item. */
  readonly stored?: string;
  /** What rows have in a mirrored column that are older than it, as text; the store may not have the column yet. */
  readonly missing?: string | null;
}

/** A table as both sides have it. */
export interface ReconciledTable {
  /** What it is called in reports: an entity of the flows, or `schema.table` of a mirrored table. */
  readonly entity: string;
  readonly route: TableRoute;
  /** Where the store has it, as SQL. */
  readonly current: string;
  readonly history: string;
  readonly items: readonly ReconciledItem[];
  /** The items that name a row, in reports and when both sides are put side by side. */
  readonly key: readonly string[];
  /** The item by which its events are keyed; null where no event is ever refused: reference data, mirrored tables. */
  readonly laneKey: string | null;
  readonly topics: readonly string[];
}

const keys: Readonly<Record<StoredEntity, readonly string[]>> = {
  metering_point: ['mpan_core'],
  appointment: ['appointment_id'],
  participant: ['mpid', 'role', 'effective_from'],
  distributor_gsp_group: ['prefix', 'gsp_group', 'effective_from'],
  meter_asset: ['device_id'],
};

/** Topic → the schema of its mirrored table. */
export type MirroredSchemas = ReadonlyMap<string, RecordSchema>;

const noMirrors: MirroredSchemas = new Map();

/** Every replicated table, reference data first, mirrored tables last. `source`: the registration source's name. */
export function reconciledTables(
  source: string,
  mapping: RegistrationMapping = {},
  mirrors: MirroredSchemas = noMirrors,
): readonly ReconciledTable[] {
  return [...flowTables(source, mapping), ...[...mirrors].map(([topic, schema]) => mirroredTable(topic, schema))];
}

function mirroredTable(topic: string, schema: RecordSchema): ReconciledTable {
  const route = mirrorRoute(topic, schema);
  const { current, history, columns } = storedTable(schema, () => true);
  const stored = new Map(columns.map((column) => [column.item, column]));
  return {
    entity: route.entity,
    route,
    current,
    history,
    items: Object.entries(route.items).map(([column, name]) => ({
      name,
      kind: 'mirrored',
      column,
      stored: quoteIdentifier(stored.get(name)?.name ?? column),
      missing: stored.get(name)?.missing ?? null,
    })),
    key: route.primaryKey.map((column) => route.items[column] ?? column),
    laneKey: null,
    topics: [topic],
  };
}

function flowTables(source: string, mapping: RegistrationMapping): readonly ReconciledTable[] {
  return registrationRoutes(source, mapping).flatMap((route) => {
    if (!isStored(route.entity)) return [];
    const { items, laneKey } = entityTables[route.entity];
    const columns = new Map(Object.entries(route.items).map(([column, item]) => [item, column]));
    return [
      {
        entity: route.entity,
        route,
        current: `metering.${route.entity}`,
        history: `metering.${route.entity}_history`,
        items: items.map(([name, kind]) => ({ name, kind, column: columns.get(name) ?? null })),
        key: keys[route.entity],
        laneKey,
        topics:
          route.topic.kind === 'one'
            ? [route.topic.topic]
            : [...new Set([...Object.values(route.topic.topics), route.topic.otherwise])],
      },
    ];
  });
}

function isStored(entity: string): entity is StoredEntity & RegistrationEntity {
  return entity in entityTables;
}
