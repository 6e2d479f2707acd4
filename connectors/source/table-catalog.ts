import type pg from 'pg';

export interface CatalogColumn {
  readonly name: string;
  /** The type with its modifier, as SQL: `character(5)`. */
  readonly type: string;
  /** The type's output function, by which the replication stream makes its text. */
  readonly outputFunction: string;
  readonly inPrimaryKey: boolean;
}

export interface CatalogTable {
  readonly schema: string;
  readonly table: string;
  /** d default, n nothing, f full, i index. */
  readonly replicaIdentity: string;
  /** The columns of the replica identity as far as they are an index's or the primary key's. */
  readonly identityColumns: readonly string[];
  readonly primaryKeyDeferrable: boolean;
  /** The planner's number of rows; null if it has none. */
  readonly estimate: number | null;
  readonly columns: readonly CatalogColumn[];
}

interface CatalogRow {
  readonly name: string;
  readonly type: string;
  readonly output: string;
  readonly key: boolean;
  readonly identity: string;
  readonly in_identity: boolean;
  readonly deferrable: boolean;
  readonly estimate: string;
}

/** What PostgreSQL knows of a table; null if there is none of that name. */
export async function readTable(
  client: Pick<pg.ClientBase, 'query'>,
  schema: string,
  table: string,
): Promise<CatalogTable | null> {
  const { rows } = await client.query<CatalogRow>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            quote_ident(pn.nspname) || '.' || quote_ident(p.proname) AS output,
            coalesce(a.attnum = ANY (k.indkey::int2[]), false) AS key,
            c.relreplident AS identity,
            coalesce(a.attnum = ANY (CASE c.relreplident WHEN 'd' THEN k.indkey::int2[]
              WHEN 'i' THEN (SELECT i.indkey::int2[] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) END), false)
              OR c.relreplident = 'f' AS in_identity,
            NOT coalesce(k.indimmediate, true) AS deferrable, c.reltuples::bigint AS estimate
     FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     JOIN pg_type t ON t.oid = a.atttypid
     JOIN pg_proc p ON p.oid = t.typoutput
     JOIN pg_namespace pn ON pn.oid = p.pronamespace
     LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
     ORDER BY a.attnum`,
    [schema, table],
  );
  const [first] = rows;
  if (first === undefined) return null;
  const estimate = Number(first.estimate);
  return {
    schema,
    table,
    replicaIdentity: first.identity,
    identityColumns: rows.filter((row) => row.in_identity).map((row) => row.name),
    primaryKeyDeferrable: first.deferrable,
    estimate: estimate < 0 ? null : estimate,
    columns: rows.map(({ name, type, output, key }) => ({ name, type, outputFunction: output, inPrimaryKey: key })),
  };
}

/** The tables whose rows are the table's: its leaf partitions, or itself. Each has a replica identity of its own. */
export async function readLeaves(
  client: Pick<pg.ClientBase, 'query'>,
  table: CatalogTable,
): Promise<readonly CatalogTable[]> {
  const { rows } = await client.query<{ schema: string; table: string }>(
    `SELECT n.nspname AS schema, c.relname AS "table" FROM pg_class root JOIN pg_namespace m ON m.oid = root.relnamespace, pg_partition_tree(root.oid) t
     JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE m.nspname = $1 AND root.relname = $2 AND t.isleaf AND t.level > 0 ORDER BY 1, 2`,
    [table.schema, table.table],
  );
  if (rows.length === 0) return [table];
  const leaves: CatalogTable[] = [];
  for (const leaf of rows) {
    const found = await readTable(client, leaf.schema, leaf.table);
    if (found !== null) leaves.push(found);
  }
  return leaves;
}
