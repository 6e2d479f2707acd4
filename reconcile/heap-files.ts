import type pg from 'pg';

/** A table as the pages of one file. */
export interface HeapFile {
  /** tablespace/database/file. A table that is rewritten gets another. */
  readonly id: string;
  readonly filenode: string;
  /** Pages that a snapshot taken before can see rows on. */
  readonly pages: number;
  /** The types of its columns: the same bytes of a page mean something else when they change. */
  readonly columns: string;
}

/**
 * The files of some tables, by name as it was given; without those whose rows are not told by the pages of one file alone:
 * partitioned and inherited ones, foreign ones, those that are not logged, those with policies, and those with types whose
 * text changes by what is written elsewhere. The tables must be locked.
 */
export async function readHeapFiles(
  client: pg.Client,
  names: readonly string[],
): Promise<ReadonlyMap<string, HeapFile>> {
  const { rows } = await client.query<{ name: string; id: string; filenode: string; pages: string; columns: string }>(
    `SELECT n.name, concat_ws('/', coalesce(nullif(c.reltablespace, 0), d.dattablespace), d.oid, pg_relation_filenode(c.oid)) AS id,
       pg_relation_filenode(c.oid)::text AS filenode, (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text AS pages,
       (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod), ',' ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
     FROM unnest($1::text[]) AS n(name) JOIN pg_class c ON c.oid = n.name::regclass
       JOIN pg_am m ON m.oid = c.relam JOIN pg_database d ON d.datname = current_database()
     WHERE c.relkind = 'r' AND m.amname = 'heap' AND c.relpersistence = 'p' AND NOT c.relhassubclass AND NOT c.relrowsecurity
       AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND (a.attgenerated = 'v' OR t.oid >= 16384 OR t.typname LIKE 'reg%' OR t.typname LIKE '\\_reg%'))`,
    [names],
  );
  return new Map(rows.map(({ name, pages, ...file }) => [name, { ...file, pages: Number(pages) }]));
}
