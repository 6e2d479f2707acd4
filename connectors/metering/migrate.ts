import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { ClientBase } from 'pg';
import type { Logger } from 'pino';
import { receiptTableSql } from '../sink/receipt-shelf.ts';
import { sinkTables } from '../sink/tables.ts';

const directory = fileURLToPath(new URL('./migrations', import.meta.url));
const migrationsTable = 'migration';

/** Brings the metering store to this version, idempotently. Answers with the names of the migrations that were run. */
export async function migrateMetering(client: ClientBase, log: Logger): Promise<readonly string[]> {
  const run = await runner({ ...optionsFor(client, log), dryRun: false });
  await client.query(sinkTables('metering') + receiptTableSql('metering.receipt_inbox'));
  return run.map(({ name }) => name);
}

/** The names of the migrations that `migrateMetering` would run; changes nothing. */
export async function meteringMigrationsPending(client: ClientBase, log: Logger): Promise<readonly string[]> {
  await client.query('BEGIN');
  try {
    const pending = await runner({ ...optionsFor(client, log), dryRun: true, noLock: true, singleTransaction: false });
    return pending.map(({ name }) => name);
  } finally {
    await client.query('ROLLBACK');
  }
}

function optionsFor(client: ClientBase, log: Logger) {
  return {
    dbClient: client,
    dir: directory,
    direction: 'up' as const,
    migrationsTable,
    migrationsSchema: 'metering',
    createMigrationsSchema: true,
    verbose: false,
    logger: {
      debug: () => {},
      info: () => {},
      warn: (text: string) => log.warn(text),
      // What fails is thrown as well; what else it calls an error is that our file names are no timestamps.
      error: (text: string) => log.debug(text),
    },
  };
}
