import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maskDigits, maskMpan } from './mask.ts';

/** Of every length alike: by itself fast-check would hardly make one as long as an MPAN core. */
const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc
    .integer({ min, max })
    .chain((length) => fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length, size: 'max' }))
    .map((figures) => figures.join(''));
const notDigits = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/\d/g, '·'));
/** Runs of digits of any length, in any text. */
const texts = fc
  .array(
    fc.tuple(
      notDigits.filter((text) => text !== ''),
      digits(0, 18),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.flat().join(''));

it('leaves no run of 11 to 14 digits in any text', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(maskDigits(text)).not.toMatch(/(?<!\d)\d{11,14}(?!\d)/);
    }),
  );
});

it('changes nothing but such runs, and of them only the middle', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const masked = maskDigits(text);
      expect(masked).toHaveLength(text.length);
      for (const run of text.matchAll(/\d+/g)) {
        const [found] = run;
        const after = masked.slice(run.index, run.index + found.length);
        expect(after).toBe(found.length >= 11 && found.length <= 14 ? maskMpan(found) : found);
      }
      expect(masked.replaceAll('*', '').replace(/\d/g, '')).toBe(text.replaceAll('*', '').replace(/\d/g, ''));
    }),
  );
});

it('changes nothing that is masked already', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(maskDigits(maskDigits(text))).toBe(maskDigits(text));
    }),
  );
});

it('shows the distributor and the last two digits of an MPAN core', () => {
  expect(maskMpan('1312345678907')).toBe('13*********07');
  expect(maskDigits('Key (mpan_core)=(1312345678907) already exists, lsn 16/B374D848, at 1767225600000000')).toBe(
    'Key (mpan_core)=(13*********07) already exists, lsn 16/B374D848, at 1767225600000000',
  );
  expect(maskMpan('12345')).toBe('*****');
  expect(maskMpan(null)).toBe('(none)');
});
