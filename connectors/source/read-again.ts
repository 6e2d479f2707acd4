import pg from 'pg';
import type { Logger } from 'pino';
import { databaseFault } from '../../runtime/postgres.ts';
import type { Batch } from './batch.ts';
import { requestSnapshot } from './job-table.ts';
import { tableName } from './route-columns.ts';

export interface ReadAgainParts {
  readonly database: pg.ClientConfig;
  readonly source: string;
  readonly log: Logger;
}

/**
 * The server does not send a large value again that an update left alone. Where nobody can have it (the key is new, or
 * the row was dropped from a snapshot's chunk), the row is asked for like anybody asks for a snapshot of some keys.
 */
export async function askToReadAgain({ database, source, log }: ReadAgainParts, { again }: Batch): Promise<void> {
  const client = new pg.Client(database);
  client.on('error', () => {});
  try {
    await client.connect();
    for (const [route, keys] of again) {
      const { id } = await requestSnapshot(client, source, { route, keys: [...keys.values()] });
      log.info(
        { table: tableName(route), rows: keys.size, job: id },
        `${keys.size} rows of ${tableName(route)} are read again: the server left out large values that nobody has.`,
      );
    }
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await client.end().catch(() => {});
  }
}
