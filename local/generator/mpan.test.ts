import { describe, expect, test } from 'vitest';
import { checkDigit, isMpanCore, mpanAt, withWrongCheckDigit } from './mpan.ts';

describe('an MPAN core', () => {
  test.each(['1312345678907', '2099999999993', '1900012374324', '2278676232781', '1472066139971', '3433899920164'])(
    '%s is valid',
    (text) => expect(isMpanCore(text)).toBe(true),
  );

  test.each(['2499999999990', '1315001165123', '1234567890123', '131234567890', '13 1234 5678 907'])(
    '%s is not',
    (text) => expect(isMpanCore(text)).toBe(false),
  );

  test('that is made is valid, of its prefix, and nobody else has it', () => {
    const made = Array.from({ length: 20_000 }, (_, index) => mpanAt('20', 9_999_999_000, index));
    expect(made.every((mpan) => isMpanCore(mpan) && mpan.startsWith('20'))).toBe(true);
    expect(new Set(made).size).toBe(made.length);
  });

  test('is never made of a number whose remainder is 10, which has check digit 0 as well', () => {
    const remainders = [3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    const isAmbiguous = (mpan: string): boolean =>
      remainders.reduce((sum, weight, at) => sum + weight * Number(mpan[at]), 0) % 11 === 10;
    expect(Array.from({ length: 5000 }, (_, index) => mpanAt('14', 0, index)).some(isAmbiguous)).toBe(false);
  });

  test('with a wrong check digit is not valid', () => {
    const mpan = mpanAt('17', 12_345, 1);
    expect(isMpanCore(withWrongCheckDigit(mpan))).toBe(false);
    expect(checkDigit(mpan.slice(0, 12))).toBe(Number(mpan[12]));
  });
});
