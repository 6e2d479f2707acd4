import type pg from 'pg';
import { quoteIdentifier } from '../../connectors/source/sql.ts';
import { causesOf, unexplained } from './causes.ts';
import { type Place, rowsAt } from './as-of-place.ts';
import type { ComparedTable } from './compared-tables.ts';
import { explainedKeys, keyText, mayExplain, type NoLongerThere } from './explained.ts';

/** One row that is not the same in both stores. */
export interface RowDifference {
  readonly key: string;
  readonly cause: string;
  /** Columns that differ, where both have one row of that key: [live, second]. */
  readonly columns: Readonly<Record<string, readonly [unknown, unknown]>>;
}

export interface TableComparison {
  readonly table: string;
  readonly live: number;
  readonly second: number;
  /** Keys of which the stores do not say the same. */
  readonly differing: number;
  /** Of them, keys that differ only because something is no longer there: history removed, or records expired. */
  readonly explained: number;
  /** Cause → keys, of the keys that were looked at. */
  readonly causes: Readonly<Record<string, number>>;
  readonly samples: readonly RowDifference[];
}

const bucketCount = 4_096;
const bucketsAtOnce = 32;
const keysLookedAtMax = 5_000;
const samplesMax = 5;

export interface Comparing {
  readonly source: string;
  readonly tables: readonly ComparedTable[];
  readonly gone: NoLongerThere;
  /** Where the second store is, if the live one is further: it is compared as it was there. */
  readonly place: Place | null;
}

/** Both stores, each in a snapshot of its own. Everything that a replay must repeat is compared, row for row. */
export async function compareStores(
  live: pg.Client,
  second: pg.Client,
  { source, tables, gone, place }: Comparing,
  tell: (text: string) => void,
): Promise<readonly TableComparison[]> {
  const found: TableComparison[] = [];
  for (const table of tables) {
    tell(`comparing ${table.name}`);
    found.push(await compareTable(live, second, table, source, gone, place));
  }
  return found;
}

interface Bucket {
  readonly bucket: number;
  readonly rows: string;
  readonly xor: string;
  readonly sum: string;
}

async function compareTable(
  live: pg.Client,
  second: pg.Client,
  table: ComparedTable,
  source: string,
  gone: NoLongerThere,
  place: Place | null,
): Promise<TableComparison> {
  const columns = await columnsOf(live, table, place !== null);
  const ofLive = sqlOf(table, columns, place);
  const ofSecond = sqlOf(table, columns, null);
  const sql = { live: ofLive, second: ofSecond };
  const [there, here] = await Promise.all([
    live.query<Bucket>(ofLive.digests, [source]),
    second.query<Bucket>(ofSecond.digests, [source]),
  ]);
  const buckets = differingBuckets(there.rows, here.rows);
  const causes: Record<string, number> = {};
  const samples: RowDifference[] = [];
  let differing = 0;
  let explained = 0;
  const mostLookedAt = mayExplain(gone, table) ? Number.POSITIVE_INFINITY : keysLookedAtMax;
  for (let from = 0; from < buckets.length; from += bucketsAtOnce) {
    const keys = await differingKeys(live, second, sql, source, buckets.slice(from, from + bucketsAtOnce));
    const looked = keys.slice(0, Math.max(0, mostLookedAt - differing));
    differing += keys.length;
    if (looked.length === 0) continue;
    const byRule = await causesOf(live, second, table, source, looked);
    const noLonger = await explainedKeys(
      live,
      second,
      table,
      source,
      looked,
      gone,
      (key) => byRule(key) !== unexplained,
    );
    explained += noLonger.size;
    const why = (key: string): string => noLonger.get(key) ?? byRule(key);
    for (const key of looked) {
      const cause = why(key);
      causes[cause] = (causes[cause] ?? 0) + 1;
    }
    // What needs to be looked into comes first.
    const first = looked.filter((key) => !noLonger.has(key));
    const shown = (first.length > 0 ? first : looked).slice(0, samplesMax - samples.length);
    for (const key of shown)
      samples.push({ key, cause: why(key), columns: await differenceOf(live, second, sql, source, key) });
  }
  return {
    table: table.name,
    live: sumOf(there.rows),
    second: sumOf(here.rows),
    differing,
    explained,
    causes,
    samples,
  };
}

