import { maskDigits, maskMpan } from '../runtime/mask.ts';

/**
 * A value as it may be shown: no MPAN core in full, whatever holds it. Numbers stay as they are: an LSN may look like an MPAN
 * core, and is none.
 */
export function shown<T>(value: T, reveal: boolean): T {
  return reveal ? value : (masked(value, '') as T);
}

function masked(value: unknown, name: string): unknown {
  // Bytes are masked where they are made to text.
  if (typeof value === 'string')
    return name === 'hex' ? value : name === 'mpan_core' ? maskMpan(value) : maskDigits(value);
  if (Array.isArray(value)) return value.map((one) => masked(one, name));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, one]) => [key, masked(one, key)]),
  );
}

/** The key of a record; of some topics it is an MPAN core, whatever it looks like. */
export function shownKey(key: string | null, isMpan: boolean, reveal: boolean): string | null {
  if (key === null || reveal) return key;
  return isMpan && !/^[a-z_]*$/.test(key) ? maskMpan(key) : maskDigits(key);
}

/** Bytes as hexadecimal text; an MPAN core in them is masked as it would be in text (2a is the asterisk). */
export function shownHex(bytes: Buffer, reveal: boolean): string {
  return reveal ? bytes.toString('hex') : Buffer.from(maskDigits(bytes.toString('latin1')), 'latin1').toString('hex');
}
