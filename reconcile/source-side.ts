import type pg from 'pg';
import { quoteIdentifier, quoteLiteral, quoteTable } from '../connectors/source/sql.ts';
import { isFreshSql } from './base.ts';
import {
  bucketColumns,
  bucketSql,
  type ColumnTypes,
  digestSql,
  freshSql,
  itemOf,
  keyHashSql,
  keySql,
  laneKeySql,
  onceSql,
  sourceItems,
  textsSql,
} from './canonical.ts';
import { pagesPerRange } from './range-digests.ts';
import type { ReconciledTable } from './tables.ts';

/** Which appointments are not this side's: of a metering service that is known, and that it does not play. */
export interface NotOurs {
  readonly played: readonly string[];
  readonly meteringService: string;
  /** MPIDs that the store has ever known as metering services. */
  readonly known: readonly string[];
  readonly participants: ReconciledTable;
}

/** A part of a table, in pages; null for all of it. */
export interface Pages {
  readonly from: number;
  /** Exclusive; null for the end, wherever it is. */
  readonly to: number | null;
}

/** Of a query beside it: a range of pages for each of `r.n`. */
export const pagesOfRange = 'range';

/** The SQL that reads one table of the registration database. */
export class SourceSide {
  readonly table: ReconciledTable;
  readonly #types: ColumnTypes;
  readonly #notOurs: string;
  /** The participants that rows are not ours by, as the source knows them. */
  readonly #reference: string | null;

  constructor(table: ReconciledTable, types: ColumnTypes, notOurs: NotOurs) {
    this.table = table;
    this.#types = types;
    const isJudged = table.entity === 'appointment' && table.laneKey !== null;
    this.#reference = isJudged ? referenceSql(notOurs) : null;
    this.#notOurs = isJudged ? this.#notOursSql(notOurs) : 'false';
  }

