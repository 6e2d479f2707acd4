import type pg from 'pg';
import type { SourceSettings } from './contract.ts';
import { askForWholeTable } from './read-whole.ts';
import { tableName } from './route-columns.ts';

/** What a table looked like in the catalogue when it was looked at last. */
interface Imprint {
  readonly table: string;
  /** Its oid. */
  readonly relationId: number;
  /** The files that its rows are in, its partitions' among them. */
  readonly files: string;
  /**
   * The transactions that have touched its columns last; then the oids of its primary key, and of its membership in the
   * publication, 0 for none. Older versions wrote the first only.
   */
  readonly columns: string;
}

/** A table that is read again, because something was done to it that the stream does not tell. */
export interface RewrittenTable {
  readonly table: string;
  readonly because: 'rewritten' | 'key' | 'publication';
  /** Null if a snapshot that has not begun yet waited already. */
  readonly job: number | null;
}

/**
 * Asks for a snapshot of each table that an ALTER TABLE has rewritten since it was looked at last: `ALTER COLUMN … TYPE …
 * USING` may change every value, and the stream tells none of them. Such a statement touches the columns' entries and
 * puts the rows into another file. VACUUM FULL, CLUSTER and TRUNCATE do the one, SET NOT NULL or a new default the other.
 * The same for a primary key that was dropped and made anew, and a table that was out of the publication, between two looks.
 * Asked for first and noted after it: killed between the two, it is asked for once more.
 */
export async function readRewrittenAgain(
  client: pg.Client,
  { name: source, routes, publication }: Pick<SourceSettings, 'name' | 'routes' | 'publication'>,
): Promise<readonly RewrittenTable[]> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('concord.table_imprint') IS NOT NULL AS there`,
  );
  // A database that was set up by an older version gets it at the next `concord init`.
  if (rows[0]?.there !== true) return [];
  const before = await knownImprints(client, source);
  const rewritten: RewrittenTable[] = [];
  for (const now of await imprints(client, { routes, publication })) {
    const { table, relationId, files, columns } = now;
    const was = before.get(table);
    if (was?.relationId === relationId && was.files === files && was.columns === columns) continue;
    const route = routes.find((one) => tableName(one) === table);
    // Another table under the name (TABLE_REPLACED) is read by whoever resumes the table with it.
    const because = was?.relationId === relationId ? whatHappened(was, now) : null;
    if (because !== null && route !== undefined)
      rewritten.push({ table, because, job: await askForWholeTable(client, source, route) });
    await client.query(
      `INSERT INTO concord.table_imprint VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (source, table_name) DO UPDATE SET relation_id = excluded.relation_id, files = excluded.files, columns = excluded.columns`,
      [source, table, relationId, files, columns],
    );
  }
  return rewritten;
}

function whatHappened(was: Imprint, now: Imprint): RewrittenTable['because'] | null {
  const [columnsBefore, keyBefore = '0', publishedBefore = ''] = was.columns.split(' ');
  const [columns, key = '0', published = '0'] = now.columns.split(' ');
  if (was.files !== now.files && columnsBefore !== columns) return 'rewritten';
  // As long as it has none, it is parked, and it is read when it is resumed.
  if (keyBefore !== '0' && key !== '0' && keyBefore !== key) return 'key';
  return publishedBefore !== '' && published !== '0' && publishedBefore !== published ? 'publication' : null;
}

export function tellRewritten({ table, because, job }: RewrittenTable): string {
  const again = `it is read again${job === null ? '' : ` as snapshot ${job}`}`;
  const deletes = `Rows that were deleted meanwhile are found, and deleted in the store, by \`concord reconcile --repair\`.`;
  switch (because) {
    case 'rewritten':
      return `${table} was rewritten by an ALTER TABLE, which may change values and tells no change: ${again}. Nothing is to be done.`;
    case 'key':
      return `${table} has its primary key anew, and rows may have shared a key as long as it had none: ${again}. Nothing is to be done.`;
    case 'publication':
      return `${table} was taken out of the publication and is in it again, and what was changed meanwhile was not sent: ${again}. ${deletes}`;
  }
}

async function knownImprints(client: pg.Client, source: string): Promise<ReadonlyMap<string, Imprint>> {
  const { rows } = await client.query<Imprint>(
    `SELECT table_name AS "table", relation_id::float8 AS "relationId", files, columns FROM concord.table_imprint WHERE source = $1`,
    [source],
  );
  return new Map(rows.map((imprint) => [imprint.table, imprint]));
}

/** In one question for all tables, and without a lock on any: whoever alters one holds it for himself. */
async function imprints(
  client: pg.Client,
  { routes, publication }: Pick<SourceSettings, 'routes' | 'publication'>,
): Promise<readonly Imprint[]> {
  const { rows } = await client.query<Imprint>(
    `WITH RECURSIVE root AS (
       SELECT c.oid, wanted ->> 'schema' || '.' || (wanted ->> 'table') AS "table"
       FROM jsonb_array_elements($1::jsonb) wanted
       JOIN pg_namespace n ON n.nspname = wanted ->> 'schema'
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 'table' AND c.relkind IN ('r', 'p')
     ), part (root, oid) AS (
       SELECT oid, oid FROM root UNION SELECT part.root, i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid
     )
     SELECT "table", oid::int8::float8 AS "relationId",
       (SELECT md5(string_agg(f.relfilenode::text, ' ' ORDER BY f.oid)) FROM part JOIN pg_class f ON f.oid = part.oid WHERE part.root = root.oid) AS files,
       (SELECT md5(string_agg(a.attnum || ' ' || a.xmin, ',' ORDER BY a.attnum)) FROM pg_attribute a WHERE a.attrelid = root.oid AND a.attnum > 0)
         || ' ' || coalesce((SELECT k.oid FROM pg_constraint k WHERE k.conrelid = root.oid AND k.contype = 'p'), 0)
         || ' ' || coalesce((SELECT r.oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = root.oid AND p.pubname = $2), 0) AS columns
     FROM root`,
    [JSON.stringify(routes.map(({ schema, table }) => ({ schema, table }))), publication],
  );
  return rows;
}
