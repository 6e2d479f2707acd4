import type pg from 'pg';
import type { TableRoute } from './contract.ts';
import { readJobs, requestSnapshot } from './job-table.ts';
import { tableName } from './route-columns.ts';

/** Asks for all of a table to be read, and answers with the snapshot's number; null if one waits that does it. */
export async function askForWholeTable(client: pg.Client, source: string, route: TableRoute): Promise<number | null> {
  const table = tableName(route);
  const jobs = await readJobs(client, source);
  // One that has begun may have read rows as they were before.
  const waits = jobs.some(
    (job) => job.table === table && job.kind === 'table' && job.state === 'queued' && job.startedAt === null,
  );
  return waits ? null : (await requestSnapshot(client, source, { route })).id;
}
