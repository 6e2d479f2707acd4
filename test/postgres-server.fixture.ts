import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { databaseUser } from '../local/database-user.ts';
import { postgresBinaries } from '../local/postgres-binaries.ts';

/** Another PostgreSQL than the embedded one, which `npm run test:servers` names by its directory. */
export const otherPostgres = process.env['CONCORD_TEST_POSTGRES'];

/** A PostgreSQL of the test's own, which may be stopped, copied, restored and promoted. */
export class PostgresServer {
  readonly url: string;
  readonly #home: string;
  readonly #port: number;
  #process: ChildProcess | null = null;

  private constructor(home: string, port: number) {
    this.#home = home;
    this.#port = port;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  static async make(): Promise<PostgresServer> {
    const home = mkdtempSync(path.join(tmpdir(), 'concord-postgres-'));
    chmodSync(home, 0o755);
    const server = new PostgresServer(home, await freePort());
    const user = databaseUser();
    mkdirSync(server.#data, { mode: 0o700 });
    if (user !== null) chownSync(server.#data, user.uid, user.gid);
    const { initdb } = postgresBinaries(user, home, otherPostgres);
    const args = [
      '--pgdata',
      server.#data,
      '--username',
      'postgres',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--no-sync',
    ];
    execFileSync(initdb, [...args, '--locale', 'C'], { ...user, cwd: '/', stdio: 'pipe' });
    return server;
  }

  /**
   * A hot standby of a running primary, from a base backup of it, and not started yet: `standbySettings` make it stream
   * from the slot `standby`.
   */
  static async standbyOf(primary: PostgresServer): Promise<PostgresServer> {
    const home = mkdtempSync(path.join(tmpdir(), 'concord-standby-'));
    chmodSync(home, 0o755);
    const server = new PostgresServer(home, await freePort());
    const client = new pg.Client({ connectionString: primary.url });
    await client.connect();
    try {
      await client.query(`SELECT pg_create_physical_replication_slot('standby', true)`);
      await client.query(`SELECT pg_backup_start('standby', true)`);
      const slots = path.join(primary.#data, 'pg_replslot') + path.sep;
      cpSync(primary.#data, server.#data, {
        recursive: true,
        filter: (file) => !file.startsWith(slots) && path.basename(file) !== 'postmaster.pid',
      });
      const { rows } = await client.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop(false)');
      writeFileSync(path.join(server.#data, 'backup_label'), rows[0]?.label ?? '');
      writeFileSync(path.join(server.#data, 'standby.signal'), '');
    } finally {
      await client.end();
    }
    copyOwner(server.#data);
    return server;
  }

  /** Of a standby of this server. */
  get standbySettings(): readonly string[] {
    const primary = `host=127.0.0.1 port=${this.#port} user=postgres dbname=postgres`;
    return [`primary_conninfo=${primary}`, 'primary_slot_name=standby', 'hot_standby_feedback=on'];
  }

  get #data(): string {
    return path.join(this.#home, 'data');
  }

  /** `settings`: `name=value`. Resolves when the server answers as a primary (or at all, for a standby). */
  async start(...settings: readonly string[]): Promise<void> {
    const user = databaseUser();
    const all = [
      `port=${this.#port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'wal_level=logical',
      'fsync=off',
      'shared_buffers=16MB',
      ...settings,
    ];
    this.#process = spawn(
      postgresBinaries(user, this.#home, otherPostgres).postgres,
      ['-D', this.#data, ...all.flatMap((one) => ['-c', one])],
      { ...user, cwd: '/', stdio: 'ignore' },
    );
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error('PostgreSQL has ended at its start');
      const client = new pg.Client({ connectionString: this.url });
      try {
        await client.connect();
        await client.query('CHECKPOINT');
        return;
      } catch {
        // Not yet: the next attempt is the wait.
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  /** A fast shutdown; SIGQUIT is an immediate one, SIGKILL a crash of its main process. */
  async stop(how: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (process === null || process.exitCode !== null) return;
    const ended = once(process, 'exit');
    process.kill(how);
    await ended;
  }

  /** A cold copy of everything, by which `restore` brings the server back. The server must be stopped. */
  backUp(): void {
    cpSync(this.#data, `${this.#data}.backup`, { recursive: true, preserveTimestamps: true });
    copyOwner(`${this.#data}.backup`);
  }

  restore(): void {
    rmSync(this.#data, { recursive: true });
    cpSync(`${this.#data}.backup`, this.#data, { recursive: true, preserveTimestamps: true });
    copyOwner(this.#data);
  }

  get dataDirectory(): string {
    return this.#data;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

function copyOwner(directory: string): void {
  const user = databaseUser();
  if (user !== null) execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, directory]);
  chmodSync(directory, 0o700);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
