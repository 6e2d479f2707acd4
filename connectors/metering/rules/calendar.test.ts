import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bankHolidaysOf } from './bank-holidays.ts';
import { dueAt, isWorkingDay, londonDay, londonDayBegin, workingDaysAfter } from './calendar.ts';
import { isoDay, parseIsoDay as day } from './wording.ts';

const micros = (iso: string): number => Date.parse(iso) * 1000;
const utc = (at: number): string =>
  `${new Date(Math.floor(at / 1000)).toISOString().slice(0, -1)}${String(at % 1000).padStart(3, '0')}Z`;

describe('the London day', () => {
  it.each([
    ['2024-03-30T23:59:59.999Z', '2024-03-30'],
    ['2024-03-31T00:30:00Z', '2024-03-31'],
    ['2024-03-31T22:59:59Z', '2024-03-31'],
    ['2024-03-31T23:00:00Z', '2024-04-01'],
    ['2024-06-30T23:00:00Z', '2024-07-01'],
    ['2024-10-26T23:00:00Z', '2024-10-27'],
    ['2024-10-27T23:00:00Z', '2024-10-27'],
    ['2024-10-28T00:00:00Z', '2024-10-28'],
    ['2024-12-31T23:59:59Z', '2024-12-31'],
  ])('of %s is %s', (instant, expected) => {
    expect(isoDay(londonDay(micros(instant)))).toBe(expected);
  });

  it('is the one that the time zone database says, from 1996 to 2037', () => {
    const format = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', dateStyle: 'short' });
    const first = Date.parse('1996-01-01T00:00:00Z');
    const last = Date.parse('2037-12-31T23:59:59Z');
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (ms) => {
        expect(isoDay(londonDay(ms * 1000))).toBe(format.format(ms));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is right in each hour around each change of the clock from 1996 to 2037', () => {
    const format = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', dateStyle: 'short' });
    for (let year = 1996; year <= 2037; year++) {
      for (const month of [2, 9]) {
        for (let hour = 20 * 24; hour < 32 * 24; hour++) {
          const ms = Date.UTC(year, month, 1, hour);
          expect(isoDay(londonDay(ms * 1000 + 1))).toBe(format.format(ms));
        }
      }
    }
  });

  it('begins at the first instant that is its own', () => {
    for (let at = day('2023-12-01'); at < day('2025-02-01'); at++) {
      expect(londonDay(londonDayBegin(at))).toBe(at);
      expect(londonDay(londonDayBegin(at) - 1)).toBe(at - 1);
    }
  });
});

describe('working days', () => {
  it.each([
    [2019, '01-01 04-19 04-22 05-06 05-27 08-26 12-25 12-26'],
    [2020, '01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28'],
    [2021, '01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28'],
    [2022, '01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27'],
    [2023, '01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26'],
    [2024, '01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26'],
    [2025, '01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26'],
    [2026, '01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28'],
    [2027, '01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28'],
    [2028, '01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26'],
  ])('of %i leave out the published bank holidays', (year, published) => {
    expect(
      bankHolidaysOf(year)
        .map((at) => isoDay(at).slice(5))
        .join(' '),
    ).toBe(published);
  });

  it('are Monday to Friday', () => {
    expect(['2024-06-07', '2024-06-08', '2024-06-09', '2024-06-10'].map((date) => isWorkingDay(day(date)))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('are counted from the day after', () => {
    expect(isoDay(workingDaysAfter(day('2024-03-28'), 1))).toBe('2024-04-02');
    expect(isoDay(workingDaysAfter(day('2024-12-20'), 10))).toBe('2025-01-08');
    expect(isoDay(workingDaysAfter(day('2024-12-21'), 0))).toBe('2024-12-21');
  });
});

describe('the end of a hold', () => {
  it('is the last microsecond of the London day, in winter', () => {
    expect(utc(dueAt(micros('2024-12-20T15:00:00Z'), 10))).toBe('2025-01-08T23:59:59.999999Z');
  });

  it('is the last microsecond of the London day, in summer', () => {
    expect(utc(dueAt(micros('2024-06-03T15:00:00Z'), 10))).toBe('2024-06-17T22:59:59.999999Z');
  });

  it('counts from the London day of source time', () => {
    expect(utc(dueAt(micros('2024-06-03T23:30:00Z'), 1))).toBe('2024-06-05T22:59:59.999999Z');
    expect(utc(dueAt(micros('2024-06-03T22:30:00Z'), 1))).toBe('2024-06-04T22:59:59.999999Z');
  });

  it('does not shrink as time goes on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_500_000_000, max: 1_900_000_000 }),
        fc.integer({ min: 0, max: 5_000_000 }),
        fc.integer({ min: 0, max: 30 }),
        (seconds, later, workingDays) => {
          const due = dueAt(seconds * 1e6, workingDays);
          expect(due).toBeGreaterThanOrEqual(seconds * 1e6);
          expect(dueAt((seconds + later) * 1e6, workingDays)).toBeGreaterThanOrEqual(due);
        },
      ),
    );
  });
});