/** `asHistory`: those that its history has, too. */
async function columnsOf(client: pg.Client, table: ComparedTable, asHistory: boolean): Promise<readonly string[]> {
  const historyOf = table.mirror?.history ?? (table.entity === null ? null : `metering.${table.entity}_history`);
  const relations = new Set(asHistory && historyOf !== null ? [table.relation, historyOf] : [table.relation]);
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid IN (SELECT to_regclass(name) FROM unnest($1::text[]) name)
       AND attnum > 0 AND NOT attisdropped GROUP BY 1 HAVING count(*) = $2 ORDER BY 1`,
    [[...relations], relations.size],
  );
  return rows.map(({ name }) => name).filter((name) => !table.without.includes(name));
}

interface BothSql {
  readonly live: TableSql;
  readonly second: TableSql;
}

interface TableSql {
  readonly digests: string;
  readonly listing: string;
  readonly rows: string;
}

function sqlOf(table: ComparedTable, columns: readonly string[], place: Place | null): TableSql {
  const key = keyText(table);
  // A mirrored table may have types that can not be hashed (json), or that say two texts are one (1.0 and 1.00).
  const asText = table.mirror === null ? '' : '::text';
  const names = columns.map(quoteIdentifier);
  const list = names.map((name) => `${name}${asText}`).join(', ');
  const shown = names.map((name) => `${name}${asText} AS ${name}`).join(', ');
  const bucket = `(hashtextextended(${key}, 0) & ${bucketCount - 1})::int`;
  const from = `${place === null ? table.relation : rowsAt(table, columns, place)} WHERE source = $1`;
  return {
    digests: `SELECT bucket, count(*)::text AS rows, bit_xor(h)::text AS xor, sum(h)::text AS sum
      FROM (SELECT ${bucket} AS bucket, hash_record_extended(row(${list}), 0) AS h FROM ${from}) d GROUP BY bucket`,
    listing: `SELECT ${key} AS key, hash_record_extended(row(${list}), 0)::text AS h FROM ${from} AND ${bucket} = ANY ($2::int[])`,
    rows: `SELECT to_jsonb(r) AS row FROM (SELECT ${shown} FROM ${from} AND ${key} = $2) r LIMIT 2`,
  };
}

function differingBuckets(there: readonly Bucket[], here: readonly Bucket[]): readonly number[] {
  const digestOf = ({ rows, xor, sum }: Bucket): string => `${rows} ${xor} ${sum}`;
  const ours = new Map(here.map((one) => [one.bucket, digestOf(one)]));
  const theirs = new Map(there.map((one) => [one.bucket, digestOf(one)]));
  return [...new Set([...ours.keys(), ...theirs.keys()])].filter((bucket) => ours.get(bucket) !== theirs.get(bucket));
}

async function differingKeys(
  live: pg.Client,
  second: pg.Client,
  sql: BothSql,
  source: string,
  buckets: readonly number[],
): Promise<readonly string[]> {
  const hashes = new Map<string, { live: string[]; second: string[] }>();
  for (const [side, client] of [
    ['live', live],
    ['second', second],
  ] as const) {
    const { rows } = await client.query<{ key: string; h: string }>(sql[side].listing, [source, buckets]);
    for (const { key, h } of rows) {
      const of = hashes.get(key) ?? { live: [], second: [] };
      of[side].push(h);
      hashes.set(key, of);
    }
  }
  return [...hashes].filter(([, of]) => of.live.sort().join() !== of.second.sort().join()).map(([key]) => key);
}

async function differenceOf(
  live: pg.Client,
  second: pg.Client,
  sql: BothSql,
  source: string,
  key: string,
): Promise<RowDifference['columns']> {
  type Row = Readonly<Record<string, unknown>>;
  const there = (await live.query<{ row: Row }>(sql.live.rows, [source, key])).rows;
  const here = (await second.query<{ row: Row }>(sql.second.rows, [source, key])).rows;
  const [a] = there;
  const [b] = here;
  if (a === undefined || b === undefined || there.length > 1 || here.length > 1) {
    return { '(rows)': [there.length, here.length] };
  }
  return Object.fromEntries(
    Object.keys(a.row)
      .filter((name) => JSON.stringify(a.row[name]) !== JSON.stringify(b.row[name]))
      .map((name) => [name, [a.row[name] ?? null, b.row[name] ?? null]]),
  );
}

function sumOf(buckets: readonly Bucket[]): number {
  return buckets.reduce((sum, { rows }) => sum + Number(rows), 0);
}
