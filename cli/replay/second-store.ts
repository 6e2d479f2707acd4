import pg from 'pg';
import { migrateMetering } from '../../connectors/metering/migrate.ts';
import type { Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { createLog } from '../../runtime/log.ts';
import { Fault } from '../../runtime/fault.ts';
import { type DatabaseSettings, withDatabase } from '../../runtime/postgres.ts';
import { UsageError } from '../output.ts';
import type { Settings } from '../settings.ts';

/**
 * A second store is a database of its own on the live store's server: the same schema, its own positions. No slot or publication
 * of the live database reaches it, so nothing of it is ever published.
 */
export interface SecondStore {
  readonly name: string;
  readonly database: string;
  readonly settings: DatabaseSettings;
}

export type ReplayState = 'running' | 'paused' | 'done';

/** Where building ends, as it was written, and which place that was when it was written: an hour later `2h` is another one. */
export interface Until {
  readonly text: string;
  readonly position: Position;
}

/** What the second store says of itself. */
export interface ReplayRun {
  readonly name: string;
  readonly source: string;
  readonly state: ReplayState;
  readonly begunAt: Date;
  /** The text of the rules file; null for the live rules. */
  readonly rules: string | null;
  /** Only events published from then on are judged by those rules; null for all. */
  readonly rulesFrom: Date | null;
  /** Where the rules change, once it is known. */
  readonly rulesPosition: { readonly generation: number; readonly lsn: number } | null;
  /** The rules of the file are in force. */
  readonly rulesReached: boolean;
  /** Where it is to end; null for where the live store is. */
  readonly until: Until | null;
  /** The last comparison, as it was printed. */
  readonly report: unknown;
  readonly reportedAt: Date | null;
}

const namePattern = /^[a-z][a-z0-9_]{0,24}$/;
const applicationName = 'concord replay';

export function secondStoreOf(settings: Settings, name: string): SecondStore {
  if (!namePattern.test(name)) {
    throw new UsageError(
      `${name} is no name for a store → lower-case letters, digits and underscores, at most 25, beginning with a letter.`,
    );
  }
  const url = new URL(settings.metering.database.url);
  const database = `${prefixOf(url)}${name}`;
  url.pathname = `/${database}`;
  return { name, database, settings: { ...settings.metering.database, url: url.href } };
}

/** What the databases of second stores of this live store begin with. PostgreSQL cuts names off at 63 bytes. */
function prefixOf(url: URL): string {
  return `${decodeURIComponent(url.pathname.slice(1)).slice(0, 30)}_replay_`;
}

const runColumns = `name, source, state, begun_at AS "begunAt", rules, rules_from AS "rulesFrom", rules_position AS "rulesPosition",
  rules_reached AS "rulesReached", to_jsonb(run) -> 'until' AS until, report, reported_at AS "reportedAt"`;

/**
 * Makes the database, its definition and its schema, as far as they are not there. Killed anywhere, the same again goes on:
 * a database that holds nothing yet is taken over, one that holds something else is refused.
 */
export async function openSecondStore(
  settings: Settings,
  store: SecondStore,
  wanted: Pick<ReplayRun, 'rules' | 'rulesFrom' | 'until'>,
): Promise<ReplayRun> {
  await withDatabase(settings.metering.database, applicationName, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [store.database]);
    if (rowCount === 0) await createDatabase(client, store);
  });
  const run = await withDatabase(store.settings, applicationName, async (client) => {
    const known = await readRun(client);
    if (known !== null) {
      // One that was begun before this column was there.
      await client.query('ALTER TABLE replay.run ADD COLUMN IF NOT EXISTS until jsonb');
      return known;
    }
    const { rows } = await client.query(`SELECT FROM pg_namespace WHERE nspname = 'metering'`);
    if (rows.length > 0)
      throw new UsageError(`The database ${store.database} is there, and is no second store. Choose another name.`);
    await client.query('BEGIN');
    await client.query(definitionSql);
    await client.query('INSERT INTO replay.run (name, source, rules, rules_from, until) VALUES ($1, $2, $3, $4, $5)', [
      store.name,
      settings.registration.name,
      wanted.rules,
      wanted.rulesFrom,
      wanted.until === null ? null : JSON.stringify(wanted.until),
    ]);
    await client.query('COMMIT');
    return readRun(client);
  });
  if (run === null) throw new Error('the definition of a second store was written and is not there');
  await withDatabase(store.settings, applicationName, (client) =>
    migrateMetering(client, createLog('replay', 'error')),
  );
  return run;
}

