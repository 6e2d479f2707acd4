import type { MirrorChange } from '../../avro/mirror-evolution.ts';
import { Fault } from '../../runtime/fault.ts';
import type { ColumnTypes } from './column-types.ts';
import type { TableRoute } from './contract.ts';
import { tableName } from './route-columns.ts';
import type { TableShape } from './shape-judgement.ts';

/**
 * A mirrored table has a shape that its schema does not know, and the schema may be made to know it. The source ends
 * before it tells a row of that shape, and begins anew from its last progress record: a start is where schemas are
 * registered, so that there is one way for a process that runs and for one that was killed.
 */
export class TableEvolves extends Fault {
  readonly table: string;

  constructor(table: string) {
    super('fenced', 'TABLE_EVOLVES', `${table} has a shape that its schema does not know yet.`, { table });
    this.table = table;
  }
}

/** Whether the shape is another one than the route, made from the registered schema, is about. */
export function isStrange(route: TableRoute, columns: TableShape, types: ColumnTypes): boolean {
  const { kept } = route;
  if (kept === undefined) return false;
  const there = new Set(columns.map(({ name }) => name));
  const isGone = Object.entries(kept).some(([name, { dropped }]) => !dropped && !there.has(name));
  return (
    isGone ||
    columns.some((column) => {
      const known = kept[column.name];
      return known === undefined || known.dropped || !types.isKept(known.stored, column);
    })
  );
}

/** Shapes for which the schemas have been looked at: once, because what they can not follow is a matter of parking. */
export class SettledShapes {
  readonly #seen = new Set<string>();

  /** Whether it is the first time. */
  settle(table: string, columns: TableShape): boolean {
    return this.isFirst(JSON.stringify([table, columns.map((one) => [one.name, one.typeOid, one.typeModifier])]));
  }

  /** Whether this is seen for the first time. */
  isFirst(shape: string): boolean {
    const isNew = !this.#seen.has(shape);
    this.#seen.add(shape);
    return isNew;
  }

  /** Throws if the schema of the table is to be looked at before a row of this shape is told. */
  demand(route: TableRoute, columns: TableShape, types: ColumnTypes): void {
    const table = tableName(route);
    if (isStrange(route, columns, types) && this.settle(table, columns)) throw new TableEvolves(table);
  }
}

/** What has become of a mirrored table, for people. */
export function tellChange(table: string, { kind, column, from, to }: MirrorChange): string {
  switch (kind) {
    case 'added':
      return `${table} has the column ${column} (${to ?? ''}) now: it travels from here on, and the store gets it with its first record.`;
    case 'dropped':
      return `${table} has no column ${column} (${from ?? ''}) any more: its item is empty from here on. The store keeps the column, and what rows that are not changed have in it. If it was renamed, the new name is a column of its own there.`;
    case 'widened':
      return `${table}: the column ${column} is ${to ?? ''} now, and was ${from ?? ''}: the store's column follows with the first record.`;
    case 'made-anew':
      return `${table}: the column ${column} (${to ?? ''}) was dropped and made anew: its values are read again.`;
  }
}