  /**
   * bucket, rows that are ours, their digests by xor and by sum, rows that are not ours. With `since`, the digests are of
   * keys alone, and the keys are told of rows that were written since then.
   */
  digests(buckets: number, pages: Pages | typeof pagesOfRange | null, since: number | null = null): string {
    const digest = since === null ? digestSql(this.table, this.#items) : keyHashSql(this.#key);
    const fresh = since === null ? '' : `, ${freshSql}`;
    const told = since === null ? '' : `, ${this.#key} AS key, ${isFreshSql('s', since)} AS fresh`;
    const { columns, grouped } = bucketColumns(buckets);
    return `SELECT ${columns}, (count(*) - count(h))::text AS not_ours${fresh}
      FROM (SELECT ${bucketSql(this.#key, buckets)} AS bucket,
              ${this.#notOurs === 'false' ? digest : `CASE WHEN NOT ${this.#notOurs} THEN ${digest} END`} AS h${told}
            FROM ${quoteTable(this.table.route)} s WHERE ${pagesSql('s', pages)} ${onceSql}) d ${grouped}`;
  }

  /** range, and the digests of the rows on its pages: of some ranges (`$1`). */
  rangeDigests(): string {
    return eachRangeSql(this.digests(1, pagesOfRange));
  }

  /** One text, which is another when the same rows have other digests than before; null where the SQL itself tells. */
  reference(): string | null {
    return this.#reference === null
      ? null
      : `SELECT string_agg(DISTINCT mpid, ' ') AS reference FROM (${this.#reference}) p(mpid)`;
  }

  /** key, digest, not ours: of the rows in some buckets (`$1`), in the order of keys. */
  listing(buckets: number): string {
    return `${this.#rows} WHERE ${bucketSql(this.#key, buckets)} = ANY ($1::int[]) ORDER BY 1`;
  }

  /** The same of the rows with some keys (`$1`). */
  byKeys(): string {
    return `${this.#rows} WHERE ${this.#hasKey}`;
  }

  /** key, lane key, items as texts, xmin: of the rows with some keys (`$1`). */
  details(): string {
    return `SELECT ${this.#key} AS key, ${laneKeySql(this.table, this.#items)} AS lane_key,
        ${textsSql(this.table, this.#items)} AS items, s.xmin::text::bigint AS xmin
      FROM ${quoteTable(this.table.route)} s WHERE ${this.#hasKey}`;
  }

  get #items(): ReturnType<typeof sourceItems> {
    return sourceItems('s', this.#types);
  }

  get #key(): string {
    return keySql(this.table, this.#items);
  }

  get #rows(): string {
    return `SELECT ${this.#key} AS key, ${digestSql(this.table, this.#items)}::text AS digest, ${this.#notOurs} AS not_ours
      FROM ${quoteTable(this.table.route)} s`;
  }

  /** By the column itself where that is possible, so that its index is used. */
  get #hasKey(): string {
    const [name] = this.table.key;
    const item = this.table.key.length === 1 && name !== undefined ? itemOf(this.table, name) : null;
    const type = item?.column === null ? '' : (this.#types.get(item?.column ?? '') ?? '');
    if (item === null || item.column === null) return `${this.#key} = ANY ($1::text[])`;
    const column = `s.${quoteIdentifier(item.column)}`;
    if (type === 'text' || type === 'varchar') return `${column} = ANY ($1::text[])`;
    if (item.kind === 'integer') return `${column} = ANY ($1::text[]::bigint[])`;
    return `${this.#key} = ANY ($1::text[])`;
  }

  #notOursSql({ played, known }: NotOurs): string {
    const column = itemOf(this.table, 'mpid').column;
    if (column === null) return 'false';
    const value = `s.${quoteIdentifier(column)}`;
    const inReference = this.#reference === null ? '' : ` OR ${value} IN (${this.#reference})`;
    return `coalesce(${value} <> ALL (${texts(played)}) AND (${value} = ANY (${texts(known)})${inReference}), false)`;
  }
}

function referenceSql({ meteringService, participants }: NotOurs): string | null {
  const mpid = itemOf(participants, 'mpid').column;
  const role = itemOf(participants, 'role').column;
  if (mpid === null || role === null) return null;
  return `SELECT p.${quoteIdentifier(mpid)} FROM ${quoteTable(participants.route)} p
    WHERE p.${quoteIdentifier(role)} = ${quoteLiteral(meteringService)} AND p.${quoteIdentifier(mpid)} IS NOT NULL`;
}

/** A query with `pagesOfRange` in it, for each range of `$1`. Without its own OFFSET 0 it would read the whole table each time. */
export function eachRangeSql(query: string): string {
  return `SELECT r.n AS range, d.* FROM unnest($1::bigint[]) AS r(n), LATERAL (${query}) d`;
}

function texts(values: readonly string[]): string {
  return `ARRAY[${values.map(quoteLiteral).join(', ')}]::text[]`;
}

/** A condition on where a row lies: the server reads those pages only. */
export function pagesSql(alias: string, pages: Pages | typeof pagesOfRange | null): string {
  if (pages === null) return 'true';
  if (pages === pagesOfRange) {
    const page = (range: string): string => `format('(%s,0)', (${range}) * ${pagesPerRange})::tid`;
    return `${alias}.ctid >= ${page('r.n')} AND ${alias}.ctid < ${page('r.n + 1')}`;
  }
  const from = `${alias}.ctid >= '(${pages.from},0)'::tid`;
  return pages.to === null ? from : `${from} AND ${alias}.ctid < '(${pages.to},0)'::tid`;
}

export async function readColumnTypes(client: pg.Client, table: ReconciledTable): Promise<ColumnTypes> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT a.attname AS name, t.typname AS type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`,
    [quoteTable(table.route)],
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}

/** 32 MiB: small enough that all workers end at about the same time. */
const pagesPerTask = 4_096;

/** A table in parts; as a whole where it is not one heap. `name`: as SQL. */
export async function partsOf(client: pg.Client, name: string): Promise<readonly (Pages | null)[]> {
  const { rows } = await client.query<{ kind: string; pages: string }>(
    `SELECT relkind AS kind, (pg_relation_size(oid) / current_setting('block_size')::bigint)::text AS pages
     FROM pg_class WHERE oid = $1::regclass`,
    [name],
  );
  const [row] = rows;
  if (row?.kind !== 'r' && row?.kind !== 'm') return [null];
  const parts: Pages[] = [];
  for (let from = 0; from === 0 || from < Number(row.pages); from += pagesPerTask) {
    const to = from + pagesPerTask;
    parts.push({ from, to: to < Number(row.pages) ? to : null });
  }
  return parts;
}
