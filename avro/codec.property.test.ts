import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { createDecoder, encodeEvent } from './codec.ts';
import { loadSchema } from './schemas.ts';
import { decodeDecimal, encodeDecimal } from './types.ts';

test('every safe integer survives as a decimal', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (units) => {
      expect(decodeDecimal(encodeDecimal(units))).toBe(units);
    }),
  );
});

test('whatever a metering point holds survives, to the last unit of every long, text and decimal', async () => {
  const schema = loadSchema('metering-point');
  const decoder = createDecoder(
    () => schema,
    async () => JSON.stringify(schema),
  );
  await decoder.prepare([1]);
  const safe = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 });
  const item = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
  // Lone surrogates are no text in PostgreSQL either.
  const text = fc.string({ unit: 'grapheme' });
  // A map's keys are names of items: `__proto__`, which an object can not hold as a key, is none.
  const itemName = fc.stringMatching(/^[a-z][a-z0-9_]{0,30}$/);
  fc.assert(
    fc.property(
      fc.record({
        createdAt: safe,
        mpan_core: item(text),
        supplier_efd: item(fc.integer({ min: -719_162, max: 2_932_896 })),
        domestic: item(fc.boolean()),
        line_loss_factor: item(fc.integer({ min: -999_999_999_999, max: 999_999_999_999 })),
        invalid: fc.dictionary(itemName, text, { noNullPrototype: true }),
        unchanged: fc.array(text),
      }),
      safe,
      safe,
      (changes, lsn, xid) => {
        const event = sampleMeteringPoint(changes);
        const placed = { ...event, source: { ...event.source, lsn, xid } };
        expect(decoder.decode('any', encodeEvent(schema, 1, placed))).toEqual(placed);
      },
    ),
  );
});
