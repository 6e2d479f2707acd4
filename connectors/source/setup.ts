import pg from 'pg';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import type { SourceSettings } from './contract.ts';
import { readGivenUp } from './last-resort.ts';
import { identifyingColumns, missingTable, tableName } from './route-columns.ts';
import { readMark } from './server-state.ts';
import { sourceTables } from './source-tables.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql.ts';
import { readLeaves, readTable } from './table-catalog.ts';

/** One thing that a source needs in its database and that is not there yet. */
export interface SetupStep {
  readonly what: string;
  readonly sql: string;
}

const planStepsMax = 10_000;

type Queryable = Pick<pg.ClientBase, 'query'>;

/** What `setUpSource` would do; empty if all is there. Changes nothing. */
export async function planSource(database: pg.ClientConfig, settings: SourceSettings): Promise<readonly SetupStep[]> {
  return withClient(database, (client) => plan(client, settings));
}

/** Makes what is missing, and returns it. Running it again does nothing. The routed tables must exist. */
export async function setUpSource(database: pg.ClientConfig, settings: SourceSettings): Promise<readonly SetupStep[]> {
  return withClient(database, async (client) => {
    const done: SetupStep[] = [];
    // A step may uncover another: each round does what the one before could not know of.
    for (let steps = await plan(client, settings); steps.length > 0; steps = await plan(client, settings)) {
      for (const step of steps) await client.query(step.sql);
      done.push(...steps);
      if (done.length > planStepsMax) throw new RangeError('the set-up does not come to an end');
    }
    return done;
  });
}

async function plan(client: Queryable, settings: SourceSettings): Promise<readonly SetupStep[]> {
  // The slot comes last: what it streams is published and identified rightly from its first byte.
  return [
    ...(await planTables(client)),
    ...(await planIdentities(client, settings)),
    ...(await planPublication(client, settings)),
    ...(await planSlot(client, settings)),
  ];
}

async function planTables(client: Queryable): Promise<readonly SetupStep[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[], $2::text[]) AS wanted(name, missing) WHERE to_regclass(name) IS NULL
       OR (missing IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(name) AND attname = missing))`,
    [sourceTables.map((table) => table.name), sourceTables.map((table) => table.column ?? null)],
  );
  const missing = new Set(rows.map((row) => row.name));
  return sourceTables.filter((table) => missing.has(table.name));
}

/** What decides key, topic and partition must be in the replica identity (P9). Where the key does not hold it, the whole row is. */
async function planIdentities(client: Queryable, settings: SourceSettings): Promise<readonly SetupStep[]> {
  const steps: SetupStep[] = [];
  for (const route of settings.routes) {
    const table = await readTable(client, route.schema, route.table);
    if (table === null) throw missingTable(route);
    const lacking = [table, ...(await readLeaves(client, table))].filter(
      ({ identityColumns }) => !identifyingColumns(route).every((column) => identityColumns.includes(column)),
    );
    // A table without partitions is its own leaf.
    for (const one of new Map(lacking.map((found) => [tableName(found), found])).values()) {
      steps.push({
        what: `replica identity of ${tableName(one)}: the whole row`,
        sql: `ALTER TABLE ${quoteTable(one)} REPLICA IDENTITY FULL`,
      });
    }
  }
  return steps;
}

async function planPublication(client: Queryable, settings: SourceSettings): Promise<readonly SetupStep[]> {
  const wanted = [...settings.routes, { schema: 'concord', table: 'heartbeat' }];
  const publication = quoteIdentifier(settings.publication);
  const { rows: found } = await client.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [settings.publication]);
  if (found.length === 0) {
    // From PostgreSQL 18 on it can carry stored generated columns.
    const generated = (await serverVersion(client)) >= 180_000 ? ', publish_generated_columns = stored' : '';
    return [
      {
        what: `publication ${settings.publication} of ${wanted.length} tables`,
        sql: `CREATE PUBLICATION ${publication} FOR TABLE ${wanted.map(quoteTable).join(', ')} WITH (publish_via_partition_root = true${generated})`,
      },
    ];
  }
  if (await publishesInPart(client, settings.publication)) {
    const what = `publication ${settings.publication}: all kinds of changes, partitions as their table`;
    const sql = `ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`;
    // Which tables are missing then shows only afterwards: partitions are listed in the place of their table before.
    return [{ what, sql }];
  }
  const published = await publishedTables(client, settings.publication);
  const missing = wanted.filter((table) => !published.has(tableName(table)));
  if (missing.length === 0) return [];
  return [
    {
      what: `publication ${settings.publication}: add ${missing.map(tableName).join(', ')}`,
      sql: `ALTER PUBLICATION ${publication} ADD TABLE ${missing.map(quoteTable).join(', ')}`,
    },
  ];
}

/** Whether the publication leaves kinds of changes out, or tells those of partitions under other names. */
export async function publishesInPart(client: Queryable, publication: string): Promise<boolean> {
  const { rows } = await client.query<{ whole: boolean }>(
    `SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot AS whole FROM pg_publication WHERE pubname = $1`,
    [publication],
  );
  return rows[0]?.whole === false;
}

/** `schema.table` of every table in the publication. */
export async function publishedTables(client: Queryable, publication: string): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ schemaname: string; tablename: string }>(
    'SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1',
    [publication],
  );
  return new Set(rows.map((row) => tableName({ schema: row.schemaname, table: row.tablename })));
}

/**
 * Only for a source that has published nothing yet. One that has lost its slot, or given it up, must be healed: a slot
 * made by the way would hold nothing of what was missed, and only hide that it was.
 */
async function planSlot(client: Queryable, settings: SourceSettings): Promise<readonly SetupStep[]> {
  const { rows: found } = await client.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [
    settings.slot,
  ]);
  if (found.length > 0 || (await hasPublished(client, settings.name))) return [];
  return [{ what: `replication slot ${settings.slot}`, sql: await slotSql(client, settings.slot) }];
}

/** Makes the slot, which must not be there. From here on a slot of that name is a new one, which nobody has given up. */
export async function makeSlot(client: Queryable, settings: SourceSettings): Promise<void> {
  // First, and by itself: a slot can not be made in a transaction that writes.
  await client.query('DELETE FROM concord.slot_given_up WHERE source = $1', [settings.name]);
  await client.query(await slotSql(client, settings.slot));
}

/** Whether the source has ever committed anything to its topics, as its database knows. */
export async function hasPublished(client: Queryable, source: string): Promise<boolean> {
  return (await readGivenUp(client, source)) !== null || (await readMark(client, source)) !== null;
}

async function slotSql(client: Queryable, slot: string): Promise<string> {
  // From PostgreSQL 17 on a slot can follow to a standby.
  const failover = (await serverVersion(client)) >= 170_000 ? ', false, false, true' : '';
  return `SELECT pg_create_logical_replication_slot(${quoteLiteral(slot)}, 'pgoutput'${failover})`;
}

async function serverVersion(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  return rows[0]?.version ?? 0;
}

async function withClient<T>(database: pg.ClientConfig, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(database);
  client.on('error', () => {});
  try {
    await client.connect();
    return await act(client);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await endClient(client);
  }
}
