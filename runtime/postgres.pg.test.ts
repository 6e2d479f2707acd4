import { createServer } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../test/database.fixture.ts';
import { SilentProxy } from '../test/silent-proxy.fixture.ts';
import { databaseFault, openPool, withDatabase } from './postgres.ts';
import { SilenceWatch } from './silence-watch.ts';

const { registrationUrl } = inject('stack');
const suffix = Math.random().toString(36).slice(2, 10);
const user = `concord_test_${suffix}`;
let database: TestDatabase;

beforeAll(async () => {
  database = await freshDatabase(registrationUrl);
  await ask(database.url, `CREATE ROLE ${user} LOGIN PASSWORD '${user}'; CREATE TABLE secret (mpan text PRIMARY KEY)`);
});

afterAll(async () => {
  await database.drop();
  await ask(registrationUrl, `DROP ROLE ${user}`);
});

function ask(url: string, sql: string): Promise<unknown> {
  return withDatabase({ url }, 'test', (client) => client.query(sql));
}

function as(changes: Partial<Pick<URL, 'username' | 'password' | 'port' | 'pathname'>>): string {
  return Object.assign(new URL(database.url), changes).href;
}

/** A port that was free a moment ago. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(typeof address === 'object' && address !== null ? address.port : 1);
}

describe('a real server', () => {
  it('that is not there is unavailable', async () => {
    await expect(ask(as({ port: await closedPort() }), 'SELECT 1')).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'DATABASE_UNAVAILABLE',
    });
  });

  it.each([
    ['a database that does not exist', () => as({ pathname: '/no_such_database' }), 'SELECT 1', '3D000'],
    ['a user who does not exist', () => as({ username: `no_${user}` }), 'SELECT 1', /^28(000|P01)$/],
    ['a table without the privilege', () => as({ username: user, password: user }), 'SELECT * FROM secret', '42501'],
  ])('refuses %s', async (_, url, sql, state) => {
    await expect(ask(url(), sql)).rejects.toMatchObject({
      kind: 'refused',
      code: 'DATABASE_REFUSED',
      // Which of the two an unknown user gets depends on whether the server asks for passwords.
      context: { state: expect.stringMatching(state) },
    });
  });

  it.each([
    ['a table that is missing', 'SELECT * FROM no_such_table', '42P01'],
    ['a row that is there already', "INSERT INTO secret VALUES ('1'), ('1')", '23505'],
  ])('says what should not happen: %s', async (_, sql, state) => {
    await expect(ask(database.url, sql)).rejects.toMatchObject({
      kind: 'corrupt',
      code: 'DATABASE_ERROR',
      context: { state },
    });
  });

  it.each([
    ['ends our connection', 'SELECT pg_terminate_backend(pg_backend_pid())', /.*/],
    ['cancels what takes too long', 'SET statement_timeout = 1; SELECT pg_sleep(10)', /timeout/],
    ['ends a deadlock, or asks for another try', "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", /.*/],
  ])('that %s is waited for', async (_, sql, text) => {
    await expect(ask(database.url, sql)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringMatching(text) as string,
    });
  });

  it('that has fallen silent in the middle of a query is given up, and one that only takes its time is not', async () => {
    const proxy = await SilentProxy.open(database.url);
    const client = new pg.Client({ connectionString: proxy.through(database.url), application_name: 'asking' });
    client.on('error', () => {});
    await client.connect();
    const watch = new SilenceWatch({ connectionString: proxy.through(database.url) }, [client], 600);
    try {
      // Three times as long as it may be silent.
      await client.query('SELECT pg_sleep(1.8)');
      const waiting = client.query('SELECT pg_sleep(600)');
      proxy.silenceAll(() => true);
      const error: unknown = await waiting.catch((reason: unknown) => reason);
      expect(databaseFault(error)).toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        message: expect.stringContaining('has said nothing for 1 s') as string,
      });
    } finally {
      watch.stop();
      await proxy.close();
    }
  });

  it('shows no MPAN core in what it says', async () => {
    await expect(ask(database.url, "SELECT '1312345678907'::int")).rejects.toMatchObject({
      message: expect.stringContaining('13*********07') as string,
    });
  });

  it('that ends an idle connection of a pool does not end the process, and the next use has a new one', async () => {
    const pool = openPool({ url: database.url }, 'test pool', 1);
    try {
      const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const removed = new Promise((resolve) => pool.once('remove', resolve));
      await ask(database.url, `SELECT pg_terminate_backend(${rows[0]?.pid ?? 0})`);
      await removed;
      const again = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      expect(again.rows[0]?.pid).not.toBe(rows[0]?.pid);
    } finally {
      await pool.end();
    }
  });
});
