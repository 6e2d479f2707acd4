import { describe, expect, test } from 'vitest';
import type { RunSummary } from '../history.ts';
import { maskedReport } from '../masked.ts';
import type { ReconcileReport } from '../report.ts';
import { pageOf } from './page.ts';

const none = { agreeing: 0, explained: 0, unexplained: 0 };

function report(over: Partial<ReconcileReport> = {}): ReconcileReport {
  return {
    verdict: 'differ',
    point: { snapshot: '100:103:101', lsn: '0/ABCD', at: '2026-03-29T01:30:00.000Z', generation: 2 },
    tables: [
      {
        table: 'metering_point',
        sourceRows: 12_345,
        storeRows: 12_344,
        agreeing: 12_342,
        explained: { rejected: 2, held: 0, deadLettered: 0, notOurs: 0, loading: 0, unsent: 0 },
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

const evidence = { runId: 5, report: report(), source: 'registration', runs };

describe('the page about a run', () => {
  test('is the same to the letter for the same evidence', () => {
    expect(pageOf(evidence)).toBe(pageOf(structuredClone(evidence)));
  });

  test('fetches nothing, and lets nothing be fetched', () => {
    const page = pageOf(evidence);
    expect(page).toContain(`default-src 'none'`);
    const addresses = page.match(/(?:https?:)?\/\/[\w.]+/g) ?? [];
    // Names of XML namespaces, which nobody opens.
    expect(addresses.filter((address) => address !== 'http://www.w3.org')).toEqual([]);
    expect(page).not.toMatch(/<(?:link|img|iframe)\b|@import|\bsrc=/);
  });

  test('says the verdict first, then what was compared, when, at which point and by which version', () => {
    const page = pageOf(evidence);
    const texts = [
      'The two sides differ',
      '29 March 2026, 01:30:00 UTC',
      'Nothing explains 1 row',
      '<code>0/ABCD</code>',
      '<code>100:103:101</code> (1 transaction in progress)',
      'Concord 9.8.7',
      'Rows in registration 12,345</b> = 12,342 agreeing + 2 explained + 1 unexplained',
      'GSP_GROUP_UNKNOWN',
      'RECONCILE_STORE_BEHIND',
    ];
    const places = texts.map((text) => page.indexOf(text));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });

  test('takes a value for nothing but text', () => {
    const page = pageOf(evidence);
    expect(page).not.toContain('<script>alert');
    expect(page.split('</script>')).toHaveLength(3);
  });

  test('shows no MPAN core of a masked report', () => {
    const page = pageOf({ ...evidence, report: maskedReport(report()) });
    expect(page).not.toContain('1300000000012');
    expect(page).toContain('13*********12');
  });

  test('does not call it agreement when an event is missing', () => {
    const [table] = report().tables;
    if (table === undefined) throw new RangeError('no table');
    const page = pageOf({
      ...evidence,
      report: report({ verdict: 'agree', closes: false, tables: [{ ...table, unexplained: 0 }], differences: [] }),
    });
    expect(page).toContain('class="verdict open"');
    expect(page).toContain('not every event is accounted for');
  });
});
