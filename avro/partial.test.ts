import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readPartially } from './partial.ts';

const schema = JSON.stringify({
  type: 'record',
  name: 'Sample',
  fields: [
    { name: 'kind', type: 'string' },
    { name: 'count', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
  ],
});
const body = Buffer.from([0x08, ...Buffer.from('read'), 0x06, 0x02, 0x04, ...Buffer.from('ok')]);

test('a body that ends too early is read up to the field that misses its bytes', () => {
  expect(readPartially(schema, body.subarray(0, 8))).toEqual({
    fields: { kind: 'read', count: 3 },
    failed: { field: 'note', at: 6, reason: 'it needs more bytes than the 2 that are left' },
    left: 2,
  });
});

test('a field that can not be of its type is named, with why', () => {
  const wrong = Buffer.from(body);
  wrong[6] = 0x40;
  const { failed, fields } = readPartially(schema, wrong);
  expect(fields).toEqual({ kind: 'read', count: 3 });
  expect(failed).toMatchObject({ field: 'note', at: 6 });
  expect(failed?.reason).not.toBe('');
});

test('a whole body has no failed field, and bytes behind it are counted', () => {
  expect(readPartially(schema, body)).toEqual({
    fields: { kind: 'read', count: 3, note: 'ok' },
    failed: null,
    left: 0,
  });
  expect(readPartially(schema, Buffer.concat([body, Buffer.from([1, 2])])).left).toBe(2);
});

test('bytes of nothing in particular never break the reading', () => {
  const real = readFileSync(new URL('./schemas/metering-point.avsc', import.meta.url), 'utf8');
  for (let seed = 0; seed < 200; seed += 1) {
    const bytes = Buffer.from(Array.from({ length: seed % 60 }, (_, index) => (seed * 31 + index * 17) % 256));
    expect(() => readPartially(real, bytes)).not.toThrow();
  }
});
