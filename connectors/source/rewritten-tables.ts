import type pg from 'pg';
import type { SourceSettings } from './contract.ts';
import { askForWholeTable } from './read-whole.ts';
import { tableName } from './route-columns.ts';
import {
  comparePartitions,
  hasAttached,
  type Imprint,
  keepImprint,
  knownImprints,
  readImprints,
  sameImprint,
} from './table-imprint.ts';

/** What was done to a table that the stream does not tell. */
export interface RewrittenTable {
  readonly table: string;
  readonly because: 'rewritten' | 'key' | 'publication' | 'attached' | 'detached' | 'emptied';
  /** The snapshot by which it is read again; null if one that has not begun yet waited already, or none helps. */
  readonly job: number | null;
}

/**
 * Asks for a snapshot of each table that an ALTER TABLE has rewritten since it was looked at last: `ALTER COLUMN … TYPE …
 * USING` may change every value, and the stream tells none of them. Such a statement touches the columns' entries and
 * puts the rows into another file. VACUUM FULL, CLUSTER and TRUNCATE do the one, SET NOT NULL or a new default the other.
 * The same for a primary key that was dropped and made anew, a table that was not or not wholly published, and a partition
 * that was a table before, between two looks. A partition that is truncated by itself is in another file, and in the
 * stream there is nothing of it, because it is published as its table; VACUUM FULL of it looks the same. Asked for first and noted after it: killed between the two, it is asked for
 * once more.
 */
export async function readRewrittenAgain(
  client: pg.Client,
  { name: source, routes, publication }: Pick<SourceSettings, 'name' | 'routes' | 'publication'>,
): Promise<readonly RewrittenTable[]> {
  const before = await knownImprints(client, source);
  if (before === null) return [];
  const rewritten: RewrittenTable[] = [];
  for (const now of await readImprints(client, { routes, publication })) {
    const was = before.get(now.table);
    if (was !== undefined && sameImprint(was, now)) continue;
    const route = routes.find((one) => tableName(one) === now.table);
    // Another table under the name (TABLE_REPLACED) is read by whoever resumes the table with it.
    const because = was?.relationId === now.relationId ? await whatHappened(client, was, now) : null;
    if (because !== null && route !== undefined) {
      const job =
        because === 'detached' || because === 'emptied' ? null : await askForWholeTable(client, source, route);
      rewritten.push({ table: now.table, because, job });
    }
    await keepImprint(client, source, now);
  }
  return rewritten;
}

/** First what may have deleted rows without a word, because it is told with more. */
async function whatHappened(client: pg.Client, was: Imprint, now: Imprint): Promise<RewrittenTable['because'] | null> {
  // As long as it is published in part or not at all, it is a finding; it is read when it is whole.
  const isPublished = now.membership !== 0 && now.publication !== 0;
  if (isPublished && (differs(was.membership, now.membership) || differs(was.publication, now.publication)))
    return 'publication';
  const { made, isOneGone, isOneInAnotherFile } = comparePartitions(was.partitions ?? [], now.partitions ?? []);
  if (was.partitions !== null && made.length > 0 && (await hasAttached(client, made))) return 'attached';
  if (was.files !== now.files && was.columns !== now.columns) return 'rewritten';
  // As long as it has none, it is parked, and it is read when it is resumed.
  if (was.primaryKey !== 0 && now.primaryKey !== 0 && differs(was.primaryKey, now.primaryKey)) return 'key';
  if (isOneGone) return 'detached';
  return isOneInAnotherFile ? 'emptied' : null;
}

function differs(was: number | null, now: number | null): boolean {
  return was !== null && was !== now;
}

export function tellRewritten({ table, because, job }: RewrittenTable): string {
  const again = `it is read again${job === null ? '' : ` as snapshot ${job}`}`;
  const deletes =
    'Rows that were deleted meanwhile are found, and deleted in the store, by `concord reconcile --repair`.';
  switch (because) {
    case 'rewritten':
      return `${table} was rewritten by an ALTER TABLE, which may change values and tells no change: ${again}. Nothing is to be done.`;
    case 'key':
      return `${table} has its primary key anew, and rows may have shared a key as long as it had none: ${again}. Nothing is to be done.`;
    case 'publication':
      return `${table} was not, or not wholly, in the publication and is in it again, or the publication was altered, and what was changed meanwhile may not have been sent: ${again}. ${deletes}`;
    case 'attached':
      return `A partition of ${table} was attached, and what is in it was told by no change: ${again}. ${deletes}`;
    case 'detached':
      return `A partition of ${table} was detached or dropped, and no change tells that its rows are gone. \`concord reconcile --repair\` finds them, and deletes them in the store.`;
    case 'emptied':
      return `A partition of ${table} is in another file. Was it truncated by itself, no change tells that its rows are gone: \`concord reconcile --repair\` finds them, and deletes them in the store. After VACUUM FULL or CLUSTER, or a TRUNCATE of the whole table, nothing is to be done.`;
  }
}
