import { isBankHoliday } from './bank-holidays.ts';
import { dayOf, weekdayOf, yearOf } from './calendar-days.ts';

/**
 * Days in Europe/London. A settlement date is a London date, so an instant at 23:30 UTC in summer belongs to the next day.
 *
 * Summer time is reckoned by the rule in force since 1996: from the last Sunday of March to the last Sunday of October,
 * changing at 01:00 UTC. Earlier years had dates of their own; source time never lies there.
 */

const microsPerHour = 3_600_000_000;
const microsPerDay = 24 * microsPerHour;

function lastSunday(year: number, month: number): number {
  const last = dayOf(year, month + 1, 0);
  return last - weekdayOf(last);
}

function isSummerTime(micros: number): boolean {
  const year = yearOf(Math.floor(micros / microsPerDay));
  const begin = lastSunday(year, 3) * microsPerDay + microsPerHour;
  const end = lastSunday(year, 10) * microsPerDay + microsPerHour;
  return micros >= begin && micros < end;
}

// Changes fall on whole hours, so the answer of an hour is good for each instant in it, and events come in order of time.
let lastHour = Number.NaN;
let lastLondonDay = 0;

/** The London date of an instant (epoch microseconds), as days since 1970-01-01. */
export function londonDay(micros: number): number {
  const hour = Math.floor(micros / microsPerHour);
  if (hour === lastHour) return lastLondonDay;
  const local = isSummerTime(micros) ? micros + microsPerHour : micros;
  lastHour = hour;
  lastLondonDay = Math.floor(local / microsPerDay);
  return lastLondonDay;
}

/** The instant (epoch microseconds) at which a London day begins. */
export function londonDayBegin(day: number): number {
  const utc = day * microsPerDay;
  return isSummerTime(utc - microsPerHour) ? utc - microsPerHour : utc;
}

/** Monday to Friday, but for the bank holidays of England and Wales. */
export function isWorkingDay(day: number): boolean {
  const weekday = weekdayOf(day);
  return weekday !== 0 && weekday !== 6 && !isBankHoliday(day);
}

/** The nth working day after a day, which itself never counts; with 0 the day itself. */
export function workingDaysAfter(day: number, workingDays: number): number {
  let at = day;
  for (let left = workingDays; left > 0; ) {
    at += 1;
    if (isWorkingDay(at)) left -= 1;
  }
  return at;
}

/**
 * When a hold is over: the last microsecond (epoch) of the London day that lies `workingDays` working days after the one
 * of source time. An event with a source time beyond it finds the hold ended.
 */
export function dueAt(sourceTimeMicros: number, workingDays: number): number {
  return londonDayBegin(workingDaysAfter(londonDay(sourceTimeMicros), workingDays) + 1) - 1;
}
