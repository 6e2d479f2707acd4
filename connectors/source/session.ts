import type pg from 'pg';

/**
 * The text of every value must be the same in the stream and in a chunk, and must lose nothing: these settings decide
 * it. A server or a role may have others as its default.
 */
const outputSettings = [
  'datestyle=ISO',
  'intervalstyle=postgres',
  'extra_float_digits=3',
  'timezone=UTC',
  'bytea_output=hex',
  'lc_monetary=C',
  // Names of database objects, as values, are told with their schema where it is not this one.
  'search_path=public',
  'statement_timeout=0',
  'lock_timeout=0',
  'idle_in_transaction_session_timeout=0',
];

const connectMaxMs = 5_000;

/** The same connection with the settings under which we read values. */
export function readingSession(database: pg.ClientConfig, applicationName: string): pg.ClientConfig {
  const ours = outputSettings.map((one) => `-c ${one}`).join(' ');
  return {
    connectionTimeoutMillis: connectMaxMs,
    ...database,
    application_name: applicationName,
    options: database.options === undefined ? ours : `${database.options} ${ours}`,
    keepAlive: true,
  };
}

/** For short questions: a server that accepts a connection and then says nothing is a failure after so long. */
export function askingSession(database: pg.ClientConfig, silenceMaxMs: number): pg.ClientConfig {
  return { connectionTimeoutMillis: connectMaxMs, ...database, query_timeout: silenceMaxMs };
}
