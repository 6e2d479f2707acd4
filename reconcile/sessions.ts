import pg from 'pg';
import { cutClient } from '../runtime/cut-client.ts';
import { type DatabaseSettings, clientConfigOf, databaseFault, endClient, withDatabase } from '../runtime/postgres.ts';
import { SilenceWatch } from '../runtime/silence-watch.ts';

export const applicationName = 'concord reconcile';

/** Dates and numbers read the same everywhere, and no limit of an administrator ends what is meant to wait. */
const sessionSettings = `
  SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
  SET extra_float_digits = 3; SET lc_monetary = 'C'; SET search_path = public;
  SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET client_connection_check_interval = '5s';
  SET jit = off; SET max_parallel_workers_per_gather = 0`;

export async function openSession(database: DatabaseSettings): Promise<pg.Client> {
  const client = new pg.Client(clientConfigOf(database, applicationName));
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(sessionSettings);
  } catch (error) {
    await client.end().catch(() => {});
    throw databaseFault(error);
  }
  return client;
}

/**
 * What an interruption does to sessions, whatever they do just then: a query over millions of rows is not waited for, and the
 * server does not go on with it for nobody.
 */
class Cut {
  readonly #database: DatabaseSettings;
  readonly #clients: readonly pg.Client[];
  readonly #pids: number[] = [];
  readonly #signal: AbortSignal | undefined;
  #done: Promise<unknown> = Promise.resolve();

  constructor(database: DatabaseSettings, clients: readonly pg.Client[], signal: AbortSignal | undefined) {
    this.#database = database;
    this.#clients = clients;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#cut, { once: true });
  }

  async knows(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    this.#pids.push(...rows.map(({ pid }) => pid));
  }

  /** The sessions have ended by themselves. */
  async over(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#cut);
    await this.#done;
  }

  readonly #cut = (): void => {
    for (const client of this.#clients) cutClient(client);
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY ($1::int[]) AND application_name = $2`;
    // A server that can not be told any more finds out by itself that nobody listens.
    this.#done = withDatabase(this.#database, applicationName, (client) =>
      client.query(end, [this.#pids, applicationName]),
    ).catch(() => {});
  };
}

/** Sessions that all see one snapshot, until they are closed. */
export class SnapshotSessions {
  readonly #cut: Cut;
  readonly #watch: SilenceWatch;
  readonly clients: readonly pg.Client[];
  /** PostgreSQL's text of the snapshot. */
  readonly snapshot: string;
  /** The server's time when it was taken. */
  readonly at: Date;

  private constructor(cut: Cut, watch: SilenceWatch, clients: readonly pg.Client[], snapshot: string, at: Date) {
    this.#cut = cut;
    this.#watch = watch;
    this.clients = clients;
    this.snapshot = snapshot;
    this.at = at;
  }

  /**
   * `lock`: tables that must not be truncated meanwhile, as SQL names. They are locked before the snapshot is taken,
   * because TRUNCATE takes rows away from older snapshots (P20), and in every session, because a session that
   * waited behind a TRUNCATE which waits for the first would wait for ever. Nobody who reads or writes waits for us.
   * `silenceMaxMs`: a server that says nothing at all for so long is given up.
   */
  static async open(
    database: DatabaseSettings,
    count: number,
    lock: readonly string[],
    lockTimeoutMs: number,
    silenceMaxMs: number,
    signal?: AbortSignal,
  ): Promise<SnapshotSessions> {
    const clients: pg.Client[] = [];
    const watch = new SilenceWatch(clientConfigOf(database, `${applicationName} watch`), clients, silenceMaxMs);
    const cut = new Cut(database, clients, signal);
    const locks =
      lock.length === 0
        ? ''
        : `; SET LOCAL lock_timeout = ${lockTimeoutMs}; LOCK TABLE ${lock.join(', ')} IN ACCESS SHARE MODE`;
    const open = async (): Promise<pg.Client> => {
      const client = await openSession(database);
      clients.push(client);
      return client;
    };
    const others: Promise<pg.Client>[] = [];
    try {
      const first = await open();
      await cut.knows(first);
      others.push(...Array.from({ length: count - 1 }, open));
      await first.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY${locks}`);
      const { rows } = await first.query<{ snapshot: string; id: string; at: Date }>(
        'SELECT pg_current_snapshot()::text AS snapshot, pg_export_snapshot() AS id, clock_timestamp() AS at',
      );
      const [row] = rows;
      if (row === undefined) throw new RangeError('the server told no snapshot');
      for (const opened of await Promise.allSettled(others)) {
        if (opened.status === 'rejected') throw opened.reason;
        await cut.knows(opened.value);
        await opened.value.query(
          `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${row.id}'${locks}`,
        );
      }
      signal?.throwIfAborted();
      return new SnapshotSessions(cut, watch, clients, row.snapshot, row.at);
    } catch (error) {
      watch.stop();
      await Promise.allSettled(others);
      await Promise.all([endAll(clients), cut.over()]);
      throw databaseFault(error);
    }
  }

  get first(): pg.Client {
    const [client] = this.clients;
    if (client === undefined) throw new RangeError('there is no session');
    return client;
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await Promise.all([endAll(this.clients), this.#cut.over()]);
  }
}

async function endAll(clients: readonly pg.Client[]): Promise<void> {
  await Promise.all(clients.map(endClient));
}

/** Gives each task to the next client that is free. The first failure ends all. */
export async function shareOut<T>(
  clients: readonly pg.Client[],
  tasks: readonly T[],
  act: (client: pg.Client, task: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const results = await Promise.allSettled(
    clients.map(async (client) => {
      while (next < tasks.length && !failed) {
        const task = tasks[next];
        next += 1;
        if (task === undefined) continue;
        try {
          await act(client, task);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
