import { dayText } from '../../avro/item-text.ts';
import { arrayText } from '../../runtime/array-text.ts';

/** COPY's text format: columns by tab, rows by newline, `\N` for null. */
export const copyNull = '\\N';

const special = /[\\\t\n\r]/g;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

export function copyField(text: string | null | undefined): string {
  if (text === null || text === undefined) return copyNull;
  return text.search(special) === -1 ? text : text.replace(special, (found) => escapes[found] ?? found);
}

/** A one-dimensional text array, quoted for the array parser first and for COPY after. */
export function copyTextArray(texts: readonly string[]): string {
  return copyField(arrayText(texts));
}

const unescapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r' };

/** A row as it goes into COPY, without its newline, as an object with its columns as text. */
export function recordOf(columns: readonly string[], row: string): Readonly<Record<string, string | null>> {
  const fields = row.split('\t');
  return Object.fromEntries(
    columns.map((name, index) => {
      const field = fields[index] ?? copyNull;
      const text = !field.includes('\\')
        ? field
        : field.replace(/\\(.)/g, (_, escaped: string) => unescapes[escaped] ?? escaped);
      return [name, field === copyNull ? null : text];
    }),
  );
}

const dates = new Map<number, string>();

/** Days since 1970-01-01 as an ISO date; years beyond 9999 and before 1 as PostgreSQL writes them. */
export function dateText(day: number): string {
  const known = dates.get(day);
  if (known !== undefined) return known;
  const text = dayText(day);
  if (dates.size > 100_000) dates.clear();
  dates.set(day, text);
  return text;
}

let lastMicros = Number.NaN;
let lastTimestamp = '';
let lastSeconds = Number.NaN;
let lastSecondsText = '';

/** Epoch microseconds as a timestamptz. Events of one transaction come one after the other. */
export function timestampText(micros: number): string {
  if (micros === lastMicros) return lastTimestamp;
  const seconds = Math.floor(micros / 1_000_000);
  if (seconds !== lastSeconds) {
    lastSecondsText = new Date(seconds * 1000).toISOString().slice(0, 19);
    lastSeconds = seconds;
  }
  const rest = String(micros - seconds * 1_000_000).padStart(6, '0');
  lastTimestamp = `${lastSecondsText}.${rest}+00`;
  lastMicros = micros;
  return lastTimestamp;
}

/** Integer millionths as a decimal. */
export function millionthsText(value: number): string {
  const absolute = Math.abs(value);
  const whole = Math.floor(absolute / 1_000_000);
  const rest = String(absolute - whole * 1_000_000).padStart(6, '0');
  return `${value < 0 ? '-' : ''}${whole}.${rest}`;
}

/** The columns that `writeStamp` fills, in its order. */
export const stampColumns = ['source', 'generation', 'lsn', 'ordinal', 'xid', 'committed_at', 'source_time'] as const;

export const decidedColumns = ['decided_generation', 'decided_lsn', 'decided_ordinal', 'decided_at'] as const;

export const endingColumns = ['generation_to', 'lsn_to', 'ordinal_to', 'xid_to', 'ended_at'] as const;
