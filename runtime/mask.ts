/**
 * An MPAN core is personal data: what is shown keeps the first two digits (the distributor) and the last two.
 * Anything shorter than six characters is hidden altogether.
 */
export function maskMpan(text: string | null | undefined): string {
  if (text === null || text === undefined) return '(none)';
  if (text.length < 6) return '*'.repeat(text.length);
  return `${text.slice(0, 2)}${'*'.repeat(text.length - 4)}${text.slice(-2)}`;
}

/** Masks every run of 11 to 14 digits in a text that comes from elsewhere (a server's error message, say). */
export function maskDigits(text: string): string {
  return text.replace(/(?<!\d)\d{11,14}(?!\d)/g, (digits) => maskMpan(digits));
}
