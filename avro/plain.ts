import type { FieldType, RecordSchema } from './schemas.ts';
import { isUnion, namedTypes, presentType } from './schemas.ts';

/**
 * A decoded value in the form for people and for other systems, which JSON Schema and XSD describe: a date as
 * `2024-03-31`, a timestamp as `2024-03-31T00:00:00.123456Z`, a decimal as exact text.
 */
export function plainValue(schema: RecordSchema, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const named = namedTypes(schema);
  return Object.fromEntries(schema.fields.map((field) => [field.name, plain(field.type, value[field.name], named)]));
}

function plain(type: FieldType, value: unknown, named: ReadonlyMap<string, RecordSchema>): unknown {
  if (value === null || value === undefined) return null;
  // What JSON's numbers lose, and what JSON has no word for.
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  const present = isUnion(type) ? presentType(type) : type;
  if (typeof present === 'string') {
    const record = named.get(present);
    return record === undefined ? value : plain(record, value, named);
  }
  if ('fields' in present) return plainValue(present, { ...value });
  if (!('logicalType' in present) || typeof value !== 'number') return value;
  switch (present.logicalType) {
    case 'date':
      return dateText(value);
    case 'timestamp-micros':
      return timestampText(value);
    case 'decimal':
      return decimalText(value, present.scale ?? 0);
    default:
      return value;
  }
}

/** Days since 1970-01-01 as `2024-03-31`; beyond the years that an ISO date can name, as a number with its unit. */
export function dateText(days: number): string {
  const date = new Date(days * 86_400_000);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9_999) return `day ${days}`;
  return date.toISOString().slice(0, 10);
}

/** Epoch microseconds as `2024-03-31T00:00:00.123456Z`, losing none of them. */
export function timestampText(micros: number): string {
  const millis = Math.floor(micros / 1_000);
  const rest = micros - millis * 1_000;
  return `${new Date(millis).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

/** 1045000 with scale 6 is `1.045000`. */
export function decimalText(units: number, scale: number): string {
  const digits = String(Math.abs(units)).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${units < 0 ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
}
