import { dayOf, weekdayOf, yearOf } from './calendar-days.ts';
import { parseIsoDay } from './wording.ts';

/**
 * The bank holidays of England and Wales: the rules of the Act, and what was proclaimed besides. Checked against the
 * published lists of 2019 to 2028; earlier proclaimed days are not here, because no hold is that old.
 */

const sunday = 0;
const monday = 1;

/** Days that were moved (from a rule’s day to another) or added, as ISO dates. */
const moved: readonly (readonly [from: string, to: string])[] = [
  ['2020-05-04', '2020-05-08'], // 75 years after the end of the war in Europe
  ['2022-05-30', '2022-06-02'], // made a long weekend with the Platinum Jubilee
];
const added: readonly string[] = [
  '2022-06-03', // Platinum Jubilee
  '2022-09-19', // state funeral of Queen Elizabeth II
  '2023-05-08', // coronation of King Charles III
];

function firstMonday(year: number, month: number): number {
  const first = dayOf(year, month, 1);
  return first + ((monday - weekdayOf(first) + 7) % 7);
}

function lastMonday(year: number, month: number): number {
  const last = dayOf(year, month + 1, 0);
  return last - ((weekdayOf(last) - monday + 7) % 7);
}

/** Easter Sunday of the Gregorian calendar (the method of Meeus, Jones and Butcher). */
function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const d = Math.floor(b / 4);
  const e = b % 4;
  const g = Math.floor((8 * b + 13) / 25);
  const h = (19 * a + b - d - g + 15) % 30;
  const i = Math.floor(c / 4);
  const k = c % 4;
  const l = (32 + 2 * e + 2 * i - h - k) % 7;
  const m = Math.floor((a + 11 * h + 19 * l) / 433);
  const month = Math.floor((h + l - 7 * m + 90) / 25);
  const dayOfMonth = (h + l - 7 * m + 33 * month + 19) % 32;
  return dayOf(year, month, dayOfMonth);
}

/** Saturday and Sunday move to the Monday. */
function substituted(day: number): number {
  const weekday = weekdayOf(day);
  if (weekday === sunday) return day + 1;
  return weekday === 6 ? day + 2 : day;
}

/** Christmas Day and Boxing Day, each with a weekday of its own. */
function christmas(year: number): readonly number[] {
  const first = substituted(dayOf(year, 12, 25));
  const boxing = substituted(dayOf(year, 12, 26));
  const weekday = weekdayOf(dayOf(year, 12, 25));
  // On a Saturday both move by two days; on a Sunday Boxing Day keeps the Monday, and Christmas goes to the Tuesday.
  if (weekday === 6) return [first, first + 1];
  return weekday === sunday ? [boxing, boxing + 1] : [first, boxing];
}

/** The bank holidays of a year as days since 1970-01-01, in order. */
export function bankHolidaysOf(year: number): readonly number[] {
  const easter = easterSunday(year);
  const ruled = [
    substituted(dayOf(year, 1, 1)),
    easter - 2,
    easter + 1,
    firstMonday(year, 5),
    lastMonday(year, 5),
    lastMonday(year, 8),
    ...christmas(year),
  ];
  const shifts = new Map(moved.map(([from, to]) => [parseIsoDay(from), parseIsoDay(to)]));
  const proclaimed = added.filter((date) => date.startsWith(`${year}-`)).map(parseIsoDay);
  return [...ruled.map((day) => shifts.get(day) ?? day), ...proclaimed].sort((a, b) => a - b);
}

const byYear = new Map<number, ReadonlySet<number>>();

export function isBankHoliday(day: number): boolean {
  const year = yearOf(day);
  let holidays = byYear.get(year);
  if (holidays === undefined) {
    holidays = new Set(bankHolidaysOf(year));
    byYear.set(year, holidays);
  }
  return holidays.has(day);
}
