import { describe, expect, test } from 'vitest';
import { maskedReport } from '../masked.ts';
import { evidence, report } from './evidence.fixture.ts';
import { pageOf } from './page.ts';

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

  test('lists the rows that have a reason, with the rule in words, and says what it does not list', () => {
    const [table] = report().tables;
    if (table === undefined) throw new RangeError('no table');
    const page = pageOf({
      ...evidence,
      report: report({
        tables: [{ ...table, explained: { ...table.explained, notOurs: 7 } }],
        differences: [
          {
            table: 'metering_point',
            key: 'KEY1',
            cause: 'rejected',
            items: [],
            values: {},
            rules: ['GSP_GROUP_UNKNOWN'],
          },
          { table: 'metering_point', key: 'KEY2', cause: 'dead-lettered', items: [], values: {}, rules: [] },
        ],
      }),
    });
    expect(page).toMatch(/GSP_GROUP_UNKNOWN<\/code><\/td><td>The GSP group is one of/);
    expect(page).toMatch(/KEY1<\/code><\/td><td>rejected<[\s\S]*KEY2<\/code><\/td><td>dead-lettered</);
    expect(page).toContain('7 appointments of other metering services');
    // No list of none, and no column for a reason that no row has.
    const none = pageOf({ ...evidence, report: report({ differences: [] }) });
    expect([page, none].map((text) => text.includes('one by one</summary>'))).toEqual([true, false]);
    expect(none).toContain('2 rows in all, not listed one by one.');
    const titles = ['Rejected', 'Not ours', 'Held', 'Loading'].map((title) => `>${title}</th>`);
    expect(titles.map((title) => page.includes(title))).toEqual([true, true, false, false]);
  });

  test('masks in a mirrored table whatever looks like an MPAN core', () => {
    const values = { note: { registration: 'of 1300000000012', metering: null } };
    const difference = {
      table: 'billing.account',
      key: '1300000000012',
      cause: 'unknown' as const,
      items: ['note'],
      values,
      rules: [],
    };
    const page = pageOf({ ...evidence, report: maskedReport(report({ differences: [difference] })) });
    expect(page).not.toContain('1300000000012');
    expect(page).toContain('of 13*********12');
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
