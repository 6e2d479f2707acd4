/** The shape of an MPAN core: thirteen ASCII digits, of which the last follows from the others. */

export const mpanLength = 13;

// The primes from 3 on, without 11.
const weights = [3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43] as const;
const zero = 48;
const nine = 57;

/** Where the first character that is no ASCII digit stands (from 0), or -1. */
export function firstNonDigit(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < zero || code > nine) return at;
  }
  return -1;
}

export function isMpanFormat(text: string): boolean {
  return text.length === mpanLength && firstNonDigit(text) === -1;
}

/** The check digit that the first twelve digits ask for. They must be digits. */
export function checkDigitOf(text: string): number {
  let sum = 0;
  for (let at = 0; at < weights.length; at++) sum += (text.charCodeAt(at) - zero) * (weights[at] ?? 0);
  return (sum % 11) % 10;
}

/** True when the last digit is right. The text must be thirteen digits. */
export function hasCheckDigit(text: string): boolean {
  return checkDigitOf(text) === text.charCodeAt(mpanLength - 1) - zero;
}

/** The distributor's prefix: the first two digits. */
export function prefixOf(mpan: string): string {
  return mpan.slice(0, 2);
}
