import type pg from 'pg';
import { itemOf, type ItemsSql, keySql, sourceItems, storeItems, textsSql } from '../../reconcile/canonical.ts';
import { readColumnTypes } from '../../reconcile/source-side.ts';
import type { ReconciledTable } from '../../reconcile/tables.ts';
import { quoteIdentifier, quoteTable } from '../../connectors/source/sql.ts';

/** One item on both sides, as text. */
export interface ItemPair {
  readonly name: string;
  readonly registration: string | null;
  readonly metering: string | null;
  readonly differs: boolean;
}

/** One row of one table on both sides; where a side has no row, all its items are null. */
export interface RowPair {
  readonly entity: string;
  readonly key: string;
  readonly inRegistration: boolean;
  readonly inMetering: boolean;
  readonly items: readonly ItemPair[];
}

type Rows = ReadonlyMap<string, readonly (string | null)[]>;

/** The rows of one MPAN core in the tables that have one, as both sides hold them now. */
export async function readBothRows(
  registration: pg.Client,
  metering: pg.Client,
  tables: readonly ReconciledTable[],
  mpan: string,
): Promise<readonly RowPair[]> {
  const pairs: RowPair[] = [];
  for (const table of tables) {
    const there = await sourceRows(registration, table, mpan);
    const here = await storeRows(metering, table, mpan);
    for (const key of [...new Set([...there.keys(), ...here.keys()])].toSorted()) {
      pairs.push(pairOf(table, key, there.get(key), here.get(key)));
    }
  }
  return pairs;
}

function pairOf(
  table: ReconciledTable,
  key: string,
  there: readonly (string | null)[] | undefined,
  here: readonly (string | null)[] | undefined,
): RowPair {
  const items = table.items.map(({ name }, at) => {
    const registration = there?.[at] ?? null;
    const metering = here?.[at] ?? null;
    return { name, registration, metering, differs: registration !== metering };
  });
  return { entity: table.entity, key, inRegistration: there !== undefined, inMetering: here !== undefined, items };
}

async function sourceRows(client: pg.Client, table: ReconciledTable, mpan: string): Promise<Rows> {
  const { column } = itemOf(table, 'mpan_core');
  if (column === null) return new Map();
  const types = await readColumnTypes(client, table);
  const name = `s.${quoteIdentifier(column)}`;
  // By the column itself where that is possible, so that its index is used.
  const condition = ['text', 'varchar'].includes(types.get(column) ?? '') ? `${name} = $1` : `${name}::text = $1`;
  return rowsOf(client, table, sourceItems('s', types), `${quoteTable(table.route)} s WHERE ${condition}`, mpan);
}

function storeRows(client: pg.Client, table: ReconciledTable, mpan: string): Promise<Rows> {
  return rowsOf(client, table, storeItems('v'), `metering.${table.entity} v WHERE v.mpan_core = $1`, mpan);
}

async function rowsOf(
  client: pg.Client,
  table: ReconciledTable,
  items: ItemsSql,
  from: string,
  mpan: string,
): Promise<Rows> {
  const { rows } = await client.query<{ key: string; items: (string | null)[] }>(
    `SELECT ${keySql(table, items)} AS key, ${textsSql(table, items)} AS items FROM ${from}`,
    [mpan],
  );
  return new Map(rows.map((row) => [row.key, row.items]));
}
