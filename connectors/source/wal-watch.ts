import pg from 'pg';
import type { Logger } from 'pino';
import { pause } from '../../runtime/clock.ts';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import type { SourceSettings } from './contract.ts';
import { decideToGiveUp, dropGivenUpSlot, readGivenUp, tellGivenUp } from './last-resort.ts';
import type { SourceReport } from './report.ts';
import { askingSession } from './session.ts';
import { WalBudget } from './wal-budget.ts';

const dropRetryMs = 50;
const reconnectMs = 2_000;

/**
 * Watches the WAL that the slot holds, for as long as the process runs: most of all while the source does not, because
 * Kafka is away or a gap waits for somebody. Resolves when the signal aborts; a database that is away is asked again.
 */
export async function watchWal(
  settings: SourceSettings,
  database: pg.ClientConfig,
  report: SourceReport,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const budget = new WalBudget(settings.slot, settings.limits, report, log);
  while (!signal.aborted) {
    const client = new pg.Client(askingSession(database, settings.limits.silenceMaxMs));
    client.on('error', () => {});
    try {
      await client.connect();
      while (!signal.aborted) {
        await budget.look(client);
        await watchLastResort(client, settings, report, log, signal);
        await pause(settings.limits.heartbeatIntervalMs, signal);
      }
    } catch (error) {
      const fault = databaseFault(error);
      // The source itself tells what is wrong with its database; here it only means that nothing is known.
      log.debug({ err: fault }, 'The WAL that is kept for us can not be asked for.');
      budget.unknown();
      await pause(reconnectMs, signal);
    } finally {
      await endClient(client);
    }
  }
}

/** Gives the slot up where that is configured and the limit is passed, and ends what was decided before. */
async function watchLastResort(
  client: pg.Client,
  { name, slot, limits }: SourceSettings,
  report: SourceReport,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { retainedWalMaxBytes: max } = limits;
  let given = await readGivenUp(client, name);
  if (given === null && max !== undefined && report.retainedWalBytes !== null && report.retainedWalBytes > max) {
    await decideToGiveUp(client, name, slot, report);
    given = await readGivenUp(client, name);
    if (given !== null)
      log.error({ code: 'SLOT_GIVEN_UP', slot, retainedWalMaxBytes: max }, tellGivenUp(name, slot, given));
  }
  if (given === null) return;
  report.walProblem = { code: 'SLOT_GIVEN_UP', text: tellGivenUp(name, slot, given) };
  while (!signal.aborted && !(await dropGivenUpSlot(client, name))) await pause(dropRetryMs, signal);
}
