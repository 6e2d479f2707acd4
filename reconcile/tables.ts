import {
  type RegistrationEntity,
  type RegistrationMapping,
  registrationRoutes,
} from '../connectors/registration/routes.ts';
import type { TableRoute } from '../connectors/source/contract.ts';
import { entityTables, type ItemKind, type StoredEntity } from '../connectors/metering/entities.ts';

export interface ReconciledItem {
  readonly name: string;
  readonly kind: ItemKind;
  /** The column in the registration database; null for an item that its table does not have. */
  readonly column: string | null;
}

/** A table as both sides have it. */
export interface ReconciledTable {
  readonly entity: StoredEntity;
  readonly route: TableRoute;
  readonly items: readonly ReconciledItem[];
  /** The items that name a row, in reports and when both sides are put side by side. */
  readonly key: readonly string[];
  /** The item by which its events are keyed; null for reference data. */
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

/** Every replicated table, reference data first. `source`: the registration source's name. */
export function reconciledTables(source: string, mapping: RegistrationMapping = {}): readonly ReconciledTable[] {
  return registrationRoutes(source, mapping).flatMap((route) => {
    if (!isStored(route.entity)) return [];
    const { items, laneKey } = entityTables[route.entity];
    const columns = new Map(Object.entries(route.items).map(([column, item]) => [item, column]));
    return [
      {
        entity: route.entity,
        route,
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
