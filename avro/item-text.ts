import { decimalText } from './plain.ts';
import { type FieldType, presentType } from './schemas.ts';

/**
 * The value of an item as PostgreSQL writes it (ISO dates, UTC), which every type of PostgreSQL reads back: `t`, `-0`,
 * `\x00ff`, `2024-03-31 00:00:00.1+00`. Not null.
 */
export function itemText(type: FieldType, value: unknown): string {
  const present = presentType(type);
  if (typeof present === 'string') {
    if (present === 'boolean') return value === true ? 't' : 'f';
    if (present === 'double') return doubleText(Number(value));
    if (present === 'bytes') return `\\x${(value as Buffer).toString('hex')}`;
    return String(value);
  }
  if (!('logicalType' in present)) return typeof value === 'string' ? value : JSON.stringify(value);
  switch (present.logicalType) {
    case 'date':
      return dayText(Number(value));
    case 'timestamp-micros':
      return `${microsText(Number(value))}+00${isBeforeChrist(Number(value)) ? ' BC' : ''}`;
    case 'local-timestamp-micros':
      return `${microsText(Number(value))}${isBeforeChrist(Number(value)) ? ' BC' : ''}`;
    case 'decimal':
      return decimalText(Number(value), present.scale ?? 0);
    default:
      return String(value);
  }
}

/** The shortest text that is this number again. PostgreSQL's own has another exponent form. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

const dayMicros = 86_400_000_000;
const yearOneDay = -719_162;

/** Days since 1970-01-01 as PostgreSQL writes a date, in the proleptic Gregorian calendar and for any year. */
export function dayText(day: number): string {
  return `${civil(day)}${day < yearOneDay ? ' BC' : ''}`;
}

function isBeforeChrist(micros: number): boolean {
  return Math.floor(micros / dayMicros) < yearOneDay;
}

function microsText(micros: number): string {
  const day = Math.floor(micros / dayMicros);
  const rest = micros - day * dayMicros;
  const seconds = Math.floor(rest / 1_000_000);
  const fraction = rest - seconds * 1_000_000;
  const clock = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  const digits = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
  return `${civil(day)} ${clock}${digits}`;
}

/** Year, month and day; a year before 1 as its number before Christ. Years begin in March, and eras have 400 of them. */
function civil(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marched = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marched < 10 ? marched + 3 : marched - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two(month)}-${two(dayOfYear - Math.floor((153 * marched + 2) / 5) + 1)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
