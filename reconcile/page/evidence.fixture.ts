import type { RunSummary } from '../history.ts';
import type { ReconcileReport } from '../report.ts';

const none = { agreeing: 0, explained: 0, unexplained: 0 };

/** A run that differs, with an event refused and a value that wants to be markup. */
export function report(over: Partial<ReconcileReport> = {}): ReconcileReport {
  return {
    verdict: 'differ',
    point: { snapshot: '100:103:101', lsn: '0/ABCD', at: '2026-03-29T01:30:00.000Z', generation: 2 },
    tables: [
      {
        table: 'metering_point',
        sourceRows: 12_345,
        storeRows: 12_344,
        agreeing: 12_342,
        explained: {
          rejected: 2,
          held: 0,
          deadLettered: 0,
          notOurs: 0,
          loading: 0,
          unsent: 0,
          parked: 0,
          unverified: 0,
        },
        unexplained: 1,
        source: { ...none, agreeing: 12_342, explained: 2, unexplained: 1 },
        store: { ...none, agreeing: 12_342, explained: 1, unexplained: 1 },
        closes: true,
        rules: { GSP_GROUP_UNKNOWN: 2 },
        verifiedThrough: null,
      },
    ],
    differences: [
      {
        table: 'metering_point',
        key: '1300000000012',
        cause: 'changed-in-store',
        items: ['supplier_mpid', 'mpan_core'],
        values: {
          supplier_mpid: { registration: 'SUPA', metering: '<script>alert(1)</script>' },
          mpan_core: { registration: '1300000000012', metering: null },
        },
        rules: [],
      },
    ],
    breakdown: [
      {
        table: 'metering_point',
        standing: 'rejected',
        cause: null,
        rules: ['GSP_GROUP_UNKNOWN'],
        distributor: 'MANW',
        supplier: '</script>',
        day: '2026-03-28',
        rows: 2,
      },
    ],
    events: {
      captured: 12_400,
      applied: 12_398,
      unchanged: 0,
      superseded: 0,
      rejected: 2,
      held: 0,
      deadLettered: 0,
      notOurs: 0,
      inFlight: 0,
      closes: true,
    },
    closes: true,
    seconds: 1.25,
    lookedAgain: 0,
    version: '9.8.7',
    ...over,
  };
}

const runs: readonly RunSummary[] = [3, 4, 5].map((id) => ({
  id,
  at: `2026-03-29T0${id}:00:00.000Z`,
  verdict: id === 3 ? 'failed' : id === 4 ? 'agree' : 'differ',
  scope: 'full',
  lsn: null,
  seconds: 1,
  sourceRows: id === 3 ? null : 12_345,
  explained: id === 3 ? null : 2,
  unexplained: id === 3 ? null : id - 4,
  problem: id === 3 ? 'RECONCILE_STORE_BEHIND: it does not move' : null,
}));

export const evidence = { runId: 5, report: report(), source: 'registration', runs };
