import { expect, test } from 'vitest';
import { sampleMeteringPoint } from '../../avro/codec.fixture.ts';
import { recordSchemaOf } from '../../avro/schemas.ts';
import { avroTypeOf } from '../../avro/types.ts';
import { namesSource } from './of-source.ts';

const prefix = Buffer.from([0, 0, 0, 0, 7]);
const event = Buffer.concat([
  prefix,
  avroTypeOf(JSON.stringify(recordSchemaOf('metering-point'))).toBuffer(sampleMeteringPoint()),
]);

test('an event of the source names it, though its schema is gone or its items can not be read', () => {
  expect(namesSource(event, 'registration')).toBe(true);
  expect(namesSource(event.subarray(0, 90), 'registration')).toBe(true);
});

test('what somebody else has put there does not name the source', () => {
  expect(namesSource(event, 'another')).toBe(false);
  expect(namesSource(Buffer.from('not avro'), 'registration')).toBe(false);
  expect(namesSource(Buffer.alloc(0), 'registration')).toBe(false);
  expect(namesSource(Buffer.concat([prefix, Buffer.from([0x0c, 0, 0, 0])]), 'registration')).toBe(false);
  expect(namesSource(event.subarray(0, 12), 'registration')).toBe(false);
  expect(namesSource(event.subarray(5), 'registration')).toBe(false);
});
