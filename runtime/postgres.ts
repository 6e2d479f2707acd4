import { readFileSync } from 'node:fs';
import pg from 'pg';
import { pause } from './clock.ts';
import { cutClient } from './cut-client.ts';
import { Fault } from './fault.ts';
import { maskDigits } from './mask.ts';
import { SilenceWatch } from './silence-watch.ts';

/** Certificates as file names, as they stand in the configuration. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly verify: boolean;
}

export interface DatabaseSettings {
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
}

/** What tls.connect wants. A file that can not be read is a fault that names it. */
export function readTls(files: TlsFiles): {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  servername?: string;
  rejectUnauthorized: boolean;
} {
  return {
    ...(files.ca === undefined ? {} : { ca: readPem(files.ca) }),
    ...(files.cert === undefined ? {} : { cert: readPem(files.cert) }),
    ...(files.key === undefined ? {} : { key: readPem(files.key) }),
    ...(files.servername === undefined ? {} : { servername: files.servername }),
    rejectUnauthorized: files.verify,
  };
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Fault(
      'misconfigured',
      'TLS_FILE_UNREADABLE',
      `The certificate file ${file} can not be read. Correct the path or its permissions.`,
      { file },
      error,
    );
  }
}

export function clientConfigOf(settings: DatabaseSettings, applicationName: string): pg.ClientConfig {
  return {
    connectionString: settings.url,
    application_name: applicationName,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    ...(settings.tls === undefined ? {} : { ssl: readTls(settings.tls) }),
  };
}

export function openPool(settings: DatabaseSettings, applicationName: string, max: number): pg.Pool {
  const pool = new pg.Pool({ ...clientConfigOf(settings, applicationName), max });
  // A broken idle connection is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}

const endLimitMs = 2_000;

/** Ends a connection. One whose other end is silent would be waited for without end: it is cut. Never rejects. */
export async function endClient(client: pg.Client): Promise<void> {
  const enough = new AbortController();
  await Promise.race([client.end().catch(() => {}), pause(endLimitMs, enough.signal)]);
  enough.abort();
  cutClient(client);
}

/** Runs with a connection of its own, which is closed afterwards. Failures come as faults; a server's silence is one. */
export async function withDatabase<T>(
  settings: DatabaseSettings,
  applicationName: string,
  act: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const config = clientConfigOf(settings, applicationName);
  const client = new pg.Client(config);
  client.on('error', () => {});
  const watch = new SilenceWatch(config, [client]);
  try {
    await client.connect();
    return await act(client);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    watch.stop();
    await endClient(client);
  }
}

const refusedStates = new Set(['28000', '28P01', '42501', '3D000']);

/** A PostgreSQL or network error as a fault; faults pass unchanged. */
export function databaseFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = maskDigits(error instanceof Error ? error.message : String(error));
  const state = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (refusedStates.has(state)) {
    return new Fault('refused', 'DATABASE_REFUSED', `The database refuses us: ${message}.`, { state }, error);
  }
  if (/^(08|25P03|40|53|55006|57)/.test(state) || (state === '' && isNetworkError(error))) {
    return new Fault(
      'unavailable',
      'DATABASE_UNAVAILABLE',
      `The database is not available: ${message}.`,
      { state },
      error,
    );
  }
  // Neither the server nor the network said it: a bug of ours, which must be seen and not retried.
  if (state === '') throw error;
  return new Fault(
    'corrupt',
    'DATABASE_ERROR',
    `The database reports an error that should not happen: ${message} (SQLSTATE ${state}).`,
    { state },
    error,
  );
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.every(isNetworkError);
  if ('syscall' in error || 'code' in error) return true;
  return /connection|timeout|terminated|not queryable/i.test(error.message);
}
