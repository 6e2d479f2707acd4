import type pg from 'pg';
import type { SourceSettings } from './contract.ts';

/** What a table looked like in the catalogue when it was looked at. What an older version did not keep is null. */
export interface Imprint {
  readonly table: string;
  /** Its oid. */
  readonly relationId: number;
  /** The files that its rows are in, its partitions' among them. */
  readonly files: string;
  /** The transactions that have touched its columns last. */
  readonly columns: string;
  /** The oid of its primary key; 0 for none. */
  readonly primaryKey: number | null;
  /**
   * The oid of its membership in the publication, or of its schema's, which is made anew with each row filter; 0 for none,
   * or one in part.
   */
  readonly membership: number | null;
  /** The transaction that has altered the publication itself last; 0 while it leaves kinds of changes out. */
  readonly publication: number | null;
  /**
   * Each of its partitions, with the transaction that made it one and the file that its rows are in: `oid/xid/file`, in
   * order. An older version did not keep the file.
   */
  readonly partitions: readonly string[] | null;
}

const notUpToDate = `NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('concord.table_imprint') AND attname = 'partitions')`;

/** Null in a database that was set up by an older version: it gets the place for them at the next `concord init`. */
export async function knownImprints(client: pg.Client, source: string): Promise<ReadonlyMap<string, Imprint> | null> {
  const { rows: lacks } = await client.query<{ lacks: boolean }>(`SELECT ${notUpToDate} AS lacks`);
  if (lacks[0]?.lacks !== false) return null;
  const { rows } = await client.query<Imprint>(
    `SELECT table_name AS "table", relation_id::float8 AS "relationId", files, columns, primary_key::float8 AS "primaryKey",
       membership::float8 AS membership, publication::float8 AS publication, partitions
     FROM concord.table_imprint WHERE source = $1`,
    [source],
  );
  return new Map(rows.map((imprint) => [imprint.table, imprint]));
}

export async function keepImprint(client: pg.Client, source: string, imprint: Imprint): Promise<void> {
  const { table, relationId, files, columns, primaryKey, membership, publication, partitions } = imprint;
  await client.query(
    `INSERT INTO concord.table_imprint (source, table_name, relation_id, files, columns, primary_key, membership, publication, partitions)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (source, table_name) DO UPDATE SET relation_id = excluded.relation_id, files = excluded.files, columns = excluded.columns,
       primary_key = excluded.primary_key, membership = excluded.membership, publication = excluded.publication, partitions = excluded.partitions`,
    [source, table, relationId, files, columns, primaryKey, membership, publication, partitions],
  );
}

export function sameImprint(a: Imprint, b: Imprint): boolean {
  return (
    a.relationId === b.relationId &&
    a.files === b.files &&
    a.columns === b.columns &&
    a.primaryKey === b.primaryKey &&
    a.membership === b.membership &&
    a.publication === b.publication &&
    a.partitions?.join() === b.partitions?.join()
  );
}

/** In one question for all tables, and without a lock on any: whoever alters one holds it for himself. */
export async function readImprints(
  client: pg.Client,
  { routes, publication }: Pick<SourceSettings, 'routes' | 'publication'>,
): Promise<readonly Imprint[]> {
  // Publications of whole schemas are there from PostgreSQL 15 on.
  const { rows: catalogue } = await client.query<{ has: boolean }>(
    `SELECT to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL AS has`,
  );
  const hasSchemas = catalogue[0]?.has === true;
  const { rows } = await client.query<Imprint>(
    `WITH RECURSIVE root AS (
       SELECT c.oid, c.relnamespace, wanted ->> 'schema' || '.' || (wanted ->> 'table') AS "table"
       FROM jsonb_array_elements($1::jsonb) wanted
       JOIN pg_namespace n ON n.nspname = wanted ->> 'schema'
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 'table' AND c.relkind IN ('r', 'p')
     ), part (root, oid, made) AS (
       SELECT oid, oid, NULL::text FROM root
       UNION SELECT part.root, i.inhrelid, i.inhrelid || '/' || i.xmin FROM part JOIN pg_inherits i ON i.inhparent = part.oid
     ), published AS (SELECT oid, xmin, puballtables AS is_all, pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot AS is_whole
       FROM pg_publication WHERE pubname = $2)
     SELECT "table", oid::int8::float8 AS "relationId",
       (SELECT md5(string_agg(f.relfilenode::text, ' ' ORDER BY f.oid)) FROM part JOIN pg_class f ON f.oid = part.oid WHERE part.root = root.oid) AS files,
       (SELECT md5(string_agg(a.attnum || ' ' || a.xmin, ',' ORDER BY a.attnum)) FROM pg_attribute a WHERE a.attrelid = root.oid AND a.attnum > 0) AS columns,
       coalesce((SELECT k.oid::int8::float8 FROM pg_constraint k WHERE k.conrelid = root.oid AND k.contype = 'p'), 0) AS "primaryKey",
       coalesce(
         (SELECT p.oid FROM published p WHERE p.is_all),
         -- Row filters and lists of columns are there from PostgreSQL 15 on.
         (SELECT CASE WHEN to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL THEN r.oid ELSE 0 END
          FROM pg_publication_rel r JOIN published p ON p.oid = r.prpubid WHERE r.prrelid = root.oid),
         ${hasSchemas ? '(SELECT s.oid FROM pg_publication_namespace s JOIN published p ON p.oid = s.pnpubid WHERE s.pnnspid = root.relnamespace)' : 'NULL'},
         0)::int8::float8 AS membership,
       coalesce((SELECT p.xmin::text::float8 FROM published p WHERE p.is_whole), 0) AS publication,
       ARRAY(SELECT part.made || '/' || f.relfilenode FROM part JOIN pg_class f ON f.oid = part.oid
         WHERE part.root = root.oid AND part.made IS NOT NULL ORDER BY part.oid) AS partitions
     FROM root`,
    [JSON.stringify(routes.map(({ schema, table }) => ({ schema, table }))), publication],
  );
  return rows;
}

/** What happened to partitions between two looks; `made` as `oid/xid`. */
export function comparePartitions(
  was: readonly string[],
  now: readonly string[],
): { readonly made: readonly string[]; readonly isOneGone: boolean; readonly isOneInAnotherFile: boolean } {
  const before = new Map(was.map(splitPartition));
  const after = new Map(now.map(splitPartition));
  const isOneInAnotherFile = [...after].some(([one, file]) => {
    const known = before.get(one);
    return known !== undefined && known !== file;
  });
  return {
    made: [...after.keys()].filter((one) => !before.has(one)),
    isOneGone: [...before.keys()].some((one) => !after.has(one)),
    isOneInAnotherFile,
  };
}

function splitPartition(partition: string): [made: string, file: string | undefined] {
  const [oid = '', xid = '', file] = partition.split('/');
  return [`${oid}/${xid}`, file];
}

/**
 * Whether one of the partitions was a table of its own before: its rows have come without a change. One that was made as
 * a partition has the columns that it was made with, all by one command.
 */
export async function hasAttached(client: pg.Client, partitions: readonly string[]): Promise<boolean> {
  const { rows } = await client.query<{ attached: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_type t ON t.oid = c.reltype JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE c.oid = ANY ($1::int8[]::oid[]) AND NOT (a.xmin = t.xmin AND a.cmin = t.cmin)) AS attached`,
    [partitions.map((one) => one.split('/')[0])],
  );
  return rows[0]?.attached === true;
}
