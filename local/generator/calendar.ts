/** Days are numbers since 1970-01-01; a settlement date has no time of day and no zone. */
export type Day = number;

const millisecondsPerDay = 86_400_000;
const texts = new Map<Day, string>();
const londonDate = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', dateStyle: 'short' });

/** The day of a `YYYY-MM-DD` text; `infinity` is Infinity; what else PostgreSQL may write (BC, -infinity) is NaN. */
export function day(text: string): Day {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  return Math.round(Date.parse(`${text}T00:00:00Z`) / millisecondsPerDay);
}

/** The text PostgreSQL reads. */
export function dayText(value: Day): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text =
    value === Number.POSITIVE_INFINITY ? 'infinity' : new Date(value * millisecondsPerDay).toISOString().slice(0, 10);
  texts.set(value, text);
  return text;
}

/** The settlement date it is in Great Britain at an instant. */
export function londonDay(instant: Date): Day {
  return day(londonDate.format(instant));
}

/** The last Sundays of March and October from one year to another, when the clocks change. */
export function clockChanges(firstYear: number, lastYear: number): Day[] {
  const days: Day[] = [];
  for (let year = firstYear; year <= lastYear; year += 1) {
    for (const last of [day(`${year}-03-31`), day(`${year}-10-31`)]) days.push(last - weekday(last));
  }
  return days;
}

/** 0 is Sunday. */
function weekday(value: Day): number {
  return (((value + 4) % 7) + 7) % 7;
}
