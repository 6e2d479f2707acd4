import { entityTables } from '../../connectors/metering/entities.ts';

/** A table that must be the same in both stores (P26). */
export interface ComparedTable {
  readonly name: string;
  /** What names a row for people; several rows may have the same name. */
  readonly key: readonly string[];
  /** Columns that a replay can not repeat: when something was applied, and what people wrote. */
  readonly without: readonly string[];
  /** Whose rows are about an entity: where its refusals are looked for. */
  readonly entity: string | null;
  /** Where the rows are, as SQL. */
  readonly relation: string;
  /** Both tables of a mirrored one, as SQL; null for those that rules are about. */
  readonly mirror: { readonly current: string; readonly history: string } | null;
}

export const times = ['applied_at', 'superseded_at'];
export const position = ['generation', 'lsn', 'ordinal'];

const ofFlows: readonly Omit<ComparedTable, 'relation' | 'mirror'>[] = [
  ...Object.values(entityTables).flatMap(({ entity, key }) => [
    { name: entity, key, without: times, entity },
    { name: `${entity}_history`, key: [...key, ...position], without: times, entity },
  ]),
  {
    name: 'rejection',
    key: ['entity', 'entity_key', ...position, 'revision'],
    without: ['acknowledged_by', 'note'],
    entity: null,
  },
  { name: 'held', key: ['entity', 'entity_key', ...position], without: [], entity: null },
  { name: 'last_received', key: ['entity', 'entity_key', ...position], without: [], entity: null },
  { name: 'dead_letter', key: ['topic', 'partition', 'offset'], without: ['at'], entity: null },
];

export const comparedTables: readonly ComparedTable[] = ofFlows.map((table) => ({
  ...table,
  relation: `metering.${table.name}`,
  mirror: null,
}));
