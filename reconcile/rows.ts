import type pg from 'pg';
import type { RowSides, StoreTrouble, StoreVersion } from './agreement.ts';
import { bucketSql } from './canonical.ts';
import type { SourceSide } from './source-side.ts';
import type { StoreSide } from './store-side.ts';

export interface SourceRow {
  readonly key: string;
  readonly digest: string;
  readonly not_ours: boolean;
}

export interface StoreRow {
  readonly key: string;
  readonly lane_key: string;
  readonly digest: string | null;
  /** Null for a version. */
  readonly outcome: StoreTrouble['outcome'] | null;
  /** Of a refused event: it has not replaced a good version. */
  readonly kept: boolean | null;
}

/** A row as texts, in the order of its table's items. */
export type ItemTexts = readonly (string | null)[];

/** The value of an item that differs, on both sides, as text. */
export interface ItemValues {
  readonly registration: string | null;
  readonly metering: string | null;
}

/** A version of the store, as it says it came about. What somebody has put there himself may say nothing of it. */
export interface StoreDetails {
  readonly key: string;
  readonly lane_key: string;
  readonly items: ItemTexts;
  readonly unsent: readonly string[] | null;
  readonly xid: string | null;
  readonly generation: number | null;
  readonly lsn: string | null;
  readonly ordinal: number | null;
  readonly committed_at: Date | null;
  readonly applied_at: Date | null;
}

const rowsPerFetch = 5_000;

/** Rows of a query, a few at a time, however many there are. */
async function* cursor<R extends pg.QueryResultRow>(
  client: pg.Client,
  sql: string,
  values: readonly unknown[],
): AsyncGenerator<R> {
  await client.query(`DECLARE concord_reconcile NO SCROLL CURSOR FOR ${sql}`, [...values]);
  for (;;) {
    const { rows } = await client.query<R>(`FETCH ${rowsPerFetch} FROM concord_reconcile`);
    yield* rows;
    if (rows.length < rowsPerFetch) break;
  }
  await client.query('CLOSE concord_reconcile');
}

export interface BothSides {
  readonly source: SourceSide;
  readonly sourceClient: pg.Client;
  readonly store: StoreSide;
  readonly storeClient: pg.Client;
}

/** The rows of some buckets from both sides, put together by key, in the order of keys. */
export async function* rowsOfBuckets(
  both: BothSides,
  buckets: number,
  chosen: readonly number[],
): AsyncGenerator<RowSides> {
  const there = cursor<SourceRow>(both.sourceClient, both.source.listing(buckets), [chosen]);
  const here = cursor<StoreRow>(both.storeClient, both.store.listing(buckets), [chosen]);
  yield* together(there, here);
}

/** The rows whose good version a refused event has not replaced, there or not, so many at once. */
export async function* overruledRows(both: BothSides, batch: number): AsyncGenerator<readonly RowSides[]> {
  if (both.store.table.laneKey === null) return;
  let keys: string[] = [];
  for await (const { key } of cursor<{ key: string }>(both.storeClient, both.store.overruled(), [])) {
    keys.push(key);
    if (keys.length < batch) continue;
    yield await rowsOfKeys(both, keys);
    keys = [];
  }
  if (keys.length > 0) yield await rowsOfKeys(both, keys);
}

/** The rows with some keys. Keys that are on neither side are left out. */
export async function rowsOfKeys(both: BothSides, keys: readonly string[]): Promise<readonly RowSides[]> {
  const [there, here] = await Promise.all([
    both.sourceClient.query<SourceRow>(both.source.byKeys(), [keys]),
    both.storeClient.query<StoreRow>(both.store.byKeys(), [keys]),
  ]);
  const found: RowSides[] = [];
  for await (const row of together(inOrder(there.rows), inOrder(here.rows))) found.push(row);
  return found;
}

/** The same, each with its bucket. */
export async function bucketRowsOfKeys(
  both: BothSides,
  buckets: number,
  keys: readonly string[],
): Promise<readonly { readonly row: RowSides; readonly bucket: number }[]> {
  const rows = await rowsOfKeys(both, keys);
  const { rows: found } = await both.storeClient.query<{ bucket: number }>(
    `SELECT ${bucketSql('key COLLATE "C"', buckets)} AS bucket FROM unnest($1::text[]) WITH ORDINALITY AS k(key, n) ORDER BY n`,
    [rows.map(({ key }) => key)],
  );
  return rows.map((row, at) => ({ row, bucket: found[at]?.bucket ?? 0 }));
}

/** The order of bytes, as the databases give it by COLLATE "C". */
export function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function* inOrder<R extends { readonly key: string }>(rows: readonly R[]): AsyncGenerator<R> {
  yield* rows.toSorted((a, b) => compareBytes(a.key, b.key));
}

/** Merges rows of both sides that come in the order of their keys. */
export async function* together(
  there: AsyncGenerator<SourceRow>,
  here: AsyncGenerator<StoreRow>,
): AsyncGenerator<RowSides> {
  let source = await there.next();
  let store = await here.next();
  while (source.done !== true || store.done !== true) {
    const sourceKey = source.done === true ? null : source.value.key;
    const storeKey = store.done === true ? null : store.value.key;
    const key = smaller(sourceKey, storeKey);
    let row: RowSides['source'] = null;
    if (source.done !== true && sourceKey === key) {
      row = { digest: source.value.digest, notOurs: source.value.not_ours };
      source = await there.next();
    }
    const versions: StoreVersion[] = [];
    const troubles: StoreTrouble[] = [];
    while (store.done !== true && store.value.key === key) {
      const { lane_key: laneKey, digest, outcome, kept } = store.value;
      if (outcome !== null) troubles.push({ laneKey, outcome, digest, hasKept: kept === true });
      else versions.push({ laneKey, digest: digest ?? '' });
      store = await here.next();
    }
    yield { key, source: row, versions, troubles };
  }
}

function smaller(a: string | null, b: string | null): string {
  if (a === null) return b ?? '';
  if (b === null) return a;
  return compareBytes(a, b) <= 0 ? a : b;
}
