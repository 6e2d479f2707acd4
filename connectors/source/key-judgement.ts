import type pg from 'pg';
import type { TableRoute } from './contract.ts';
import type { ParkCode } from './parked-tables.ts';
import type { Relation } from './pgoutput.ts';
import { identifyingColumns, tableName } from './route-columns.ts';
import type { ShapeNote } from './shape-judgement.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import { type CatalogTable, readLeaves, readTable } from './table-catalog.ts';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** Whether what was parked is to be followed by a reading of the whole table: rows that share a key may have hidden each other. */
export function isOfKey(code: ParkCode): boolean {
  return code === 'PRIMARY_KEY_DIFFERS' || code === 'REPLICA_IDENTITY';
}

/** `schema.table` → the columns of its primary key, none for a table without one, in one question for all tables that exist. */
export async function readKeys(
  client: Queryable,
  routes: readonly TableRoute[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await client.query<{ table: string; key: readonly string[] }>(
    `SELECT wanted ->> 'schema' || '.' || (wanted ->> 'table') AS "table",
       ARRAY(SELECT a.attname::text FROM pg_index k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.indkey::int2[])
             WHERE k.indrelid = c.oid AND k.indisprimary) AS key
     FROM jsonb_array_elements($1::jsonb) wanted
     JOIN pg_namespace n ON n.nspname = wanted ->> 'schema'
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 'table' AND c.relkind IN ('r', 'p')`,
    [JSON.stringify(routes.map(({ schema, table }) => ({ schema, table })))],
  );
  return new Map(rows.map(({ table, key }) => [table, key]));
}

/** What stands against the primary key that the table has now: null if it is the one by which its rows are told apart. */
export function keyNote(route: TableRoute, key: readonly string[]): ShapeNote | null {
  const { primaryKey } = route;
  if (key.toSorted().join('\0') === primaryKey.toSorted().join('\0')) return null;
  const table = tableName(route);
  const quoted = quoteTable(route);
  const from = primaryKey.join(', ');
  const to = key.length === 0 ? null : key.join(', ');
  const drop = to === null ? '' : `DROP CONSTRAINT … (its primary key), `;
  const other =
    route.kept === undefined
      ? `map ${route.entity} to a table with that key`
      : `keep the new key: rename the table, configure its new name in the place of ${route.table}, run \`concord init\`, start both sides again, and \`concord resume\` it under its new name; all of it is read into a topic and a table of its own, and those of ${table} stay as they are`;
  return {
    code: 'PRIMARY_KEY_DIFFERS',
    column: '',
    from,
    to,
    text: `${table}: the primary key is ${to === null ? 'gone' : `(${to}) now`}, and its rows are told apart by (${from}): two of them could share a key, and only one of them would be seen.`,
    fix: `ALTER TABLE ${quoted} ${drop}ADD PRIMARY KEY (${primaryKey.map(quoteIdentifier).join(', ')}), and then \`concord resume ${table}\`, which also reads all of it again; or ${other}.`,
  };
}

/** What stands against a relation as the stream announces it: its deletes, or its rows, would not say which row they are. */
export function identityNote(route: TableRoute, { replicaIdentity, columns }: Relation): ShapeNote | null {
  const there = columns.flatMap(({ name, inIdentity }) => (inIdentity ? [name] : []));
  // The default identity is the primary key, and an empty one says that there is none.
  const against = replicaIdentity === 'd' ? keyNote(route, there) : null;
  if (against !== null) return against;
  const names = new Set(columns.map(({ name }) => name));
  const lacking = identifyingColumns(route).filter((column) => names.has(column) && !there.includes(column));
  return lacking.length === 0 ? null : lackingNote(route, `${tableName(route)}`, lacking);
}

/** The same as the catalogue has it by now, with all partitions. */
export async function readKeyNote(client: Queryable, route: TableRoute): Promise<ShapeNote | null> {
  const table = await readTable(client, route.schema, route.table);
  if (table === null) return null;
  const key = table.columns.filter(({ inPrimaryKey }) => inPrimaryKey).map(({ name }) => name);
  const [lacking] = lackingIdentities(route, table, await readLeaves(client, table));
  return (
    keyNote(route, key) ?? (lacking === undefined ? null : lackingNote(route, tableName(lacking.of), lacking.columns))
  );
}

/**
 * What the stream can not show: a partition whose replica identity is an index without the key sends no old row when only
 * the key changes. `schema.table` → what stands against it, for the tables that have such a partition.
 */
export async function readSilentPartitions(
  client: Queryable,
  routes: readonly TableRoute[],
): Promise<ReadonlyMap<string, ShapeNote>> {
  const { rows } = await client.query<{ table: string; partition: string; identity: readonly string[] }>(
    `WITH RECURSIVE part (root, oid) AS (
       SELECT wanted ->> 'schema' || '.' || (wanted ->> 'table'), c.oid FROM jsonb_array_elements($1::jsonb) wanted
       JOIN pg_namespace n ON n.nspname = wanted ->> 'schema'
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 'table' AND c.relkind = 'p'
       UNION SELECT part.root, i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid
     )
     SELECT part.root AS "table", n.nspname || '.' || c.relname AS partition,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.indkey::int2[])) AS identity
     FROM part JOIN pg_class c ON c.oid = part.oid AND c.relkind = 'r' AND c.relreplident = 'i' JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_index k ON k.indrelid = c.oid AND k.indisreplident ORDER BY 1, 2`,
    [JSON.stringify(routes.map(({ schema, table }) => ({ schema, table })))],
  );
  const notes = new Map<string, ShapeNote>();
  for (const { table, partition, identity } of rows) {
    const route = routes.find((one) => tableName(one) === table);
    const lacking = route === undefined ? [] : identifyingColumns(route).filter((column) => !identity.includes(column));
    if (route !== undefined && lacking.length > 0 && !notes.has(table))
      notes.set(table, lackingNote(route, partition, lacking));
  }
  return notes;
}

export interface LackingIdentity {
  readonly of: CatalogTable;
  readonly columns: readonly string[];
}

/** The table and its partitions, as far as their replica identities lack columns. */
export function lackingIdentities(
  route: TableRoute,
  table: CatalogTable,
  leaves: readonly CatalogTable[],
): readonly LackingIdentity[] {
  const there = identifyingColumns(route).filter((column) => table.columns.some(({ name }) => name === column));
  if (there.length < identifyingColumns(route).length) return [];
  // A table without partitions is its own leaf.
  const ones = new Map([table, ...leaves].map((one) => [tableName(one), one]));
  return [...ones.values()].flatMap((of) => {
    const columns = there.filter((column) => !of.identityColumns.includes(column));
    return columns.length === 0 ? [] : [{ of, columns }];
  });
}

/** A change has come without what its row was: a partition has another replica identity than its table. */
export function lackingRowNote(route: TableRoute): ShapeNote {
  const table = tableName(route);
  return {
    ...lackingNote(route, `a partition of ${table}`, identifyingColumns(route)),
    text: `${table}: a change has come without the row that was there before, because the replica identity of a partition does not hold it: topic and key of that row are not known.`,
  };
}

function lackingNote(route: TableRoute, name: string, columns: readonly string[]): ShapeNote {
  const table = tableName(route);
  return {
    code: 'REPLICA_IDENTITY',
    column: columns.join(', '),
    from: null,
    to: null,
    text: `The replica identity of ${name} does not hold ${columns.join(', ')}: a delete would not say which topic and key it belongs to.`,
    fix: `Run \`concord init\`, which sets it for the table and each partition, and then \`concord resume ${table}\`, which also reads all of it again. Rows that were deleted meanwhile are then found, and deleted in the store, by \`concord reconcile --table ${route.entity} --repair\`.`,
  };
}
