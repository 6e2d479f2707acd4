import { Fault } from '../../runtime/fault.ts';
import type { TableRoute } from './contract.ts';

/** `schema.table`, unquoted: a name for people and for maps. */
export function tableName(table: { readonly schema: string; readonly table: string }): string {
  return `${table.schema}.${table.table}`;
}

/** Every column that the route needs of a row, the primary key first. */
export function routeColumns(route: TableRoute): readonly string[] {
  const { recordType } = route;
  return [
    ...new Set([
      ...identifyingColumns(route),
      ...Object.keys(route.items),
      ...(route.correlationColumn === null ? [] : [route.correlationColumn]),
      ...(recordType.kind === 'row-change' ? [] : [recordType.column, recordType.updateColumn]),
    ]),
  ];
}

/** The columns that decide identity, key, partition and topic, and so must be in the replica identity (P9). */
export function identifyingColumns(route: TableRoute): readonly string[] {
  const { topic } = route;
  return [...new Set([...route.primaryKey, ...route.messageKey, ...(topic.kind === 'one' ? [] : [topic.column])])];
}

/** The columns without which the rows can not be told: all but those of optional items. */
export function neededColumns(route: TableRoute): readonly string[] {
  const { optional = [] } = route;
  const identifying = identifyingColumns(route);
  return routeColumns(route).filter((column) => identifying.includes(column) || !optional.includes(column));
}

/** The types, as SQL, that a mirrored table's columns have in the store. */
export function storedTypes({ kept = {} }: TableRoute): readonly string[] {
  return Object.values(kept).map(({ stored }) => stored);
}

/** What is read of the table: an optional item may have no column. */
export function presentColumns(
  route: TableRoute,
  { columns }: { readonly columns: readonly { readonly name: string }[] },
): readonly string[] {
  const there = new Set(columns.map(({ name }) => name));
  return routeColumns(route).filter((column) => there.has(column) || neededColumns(route).includes(column));
}

/** Where a column stands among `columns`; a Fault if the table does not have it. */
export function columnPositions(route: TableRoute, columns: readonly string[]): (column: string) => number {
  return (column) => {
    const position = columns.indexOf(column);
    if (position < 0) {
      throw new Fault(
        'misconfigured',
        'SOURCE_COLUMN_MISSING',
        `The table ${tableName(route)} has no column ${column}. Correct the mapping of ${route.entity}, or the table.`,
        { table: tableName(route), column },
      );
    }
    return position;
  };
}

export function missingTable(route: Pick<TableRoute, 'schema' | 'table' | 'entity'>): Fault {
  return new Fault(
    'misconfigured',
    'SOURCE_TABLE_MISSING',
    `The table ${tableName(route)} does not exist. Correct the mapping of ${route.entity}, or make the table.`,
    { table: tableName(route) },
  );
}
