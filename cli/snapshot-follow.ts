import type pg from 'pg';
import { secondsLeft, tellSecondsLeft } from '../connectors/source/estimate.ts';
import { readJob, type SnapshotJob } from '../connectors/source/job-table.ts';
import { monotonicMs, nowMs, pause } from '../runtime/clock.ts';

const lookEveryMs = 250;
const tellEveryMs = 2_000;
/** A source that runs takes a request at once. */
const takenWithinMs = 5_000;

/** Shows how a snapshot goes on, until it ends or the signal aborts; returns it as it is then. `tell` null: in silence. */
export async function followSnapshot(
  client: pg.Client,
  asked: SnapshotJob,
  tell: ((text: string) => void) | null,
  signal: AbortSignal,
): Promise<SnapshotJob> {
  const begin = monotonicMs();
  let job = asked;
  let toldAt = begin;
  let waiting = false;
  while (job.endedAt === null && job.state !== 'paused' && !signal.aborted) {
    await pause(lookEveryMs, signal);
    // Whoever deleted the row has ended it.
    job = (await readJob(client, job.source, job.id)) ?? { ...job, state: 'cancelled', endedAt: new Date() };
    const now = monotonicMs();
    if (job.state === 'queued' && !waiting && now - begin > takenWithinMs) {
      waiting = true;
      tell?.(`It waits for the source ${job.source}: for another snapshot, for the initial load, or for its process.`);
    }
    if (job.state === 'running' && now - toldAt > tellEveryMs) {
      toldAt = now;
      tell?.(`  ${tellJob(job)}${tellSecondsLeft(restOf(job))}`);
    }
  }
  if (job.endedAt !== null || job.state === 'paused') {
    tell?.(`Snapshot ${job.source}:${job.id} is ${job.state}: ${job.problem ?? tellJob(job)}.`);
  }
  return job;
}

/** What was read so far. */
export function tellJob(job: SnapshotJob): string {
  const read = job.rows + job.deletes + job.untold;
  const of =
    job.endedAt !== null || job.estimate === null || job.estimate < read ? '' : ` of about ${number(job.estimate)}`;
  const parts = [`${number(job.rows)}${of} rows`];
  if (job.deletes > 0) parts.push(`${number(job.deletes)} gone, told as deletes`);
  if (job.untold > 0) {
    parts.push(`${number(job.untold)} gone, which can not be told: give all parts that identify the row`);
  }
  return parts.join(', ');
}

/** How long it still takes at the rate since the job began; paused time counts, so it is careful. */
export function restOf({ state, startedAt, rows, deletes, estimate }: SnapshotJob): number | null {
  if (state !== 'running' || startedAt === null) return null;
  return secondsLeft({ done: rows + deletes, estimate, forMs: nowMs() - startedAt.getTime() });
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}
