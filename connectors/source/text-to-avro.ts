import { writeBytes, writeDecimal, writeLong } from './avro-bytes.ts';

/**
 * Writes PostgreSQL's text of a value (ISO dates, UTC) as the Avro type; returns the offset after it, or `unfit`
 * if the type can not hold it, in which case what was written does not count.
 */
export type TextCodec = (out: Buffer, at: number, text: Buffer, start: number, length: number) => number;

export const unfit = -1;

/** avsc refuses to read longs beyond this as numbers, which is one less than JavaScript's own limit. */
const longMax = Number.MAX_SAFE_INTEGER - 1;

const zero = 0x30;
const minus = 0x2d;
const plus = 0x2b;

/** The decimal digits from start to end as a number; NaN if there is anything else, or nothing. */
function digits(text: Buffer, start: number, end: number): number {
  if (end <= start) return Number.NaN;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (text[at] ?? 0) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function integer(text: Buffer, start: number, length: number): number {
  const negative = text[start] === minus;
  const value = digits(text, negative ? start + 1 : start, start + length);
  return negative ? -value : value;
}

export const writeText: TextCodec = writeBytes;

export const writeInt: TextCodec = (out, at, text, start, length) => {
  const value = integer(text, start, length);
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? writeLong(out, at, value) : unfit;
};

export const writeBigint: TextCodec = (out, at, text, start, length) => {
  const value = integer(text, start, length);
  return Math.abs(value) <= longMax ? writeLong(out, at, value) : unfit;
};

/** `t` and `f` as the server sends them, `true` and `false` as a cast writes them. */
export const writeBoolean: TextCodec = (out, at, text, start, length) => {
  const first = text[start];
  if ((length !== 1 && length !== 4 && length !== 5) || (first !== 0x74 && first !== 0x66)) return unfit;
  out[at] = first === 0x74 ? 1 : 0;
  return at + 1;
};

/**
 * `decimal(precision, scale)`: more digits after the point than the scale has, unless zero, do not fit; `exact`: fewer
 * do not either, and neither do zeros, because they are part of the value.
 */
export function decimalCodec(precision: number, scale: number, exact = false): TextCodec {
  const limit = 10 ** precision;
  return (out, at, text, start, length) => {
    const end = start + length;
    const negative = text[start] === minus;
    let cursor = negative ? start + 1 : start;
    let value = 0;
    let fraction = -1;
    let seen = 0;
    for (; cursor < end; cursor += 1) {
      const byte = text[cursor] ?? 0;
      if (byte === 0x2e && fraction < 0) {
        fraction = 0;
        continue;
      }
      const digit = byte - zero;
      if (digit < 0 || digit > 9) return unfit;
      seen += 1;
      if (fraction >= 0) fraction += 1;
      if (fraction > scale) {
        if (digit !== 0) return unfit;
      } else {
        value = value * 10 + digit;
        if (value >= limit) return unfit;
      }
    }
    if (seen === 0 || (exact && Math.max(fraction, 0) !== scale)) return unfit;
    for (let missing = Math.max(fraction, 0); missing < scale; missing += 1) value *= 10;
    if (value >= limit) return unfit;
    return writeDecimal(out, at, negative && value !== 0 ? -value : value);
  };
}

const endsWithBc = (text: Buffer, end: number): boolean =>
  text[end - 3] === 0x20 && text[end - 2] === 0x42 && text[end - 1] === 0x43;

/** Days since 1970-01-01 of `YYYY-MM-DD` in the proleptic Gregorian calendar; NaN for anything else. */
function days(text: Buffer, start: number, end: number, beforeChrist: boolean): number {
  const written = digits(text, start, end - 6);
  const month = digits(text, end - 5, end - 3);
  const day = digits(text, end - 2, end);
  if (text[end - 6] !== minus || text[end - 3] !== minus || end - 6 - start < 4) return Number.NaN;
  // 1 BC is the year 0. March is the first month, so that the leap day is the last day of a year.
  const year = (beforeChrist ? 1 - written : written) - (month <= 2 ? 1 : 0);
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** `date`: infinity does not fit. */
export const writeDate: TextCodec = (out, at, text, start, length) => {
  const end = start + length;
  const beforeChrist = endsWithBc(text, end);
  const value = days(text, start, beforeChrist ? end - 3 : end, beforeChrist);
  return Number.isNaN(value) ? unfit : writeLong(out, at, value);
};

/** `timestamp` and `timestamptz` in UTC as epoch microseconds; infinity and years beyond 2^53 µs do not fit. */
export const writeTimestamp: TextCodec = (out, at, text, start, length) => {
  let end = start + length;
  const beforeChrist = endsWithBc(text, end);
  if (beforeChrist) end -= 3;
  // The zone is UTC by the session's setting, so that its offset can only be +00.
  if (end - start > 3 && text[end - 3] === plus) {
    if (text[end - 2] !== zero || text[end - 1] !== zero) return unfit;
    end -= 3;
  }
  const space = text.indexOf(0x20, start);
  if (space < 0 || space + 9 > end) return unfit;
  const seconds =
    days(text, start, space, beforeChrist) * 86_400 +
    digits(text, space + 1, space + 3) * 3_600 +
    digits(text, space + 4, space + 6) * 60 +
    digits(text, space + 7, space + 9);
  const fractionDigits = end - (space + 10);
  const fraction = fractionDigits > 0 ? digits(text, space + 10, end) * 10 ** (6 - fractionDigits) : 0;
  const micros = seconds * 1_000_000 + fraction;
  return Math.abs(micros) <= longMax && Number.isInteger(micros) ? writeLong(out, at, micros) : unfit;
};
