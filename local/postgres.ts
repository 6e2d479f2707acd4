import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { Fault } from '../runtime/fault.ts';
import type { SystemUser } from './database-user.ts';
import { demandFree } from './ports.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { launch, livePid, logEnd, stopProcess, untilReady } from './processes.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';

export type PostgresName = 'postgres-registration' | 'postgres-metering';

export interface PostgresPart {
  readonly dataDir: string;
  readonly name: PostgresName;
  /** The directory that holds the cluster's own directory. */
  readonly databasesDirectory: string;
  readonly binaries: PostgresBinaries;
  readonly user: SystemUser | null;
  readonly port: number;
  readonly password: string;
  /** The database to make. */
  readonly database: string;
}

const startTimeoutMs = 60_000;
const runFile = promisify(execFile);

/** The connection string of the part's database. */
export function postgresUrl(port: number, password: string, database: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
}

/** Starts the server if it is not running, and makes its database. Returns true if it had to be started. */
export async function startPostgres(part: PostgresPart, signal?: AbortSignal): Promise<boolean> {
  const running = livePid(part.dataDir, part.name) !== null;
  if (!running) {
    await demandFree(part.name, part.port);
    await initialise(part, signal);
    await launchUntilItStays(part, signal);
  }
  await untilReady(part.dataDir, part.name, () => makeDatabase(part), startTimeoutMs, signal);
  return !running;
}

export function stopPostgres(dataDir: string, name: PostgresName): Promise<boolean> {
  return stopProcess(dataDir, name, [
    // Fast: ends the sessions and writes a checkpoint.
    { signal: 'SIGINT', graceMs: 20_000 },
    // Immediate: the next start recovers from the WAL.
    { signal: 'SIGQUIT', graceMs: 5_000 },
  ]);
}

function clusterDirectory(part: PostgresPart): string {
  return path.join(part.databasesDirectory, part.name);
}

async function initialise(part: PostgresPart, signal: AbortSignal | undefined): Promise<void> {
  const directory = clusterDirectory(part);
  if (existsSync(directory)) return;
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const passwordFile = `${partial}.password`;
  writeFileSync(passwordFile, `${part.password}\n`, { mode: 0o600 });
  if (part.user !== null) {
    chownSync(partial, part.user.uid, part.user.gid);
    chownSync(passwordFile, part.user.uid, part.user.gid);
  }
  const args = ['--pgdata', partial, '--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  args.push(
    '--encoding',
    'UTF8',
    '--locale-provider',
    'builtin',
    '--builtin-locale',
    'C.UTF-8',
    '--locale',
    'C',
    '--no-sync',
  );
  try {
    await runFile(part.binaries.initdb, args, { ...part.user, cwd: '/', ...(signal && { signal }) });
  } catch (cause) {
    signal?.throwIfAborted();
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new Fault(
      'misconfigured',
      'DATABASE_NOT_INITIALISED',
      `${part.name} can not be set up in ${directory}: ${said}`,
      {},
      cause,
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
  // The name appears only when the cluster is whole: an interrupted set-up is made anew.
  renameSync(partial, directory);
}

/** A server that was killed leaves children behind for a moment, and the next one refuses to start until they have gone. */
async function launchUntilItStays(part: PostgresPart, signal: AbortSignal | undefined): Promise<void> {
  const untilMs = monotonicMs() + 15_000;
  for (;;) {
    launch(part.dataDir, {
      name: part.name,
      command: part.binaries.postgres,
      args: ['-D', clusterDirectory(part), ...settings(part.port)],
      directory: '/',
      user: part.user,
    });
    const startedMs = monotonicMs();
    while (livePid(part.dataDir, part.name) !== null && monotonicMs() - startedMs < 200) await pause(20, signal);
    if (livePid(part.dataDir, part.name) !== null) return;
    if (!/shared memory|postmaster\.pid/.test(logEnd(part.dataDir, part.name)) || monotonicMs() > untilMs) return;
    signal?.throwIfAborted();
  }
}

function settings(port: number): string[] {
  const values: Readonly<Record<string, string>> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    wal_level: 'logical',
    // For `concord reconcile --since`, which then reads only the pages that were written.
    summarize_wal: 'on',
    max_connections: '100',
    max_replication_slots: '20',
    max_wal_senders: '20',
    max_wal_size: '2GB',
    shared_buffers: '512MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** True when the server answers and has the database. */
async function makeDatabase(part: PostgresPart): Promise<boolean> {
  const client = new pg.Client({
    connectionString: postgresUrl(part.port, part.password, 'postgres'),
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {
    // The next probe tells.
  });
  try {
    await client.connect();
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [part.database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(part.database)}`);
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