const definitionSql = `
CREATE SCHEMA replay;
CREATE TABLE replay.run (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  name text NOT NULL,
  source text NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'done')),
  begun_at timestamptz NOT NULL DEFAULT now(),
  rules text,
  rules_from timestamptz,
  rules_position jsonb,
  rules_reached boolean NOT NULL DEFAULT false,
  until jsonb,
  report json,
  reported_at timestamptz
)`;

async function createDatabase(client: pg.Client, store: SecondStore): Promise<void> {
  try {
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(store.database)} TEMPLATE template0`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== '42501') throw error;
    throw new Fault(
      'refused',
      'REPLAY_NO_DATABASE',
      `The user of the metering store may not make the database ${store.database}, which the second store needs.`,
      { database: store.database },
      error,
    );
  }
}

async function readRun(client: pg.Client): Promise<ReplayRun | null> {
  const there = await client.query<{ there: boolean }>(`SELECT to_regclass('replay.run') IS NOT NULL AS there`);
  if (there.rows[0]?.there !== true) return null;
  const { rows } = await client.query<ReplayRun>(`SELECT ${runColumns} FROM replay.run`);
  return rows[0] ?? null;
}

/** Null when there is no such store. */
export async function findRun(settings: Settings, store: SecondStore): Promise<ReplayRun | null> {
  const names = await databasesOf(settings);
  return names.includes(store.database) ? withDatabase(store.settings, applicationName, readRun) : null;
}

/** The second stores of this live store that are there, in the order of their names. */
export async function listRuns(
  settings: Settings,
): Promise<readonly { run: ReplayRun; database: string; bytes: number }[]> {
  const prefix = prefixOf(new URL(settings.metering.database.url));
  const found: { run: ReplayRun; database: string; bytes: number }[] = [];
  for (const database of await databasesOf(settings)) {
    const store = secondStoreOf(settings, database.slice(prefix.length));
    const one = await withDatabase(store.settings, applicationName, async (client) => {
      const { rows } = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
      return { run: await readRun(client), bytes: Number(rows[0]?.bytes) };
    });
    if (one.run !== null) found.push({ run: one.run, database, bytes: one.bytes });
  }
  return found;
}

async function databasesOf(settings: Settings): Promise<readonly string[]> {
  const prefix = prefixOf(new URL(settings.metering.database.url));
  return withDatabase(settings.metering.database, applicationName, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1',
      [prefix],
    );
    return rows.map(({ name }) => name).filter((name) => namePattern.test(name.slice(prefix.length)));
  });
}

export async function changeRun(store: SecondStore, set: string, values: readonly unknown[] = []): Promise<void> {
  await withDatabase(store.settings, applicationName, (client) =>
    client.query(`UPDATE replay.run SET ${set}`, [...values]),
  );
}

/** Ends everything that works on it, and drops it. */
export async function dropSecondStore(settings: Settings, store: SecondStore): Promise<void> {
  await withDatabase(settings.metering.database, applicationName, (client) =>
    client.query(`DROP DATABASE ${pg.escapeIdentifier(store.database)} WITH (FORCE)`),
  );
}

/**
 * Where topics begin behind their first record (what was before has expired), a partition that was never read begins there,
 * too. Answers with the partitions of which something is missing.
 */
export async function beginAtLogStart(
  store: SecondStore,
  source: string,
  earliest: ReadonlyMap<string, number>,
): Promise<readonly string[]> {
  const late = [...earliest].filter(([, offset]) => offset > 0);
  await withDatabase(store.settings, applicationName, async (client) => {
    for (const [name, offset] of late) {
      const at = name.lastIndexOf('/');
      await client.query(
        `INSERT INTO metering.applied_offset VALUES ($1, $2, $3, $4, 1, 0, 0) ON CONFLICT DO NOTHING`,
        [source, name.slice(0, at), Number(name.slice(at + 1)), offset],
      );
    }
  });
  return late.map(([name]) => name).filter((name) => name !== partitionName(`${source}.progress`, 0));
}
