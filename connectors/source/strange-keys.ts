import pg from 'pg';
import type { ColumnTypes } from './column-types.ts';
import type { TableRoute } from './contract.ts';
import { PgoutputParser, type PgoutputListener } from './pgoutput.ts';
import type { ParkedRecord } from './parked-record.ts';
import { identifyingColumns } from './route-columns.ts';
import type { TableShape } from './shape-judgement.ts';
import type { Tuple } from './tuple.ts';

/** Type, as SQL → texts that came as a part of a key and that the type does not take. */
export type StrangeKeys = ReadonlyMap<string, ReadonlySet<string>>;

/** A column of the key that came with another type than the store's. */
export interface StrangeColumn {
  readonly column: number;
  /** The store's type, as SQL. */
  readonly stored: string;
}

/** `names`: what the shape's columns are called for the route. */
export function strangeColumns(
  route: TableRoute,
  shape: TableShape,
  names: readonly string[],
  types: ColumnTypes,
): readonly StrangeColumn[] {
  const identifying = identifyingColumns(route);
  return shape.flatMap((column, index) => {
    const name = names[index] ?? '';
    const stored = route.kept?.[name]?.stored;
    const isStrange = stored !== undefined && identifying.includes(name) && !types.isKept(stored, column);
    return isStrange ? [{ column: index, stored }] : [];
  });
}

export function isStrangeRow(row: Tuple, columns: readonly StrangeColumn[], strange: StrangeKeys): boolean {
  return columns.some(({ column, stored }) => strange.get(stored)?.has(row.text(column) ?? '') === true);
}

/**
 * What keys of parked rows the store's types do not take. The table's columns have those types again, so that such rows
 * are in it no more, and never were in the store: told, they would only stop it.
 */
export async function findStrangeKeys(
  client: Pick<pg.ClientBase, 'query'>,
  records: readonly ParkedRecord[],
  columnsOf: (relation: TableShape) => readonly StrangeColumn[],
): Promise<StrangeKeys> {
  const texts = new Map<string, Set<string>>();
  let columns: readonly StrangeColumn[] = [];
  const collect = (row: Tuple): void => {
    for (const { column, stored } of columns) {
      const text = row.text(column);
      if (text === null) continue;
      const known = texts.get(stored);
      if (known === undefined) texts.set(stored, new Set([text]));
      else known.add(text);
    }
  };
  const nothing = (): void => {};
  const listener: PgoutputListener = {
    received: nothing,
    begin: nothing,
    commit: nothing,
    truncate: nothing,
    message: nothing,
    relation: (relation) => {
      columns = columnsOf(relation.columns);
    },
    insert: (_id, row) => collect(row),
    update: (_id, row, old) => {
      collect(row);
      if (old !== null) collect(old);
    },
    delete: (_id, old) => collect(old),
  };
  const parser = new PgoutputParser(listener);
  for (const { message } of records) parser.parse(message, 0);
  const strange = new Map<string, ReadonlySet<string>>();
  for (const [stored, found] of texts) strange.set(stored, new Set(await notTaken(client, stored, [...found])));
  return strange;
}

/** Halves what is refused: `pg_input_is_valid` is not there before PostgreSQL 16. */
async function notTaken(
  client: Pick<pg.ClientBase, 'query'>,
  type: string,
  texts: readonly string[],
): Promise<readonly string[]> {
  try {
    await client.query(`SELECT count(text::${type}) FROM unnest($1::text[]) text`, [texts]);
    return [];
  } catch (error) {
    // Class 22: the value is at fault.
    if (!(error instanceof pg.DatabaseError) || error.code?.startsWith('22') !== true) throw error;
  }
  if (texts.length === 1) return texts;
  const half = texts.length >> 1;
  return [
    ...(await notTaken(client, type, texts.slice(0, half))),
    ...(await notTaken(client, type, texts.slice(half))),
  ];
}
