import type { Registry } from 'prom-client';
import type { ProofFigures } from '../../reconcile/history.ts';
import { nowMs } from '../../runtime/clock.ts';
import { counterFrom, gaugeFrom, type Reading } from '../../runtime/metrics.ts';

/** What the runs of reconcile have proved. `read` answers null when the store can not be asked in time. */
export function addProof(registry: Registry, read: () => Promise<ProofFigures | null>): void {
  const figures = (pick: (figures: ProofFigures) => Reading) => async (): Promise<Reading> => {
    const now = await read();
    return now === null ? [] : pick(now);
  };
  gaugeFrom(
    registry,
    'concord_reconcile_last_pass_age_seconds',
    'Time since the point of the last reconcile that found nothing unexplained; absent before the first.',
    [],
    figures(({ lastPassMs }) => (lastPassMs === null ? [] : [[{}, (nowMs() - lastPassMs) / 1000]])),
  );
  gaugeFrom(
    registry,
    'concord_reconcile_unexplained_rows',
    'Rows that nothing explained in the last reconcile that could compare.',
    [],
    figures(({ unexplained }) => (unexplained === null ? [] : [[{}, unexplained]])),
  );
  gaugeFrom(
    registry,
    'concord_reconcile_failed_in_a_row',
    'Runs of reconcile that failed since the last that could compare.',
    [],
    figures(({ failedInARow }) => [[{}, failedInARow]]),
  );
  gaugeFrom(
    registry,
    'concord_verified_through_lsn',
    'LSN through which a reconcile has proved both sides equal, as a number of bytes.',
    ['table'],
    figures(({ verified }) => [...verified].map(([table, lsn]) => [{ table }, lsn] as const)),
  );
  counterFrom(
    registry,
    'concord_reconcile_runs_total',
    'Runs of reconcile that are kept, by verdict (agree, differ, failed).',
    ['verdict'],
    figures(({ runs }) => [...runs].map(([verdict, count]) => [{ verdict }, count] as const)),
  );
}
