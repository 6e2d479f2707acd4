import pg from 'pg';
import type { Logger } from 'pino';
import type { RecordSchema } from '../../../avro/schemas.ts';
import { isWidened } from '../../../avro/widening.ts';
import { pause } from '../../../runtime/clock.ts';
import { Fault } from '../../../runtime/fault.ts';
import { databaseFault } from '../../../runtime/postgres.ts';
import { mirrorTablesMissing } from './mirror-tables.ts';
import { unfitColumns } from './unfit-columns.ts';

const lockWaitMs = 2_000;
const attemptsMax = 30;
const againAfterMs = 200;

/**
 * Makes the table of a mirrored table fit its schema, before the first record with it is taken: what is missing is
 * made, and columns that became wider are altered. In a transaction of its own, while its lane holds no lock, because
 * lanes that wait for each other's tables within their batches would wait for ever. Killed in it, nothing is done; done
 * by another process meanwhile, nothing is left to do.
 */
export async function fitStore(pool: pg.Pool, schema: RecordSchema, log: Logger): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await pool.connect().catch((error: unknown) => {
      throw databaseFault(error);
    });
    let failure: unknown;
    try {
      for (const what of await fit(client, schema)) log.info({ table: schema.postgres }, `The store has the ${what}.`);
      return;
    } catch (error) {
      failure = error;
    } finally {
      client.release(failure !== undefined);
    }
    if (!(failure instanceof pg.DatabaseError) || failure.code !== '55P03') throw databaseFault(failure);
    if (attempt === attemptsMax) throw locked(schema, failure);
    // Who waits for a table for itself keeps all others waiting: they go first, again and again.
    await pause(againAfterMs);
  }
}

async function fit(client: pg.PoolClient, schema: RecordSchema): Promise<readonly string[]> {
  if ((await storeLacks(client, schema)).length === 0) return [];
  // Several processes find it lacking at the same time. The lock ends with the session, however that ends.
  const key = `hashtextextended('concord mirror', 0)`;
  await client.query(`SET lock_timeout = ${lockWaitMs}; SELECT pg_advisory_lock(${key})`);
  const lacking = await storeLacks(client, schema);
  // The statements of one table are one transaction: the server takes a text of several as a whole.
  for (const { sql } of lacking) await client.query(sql);
  await client.query(`SELECT pg_advisory_unlock(${key}); RESET lock_timeout`);
  return lacking.map(({ what }) => what);
}

/** What the store lacks of a mirrored table, and has to get; as a sentence's object, and as SQL. */
export async function storeLacks(
  client: Pick<pg.ClientBase, 'query'>,
  schema: RecordSchema,
): Promise<readonly { readonly what: string; readonly sql: string }[]> {
  const missing = await mirrorTablesMissing(client, [schema]);
  const wider = (await unfitColumns(client, schema)).filter(({ type, wanted }) => isWidened(type, wanted));
  return [
    ...missing.map(({ what, sql }) => ({ what, sql })),
    ...wider.map(({ table, column, type, wanted, fix }) => ({
      what: `column ${column} of ${table} as ${wanted}, and not as ${type} any more`,
      sql: fix,
    })),
  ];
}

function locked(schema: RecordSchema, cause: unknown): Fault {
  return new Fault(
    'unavailable',
    'MIRROR_TABLE_LOCKED',
    `The store's table of ${schema.postgres?.schema ?? ''}.${schema.postgres?.table ?? ''} is to get the shape that its source has now, and somebody has held it for ${(attemptsMax * lockWaitMs) / 1_000} s: a long transaction, or a report. End it, or wait: nothing is lost.`,
    {},
    cause,
  );
}
