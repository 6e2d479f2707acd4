import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RepeatedText } from './repeated-text.ts';

test('whatever texts come, each is read as it is, also after most of them were new', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 14 }), { maxLength: 60 }),
      fc.nat(3_000),
      (texts, others) => {
        const field = new RepeatedText();
        for (let other = 0; other < others; other += 1) {
          const bytes = Buffer.from(`x${other}`);
          expect(field.read(bytes, 0, bytes.length)).toBe(`x${other}`);
        }
        for (const text of [...texts, ...texts]) {
          const bytes = Buffer.from(`<${text}>`);
          expect(field.read(bytes, 1, bytes.length - 2)).toBe(Buffer.from(text).toString());
        }
      },
    ),
    { numRuns: 15 },
  );
});
