import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventSpool, type SpooledRecord } from './spool.ts';

const record = fc.record({
  topic: fc.constantFrom('registration.metering-point', 'registration.meter-asset'),
  partition: fc.nat(9),
  offset: fc.maxSafeNat(),
  key: fc.string({ unit: 'grapheme', maxLength: 20 }),
  isSelected: fc.boolean(),
  position: fc.record({ generation: fc.nat(0xffff_ffff), lsn: fc.maxSafeNat(), ordinal: fc.maxSafeNat() }),
  sourceTime: fc.maxSafeInteger(),
  // An empty one would be taken for the key; no id of an appointment is.
  rowKey: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  value: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
});

test('a bucket gives back the records that went into it, in order, whenever the file was written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bucket: fc.nat(3), record, flushed: fc.boolean() }), { maxLength: 40 }),
      async (steps) => {
        const spool = await EventSpool.open(4);
        try {
          for (const step of steps) {
            if (spool.add(step.bucket, step.record) || step.flushed) await spool.flush();
          }
          await spool.flush();
          const back: SpooledRecord[][] = [];
          for (let bucket = 0; bucket < 4; bucket += 1) back.push([...(await spool.bucket(bucket))]);
          expect(back).toEqual(
            [0, 1, 2, 3].map((bucket) => steps.filter((step) => step.bucket === bucket).map((step) => step.record)),
          );
        } finally {
          await spool.close();
        }
      },
    ),
    { numRuns: 40 },
  );
});
