const msPerDay = 86_400_000;

/** The first day of 1970 was a Thursday: 0 is Sunday. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** Days since 1970-01-01 of a calendar date; months are 1 to 12, and day 0 is the last of the month before. */
export function dayOf(year: number, month: number, dayOfMonth: number): number {
  return Date.UTC(year, month - 1, dayOfMonth) / msPerDay;
}

export function yearOf(day: number): number {
  return new Date(day * msPerDay).getUTCFullYear();
}
