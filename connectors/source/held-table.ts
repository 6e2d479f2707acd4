import pg from 'pg';
import { Fault } from '../../runtime/fault.ts';

const lockWaitMaxMs = 2_000;

interface Holder {
  readonly table: string;
  readonly pid: number;
  readonly application: string;
  readonly state: string;
  readonly seconds: number;
}

/**
 * The view of published tables opens each of them, and so waits for whoever has locked one for himself. Rejects with a
 * Fault that names both when that takes long: the source waits as for a server that is away.
 */
export async function withoutWaiting<T>(client: pg.Client, publication: string, ask: () => Promise<T>): Promise<T> {
  await client.query(`SET lock_timeout = ${lockWaitMaxMs}`);
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== '55P03') throw error;
    throw heldFault(await readHolder(client, publication), error);
  } finally {
    await client.query('RESET lock_timeout').catch(() => {});
  }
}

async function readHolder(client: pg.Client, publication: string): Promise<Holder | null> {
  const { rows } = await client.query<Holder>(
    `SELECT n.nspname || '.' || c.relname AS "table", l.pid, coalesce(nullif(a.application_name, ''), 'without a name') AS application,
       coalesce(a.state, 'of a prepared transaction') AS state, coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::int, 0) AS seconds
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND EXISTS (SELECT FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
                   WHERE p.pubname = $1 AND (p.puballtables OR r.prrelid = c.oid))
     ORDER BY seconds DESC LIMIT 1`,
    [publication],
  );
  return rows[0] ?? null;
}

function heldFault(holder: Holder | null, cause: unknown): Fault {
  const meaning =
    'The source can not see what is published as long as that lasts: it waits, and goes on by itself. Nothing is lost; the slot keeps the WAL.';
  if (holder === null)
    return new Fault('unavailable', 'TABLE_LOCKED', `Somebody has locked a published table. ${meaning}`, {}, cause);
  const { table, pid, application, state, seconds } = holder;
  return new Fault(
    'unavailable',
    'TABLE_LOCKED',
    `The table ${table} is locked by the session ${pid} (${application}, ${state}), whose transaction began ${seconds} s ago. ${meaning}`,
    { table, pid },
    cause,
  );
}
