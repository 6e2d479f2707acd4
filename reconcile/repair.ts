import { readJob, requestSnapshot, type SnapshotJob } from '../connectors/source/job-table.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { type DatabaseSettings, withDatabase } from '../runtime/postgres.ts';
import { addRepairJob } from './repair-ledger.ts';
import type { RepairRequest } from './repair-plan.ts';
import { applicationName } from './sessions.ts';

export interface RepairPlace {
  /** The registration source's name. */
  readonly source: string;
  readonly registration: DatabaseSettings;
  readonly metering: DatabaseSettings;
  /** So long without a move of the source's snapshot, and it is taken not to run. */
  readonly patienceMs: number;
}

const lookEveryMs = 100;

/**
 * Asks the source for the rows, and waits until all of them are on the topics. What the store makes of them is for the
 * next comparison to say, which waits for the store itself. Killed anywhere: the audit names everything that the source was asked
 * for, because it is written before the request is there; the source goes on with it, and a repair that is done again
 * changes nothing that is right.
 */
export async function sendAgain(
  place: RepairPlace,
  repairId: number,
  requests: readonly RepairRequest[],
  tell: (text: string) => void,
  signal?: AbortSignal,
): Promise<readonly SnapshotJob[]> {
  return withDatabase(place.registration, applicationName, async (client) => {
    const asked: SnapshotJob[] = [];
    for (const { table, keys } of requests) {
      signal?.throwIfAborted();
      const numbered = (id: number): Promise<void> => addRepairJob(place.metering, repairId, id);
      asked.push(await requestSnapshot(client, place.source, { route: table.route, keys, numbered }));
    }
    const ended: SnapshotJob[] = [];
    for (const job of asked) ended.push(await untilDone(client, place, job, tell, signal));
    return ended;
  });
}

async function untilDone(
  client: Parameters<typeof readJob>[0],
  { patienceMs }: RepairPlace,
  asked: SnapshotJob,
  tell: (text: string) => void,
  signal?: AbortSignal,
): Promise<SnapshotJob> {
  let before = '';
  let movedAt = monotonicMs();
  for (;;) {
    signal?.throwIfAborted();
    const job = await readJob(client, asked.source, asked.id);
    if (job?.state === 'done') return job;
    if (job === null || job.state === 'failed' || job.state === 'cancelled') {
      throw new Fault(
        'refused',
        'RECONCILE_REPAIR_STOPPED',
        `Snapshot ${asked.source}:${asked.id} of ${asked.table} is ${job?.state ?? 'gone'}${job?.problem === null || job === null ? '' : `: ${job.problem}`}.`,
      );
    }
    const now = `${job.state} ${job.rows + job.deletes}`;
    if (now !== before) movedAt = monotonicMs();
    before = now;
    if (monotonicMs() - movedAt > patienceMs) {
      throw new Fault(
        'unavailable',
        'RECONCILE_REPAIR_WAITS',
        `The source ${asked.source} has not taken snapshot ${asked.id} of ${asked.table} for ${Math.round(patienceMs / 1000)} s (it is ${job.state}).`,
      );
    }
    tell(`sending again: ${asked.table}, ${job.state}, ${job.rows} rows and ${job.deletes} deletes`);
    await pause(lookEveryMs, signal);
  }
}
