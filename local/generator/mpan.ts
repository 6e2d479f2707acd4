const weights = [3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43];
const numbersPerPrefix = 10_000_000_000;
/** Has no factor in common with the numbers of a prefix, so that stepping by it meets each of them once. */
const stride = 6_180_339;
const attempts = 16;

/** The sum modulo 11 over the first 12 digits: 10 and 0 both give check digit 0. */
function remainder(first12: string): number {
  let sum = 0;
  for (let i = 0; i < 12; i += 1) sum += (first12.charCodeAt(i) - 48) * (weights[i] ?? 0);
  return sum % 11;
}

/** The check digit of a prefix and number, 12 digits together. */
export function checkDigit(first12: string): number {
  return remainder(first12) % 10;
}

/**
 * An MPAN core of the prefix that no other index of the same start has.
 * Numbers whose check digit could be either of two remainders are left out, as distributors do.
 */
export function mpanAt(prefix: string, start: number, index: number): string {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const number = (start + (index * attempts + attempt) * stride) % numbersPerPrefix;
    const first12 = prefix + String(number).padStart(10, '0');
    const rest = remainder(first12);
    if (rest !== 10) return first12 + String(rest);
  }
  throw new RangeError('every number tried has an ambiguous check digit');
}

/** The same MPAN core with a check digit that is wrong. */
export function withWrongCheckDigit(mpanCore: string): string {
  const last = Number(mpanCore.slice(-1));
  return mpanCore.slice(0, -1) + String((last + 1) % 10);
}

export function isMpanCore(text: string | null): text is string {
  return text !== null && /^[0-9]{13}$/.test(text) && checkDigit(text) === Number(text[12]);
}
