import type pg from 'pg';
import { quoteTable } from '../connectors/source/sql.ts';
import { addDigest, Buckets, takeDigest } from './digests.ts';
import { type RangeDigests, rangesPerPart } from './range-digests.ts';
import { shareOut } from './sessions.ts';
import { type Pages, partsOf, type SourceSide } from './source-side.ts';
import type { StoreSide } from './store-side.ts';

const bucketsMax = 1_024;
const rangesPerTaskMin = 32;
const tasksMin = 8;

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
  readonly values?: readonly unknown[];
  readonly take: (buckets: Buckets, row: Row) => void;
}

/** What is to be read of one table on one side. */
export interface TableScan {
  readonly buckets: Buckets;
  /** Of the keys alone, with those of the rows that were written since that transaction id; null for the digests of rows. */
  readonly since: number | null;
  /** Range by range of its pages, as far as they are not known; null for all of it. */
  readonly ranges: RangeDigests | null;
}

/** Reads the digests of all tables of the registration database. */
export async function scanSource(
  clients: readonly pg.Client[],
  sides: ReadonlyMap<SourceSide, TableScan>,
  tell: (done: number, of: number) => void,
): Promise<void> {
  const tasks: Task[] = [];
  for (const [side, { buckets, since, ranges }] of sides) {
    if (ranges !== null) {
      tasks.push(...rangeTasks(buckets, ranges, side.rangeDigests()));
      continue;
    }
    for (const pages of await parts(clients, quoteTable(side.table.route))) {
      tasks.push({ buckets, sql: side.digests(buckets.size, pages, since), take: takeSource });
    }
  }
  await run(clients, tasks, tell);
  for (const { buckets, ranges } of sides.values()) {
    if (ranges === null) continue;
    const { digest, notOurs } = ranges.total;
    const bucket = buckets.at(0);
    addDigest(bucket.source, digest);
    bucket.notOurs += notOurs;
  }
}

/** Reads the digests of what the store had at the point. */
export async function scanStore(
  clients: readonly pg.Client[],
  sides: ReadonlyMap<StoreSide, TableScan>,
  tell: (done: number, of: number) => void,
): Promise<void> {
  const tasks: Task[] = [];
  for (const [side, { buckets, ranges }] of sides) {
    if (ranges !== null) tasks.push(...rangeTasks(buckets, ranges, side.rangeDigests()));
    for (const pages of ranges === null ? await parts(clients, side.current) : []) {
      tasks.push({ buckets, sql: side.currentDigests(buckets.size, pages), take: takeVersions });
    }
    tasks.push({ buckets, sql: side.pastDigests(buckets.size), take: takeVersions });
    if (side.table.laneKey === null) continue;
    tasks.push({ buckets, sql: side.troubleDigests(buckets.size), take: takeTroubles });
    tasks.push({ buckets, sql: side.troubleHorizon(), take: (of, row) => of.sees(textOrNull(row, 'lsn')) });
  }
  await run(clients, tasks, tell);
  for (const { buckets, ranges } of sides.values()) {
    if (ranges === null) continue;
    const { digest } = ranges.total;
    const bucket = buckets.at(0);
    addDigest(bucket.store, digest);
    bucket.versions += Number(digest[0]);
  }
}

function rangeTasks(buckets: Buckets, ranges: RangeDigests, sql: string): readonly Task[] {
  const take = (of: Buckets, row: Row): void => {
    ranges.take(Number(row['range']), {
      digest: [text(row, 'rows'), text(row, 'xor'), text(row, 'sum')],
      notOurs: Number(row['not_ours'] ?? 0),
      unseen: Number(row['unseen'] ?? 0),
    });
    of.sees(textOrNull(row, 'later'));
  };
  const { missing } = ranges;
  // Few of them are shared out among the sessions, too.
  const size = Math.min(rangesPerPart, Math.max(rangesPerTaskMin, Math.ceil(missing.length / tasksMin)));
  return Array.from({ length: Math.ceil(missing.length / size) }, (_, at) => {
    const from = at * size;
    return { buckets, sql, values: [missing.slice(from, from + size)], take };
  });
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
  await shareOut(clients, tasks, async (client, { buckets, sql, values = [], take }) => {
    const { rows } = await client.query<Row>(sql, [...values]);
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
