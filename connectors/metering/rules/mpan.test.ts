import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDigitOf, firstNonDigit, hasCheckDigit, isMpanFormat, prefixOf } from './mpan.ts';

const valid = [
  '1312345678907',
  '2099999999993',
  '2499999999991',
  '1900012374324',
  '2278676232781',
  '2204707514535',
  '2273682392188',
  '1472066139971',
  '1049827101269',
  '3433899920164',
];

describe('an MPAN core', () => {
  it.each(valid)('%s is right', (mpan) => {
    expect(isMpanFormat(mpan) && hasCheckDigit(mpan)).toBe(true);
  });

  it.each(['2499999999990', '1315001165123', '1234567890123'])('%s has a wrong check digit', (mpan) => {
    expect(isMpanFormat(mpan)).toBe(true);
    expect(hasCheckDigit(mpan)).toBe(false);
  });

  it.each(['131234567890', '13123456789070', '13 1234 5678 907', '', '１３１２３４５６７８９０７'])(
    '"%s" is not thirteen ASCII digits',
    (text) => {
      expect(isMpanFormat(text)).toBe(false);
    },
  );

  it('of zeros passes the check digit, which is why the prefix has a rule of its own', () => {
    expect(hasCheckDigit('0000000000000')).toBe(true);
    expect(prefixOf('0000000000000')).toBe('00');
  });

  it('names the first character that is no digit', () => {
    expect(firstNonDigit('13 12')).toBe(2);
    expect(firstNonDigit('1312')).toBe(-1);
  });

  it('has exactly one right last digit', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{12}$/), (body) => {
        const right = Array.from({ length: 10 }, (_, digit) => `${body}${digit}`).filter(hasCheckDigit);
        expect(right).toEqual([`${body}${checkDigitOf(body)}`]);
      }),
    );
  });

  it('shows all but about one in sixty errors of a single digit', () => {
    let errors = 0;
    let missed = 0;
    for (const mpan of valid) {
      for (let at = 0; at < mpan.length; at++) {
        for (const digit of '0123456789') {
          if (digit === mpan[at]) continue;
          errors += 1;
          if (hasCheckDigit(`${mpan.slice(0, at)}${digit}${mpan.slice(at + 1)}`)) missed += 1;
        }
      }
    }
    expect(missed / errors).toBeLessThan(0.03);
  });
});
