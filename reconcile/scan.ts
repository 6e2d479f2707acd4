import type pg from 'pg';
import { quoteTable } from '../connectors/source/sql.ts';
import { addDigest, Buckets, takeDigest } from './digests.ts';
import { shareOut } from './sessions.ts';
import { type Pages, partsOf, type SourceSide } from './source-side.ts';
import type { StoreSide } from './store-side.ts';

const bucketsMax = 1_024;

/**
 * Enough buckets that one that differs is little to read, and few enough to be grouped in little memory. `isWhole`: one for
 * the whole table, which costs half as much, and is enough as long as it is the same on both sides.
 */
export function newBuckets(isReference: boolean, isWhole: boolean): Buckets {
  return new Buckets(isWhole ? 1 : isReference ? 64 : bucketsMax);
}

interface Row {
  readonly [name: string]: string | readonly string[] | null | undefined;
  readonly fresh?: readonly string[] | null;
}

interface Task {
  readonly buckets: Buckets;
  readonly sql: string;
  readonly take: (buckets: Buckets, row: Row) => void;
}

/** Reads the digests of all tables of the registration database. */
export async function scanSource(
  clients: readonly pg.Client[],
  sides: ReadonlyMap<SourceSide, Buckets>,
  since: number | null,
  tell: (done: number, of: number) => void,
): Promise<void> {
  const tasks: Task[] = [];
  for (const [side, buckets] of sides) {
    for (const pages of await parts(clients, quoteTable(side.table.route))) {
      tasks.push({ buckets, sql: side.digests(buckets.size, pages, since), take: takeSource });
    }
  }
  await run(clients, tasks, tell);
}

/** Reads the digests of what the store had at the point. */
export async function scanStore(
  clients: readonly pg.Client[],
  sides: ReadonlyMap<StoreSide, Buckets>,
  tell: (done: number, of: number) => void,
): Promise<void> {
  const tasks: Task[] = [];
  for (const [side, buckets] of sides) {
    for (const pages of await parts(clients, side.current)) {
      tasks.push({ buckets, sql: side.currentDigests(buckets.size, pages), take: takeVersions });
    }
    tasks.push({ buckets, sql: side.pastDigests(buckets.size), take: takeVersions });
    if (side.table.laneKey === null) continue;
    tasks.push({ buckets, sql: side.troubleDigests(buckets.size), take: takeTroubles });
    tasks.push({ buckets, sql: side.troubleHorizon(), take: (of, row) => of.sees(textOrNull(row, 'lsn')) });
  }
  await run(clients, tasks, tell);
}

async function parts(clients: readonly pg.Client[], name: string): Promise<readonly (Pages | null)[]> {
  const [client] = clients;
  return client === undefined ? [] : partsOf(client, name);
}

async function run(
  clients: readonly pg.Client[],
  tasks: readonly Task[],
  tell: (done: number, of: number) => void,
): Promise<void> {
  let done = 0;
  tell(done, tasks.length);
  await shareOut(clients, tasks, async (client, { buckets, sql, take }) => {
    const { rows } = await client.query<Row>(sql);
    for (const row of rows) {
      take(buckets, row);
      for (const key of row.fresh ?? []) buckets.fresh.add(key);
    }
    done += 1;
    tell(done, tasks.length);
  });
}

function takeSource(buckets: Buckets, row: Row): void {
  const bucket = buckets.at(Number(row['bucket']));
  addDigest(bucket.source, [text(row, 'rows'), text(row, 'xor'), text(row, 'sum')]);
  bucket.notOurs += Number(row['not_ours']);
}

function takeVersions(buckets: Buckets, row: Row): void {
  const bucket = buckets.at(Number(row['bucket']));
  addDigest(bucket.store, [text(row, 'rows'), text(row, 'xor'), text(row, 'sum')]);
  bucket.versions += Number(row['rows']);
  buckets.sees(textOrNull(row, 'later'));
}

function takeTroubles(buckets: Buckets, row: Row): void {
  const bucket = buckets.at(Number(row['bucket']));
  takeDigest(bucket.store, [text(row, 'versions'), text(row, 'version_xor'), text(row, 'version_sum')]);
  addDigest(bucket.store, [text(row, 'events'), text(row, 'event_xor'), text(row, 'event_sum')]);
  bucket.rejected += Number(row['rejected']);
  bucket.held += Number(row['held']);
  bucket.loading += Number(row['loading']);
  bucket.refusedInSource += Number(row['in_source']);
  bucket.refusedInStore += Number(row['in_store']);
}

function text(row: Row, name: string): string {
  const value = textOrNull(row, name);
  if (value === null) throw new RangeError(`the server told no ${name}`);
  return value;
}

function textOrNull(row: Row, name: string): string | null {
  const value = row[name];
  return typeof value === 'string' ? value : null;
}
