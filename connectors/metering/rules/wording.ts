import { maskMpan } from '../../../runtime/mask.ts';

const longest = 40;
const msPerDay = 86_400_000;

// What a terminal or a jsonb column would choke on: controls, invisible marks, halves of characters.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * A value as it may stand in a text: quoted, masked wherever it could hold an MPAN, printable, and short. Masking
 * comes before shortening, because a cut MPAN is no long run of digits any more and would be shown.
 */
export function quoted(value: string): string {
  const clean = value
    .slice(0, 10 * longest)
    .replace(/\d{11,}/g, maskMpan)
    .replace(unprintable, '\u{FFFD}');
  if (clean.length <= longest) return `"${clean}"`;
  const characters = Array.from(clean);
  return characters.length <= longest ? `"${clean}"` : `"${characters.slice(0, longest).join('')}…"`;
}

/** An MPAN core, right or wrong, as it may stand in a text. */
export function maskedMpan(mpan: string): string {
  const short =
    mpan.length > longest ? `${mpan.slice(0, 2)}${'*'.repeat(longest - 4)}${mpan.slice(-2)}` : maskMpan(mpan);
  return short.replace(unprintable, '\u{FFFD}');
}

/** `2024-04-01`; a day beyond the calendar is told by its number. */
export function isoDay(day: number): string {
  const date = new Date(day * msPerDay);
  if (Number.isNaN(date.getTime())) return `day ${day}`;
  const text = date.toISOString();
  return text.slice(0, text.indexOf('T'));
}

/** `open` for the end of a period that has none. */
export function isoEnd(day: number | null): string {
  return day === null ? 'open' : isoDay(day);
}

/** The inverse of `isoDay`. Throws a RangeError on what is not a date of the calendar. */
export function parseIsoDay(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new RangeError(`not a date: ${quoted(text)}`);
  const day = Date.parse(`${text}T00:00:00Z`) / msPerDay;
  if (Number.isNaN(day) || isoDay(day) !== text) throw new RangeError(`not a date: ${quoted(text)}`);
  return day;
}

/** `a, b or c`. */
export function choice(values: readonly string[]): string {
  if (values.length < 2) return values.join('');
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
