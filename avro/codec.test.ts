import { describe, expect, test } from 'vitest';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { createDecoder, encodeEvent, schemaIdOf, UnknownSchemaId } from './codec.ts';
import { loadSchema, type RecordSchema } from './schemas.ts';
import { decodeDecimal, encodeDecimal } from './types.ts';

const schema = loadSchema('metering-point');
const asText = (of: RecordSchema) => async () => JSON.stringify(of);

describe('a value', () => {
  test('carries a zero byte and the schema id before the body', () => {
    const value = encodeEvent(schema, 70_000, sampleMeteringPoint());
    expect([...value.subarray(0, 5)]).toEqual([0, 0, 1, 0x11, 0x70]);
    expect(schemaIdOf(value)).toBe(70_000);
  });

  test('comes back as it was, with microseconds, days and millionths as numbers', async () => {
    const decoder = createDecoder(() => schema, asText(schema));
    await decoder.prepare([7]);
    const event = sampleMeteringPoint({
      line_loss_factor: -987_654,
      invalid: { line_loss_factor: 'NaN' },
      unchanged: ['gsp_group'],
    });
    expect(decoder.decode('any', encodeEvent(schema, 7, event))).toEqual(event);
  });

  test('of a writer without an item is read with null for it', async () => {
    const older: RecordSchema = { ...schema, fields: schema.fields.filter((field) => field.name !== 'opt_out') };
    const decoder = createDecoder(() => schema, asText(older));
    await decoder.prepare([7]);
    const { opt_out: _, ...event } = sampleMeteringPoint();
    expect(decoder.decode('any', encodeEvent(older, 7, event))).toEqual({ ...event, opt_out: null });
  });

  test('of a writer whose decimal has another scale is refused instead of being read a thousandfold', async () => {
    const other: RecordSchema = JSON.parse(JSON.stringify(schema).replace('"scale":6', '"scale":3'));
    const decoder = createDecoder(() => schema, asText(other));
    await decoder.prepare([7]);
    expect(() => decoder.decode('any', encodeEvent(other, 7, sampleMeteringPoint()))).toThrow(/cannot read/);
  });
});

describe('the decoder', () => {
  test('names the id that must be prepared, and decodes once it is', async () => {
    const decoder = createDecoder(() => schema, asText(schema));
    const value = encodeEvent(schema, 9, sampleMeteringPoint());
    expect(() => decoder.decode('any', value)).toThrow(new UnknownSchemaId(9));
    await decoder.prepare([9, 9]);
    expect(decoder.decode('any', value).recordType).toBe('update');
  });

  test('calls an id that the registry has not a fault of the record, once it has asked', async () => {
    let asked = 0;
    const decoder = createDecoder(
      () => schema,
      async () => {
        asked += 1;
        return null;
      },
    );
    await decoder.prepare([123]);
    await decoder.prepare([123]);
    const decode = () => decoder.decode('any', encodeEvent(schema, 123, sampleMeteringPoint()));
    expect(decode).toThrow('the registry has no schema 123');
    expect(decode).not.toThrow(UnknownSchemaId);
    expect(asked).toBe(1);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['too few bytes', Buffer.from([0, 0, 0])],
    ['no zero byte first', Buffer.from('{"mpan":1}')],
    ['a body cut short', encodeEvent(schema, 7, sampleMeteringPoint()).subarray(0, 60)],
    ['a body with bytes left over', Buffer.concat([encodeEvent(schema, 7, sampleMeteringPoint()), Buffer.from([0])])],
  ])('refuses %s with a plain error', async (_, value) => {
    const decoder = createDecoder(() => schema, asText(schema));
    await decoder.prepare([7]);
    expect(() => decoder.decode('any', value)).toThrow(Error);
    expect(() => decoder.decode('any', value)).not.toThrow(UnknownSchemaId);
  });

  test('does not remember a failure to ask the registry', async () => {
    let up = false;
    const decoder = createDecoder(
      () => schema,
      async () => {
        if (!up) throw new Error('away');
        return JSON.stringify(schema);
      },
    );
    await expect(decoder.prepare([7])).rejects.toThrow('away');
    up = true;
    await decoder.prepare([7]);
    expect(decoder.decode('any', encodeEvent(schema, 7, sampleMeteringPoint())).senderId).toBe('REGS');
  });
});

describe('a decimal', () => {
  test.each([
    [0, [0]],
    [1, [1]],
    [-1, [0xff]],
    [127, [0x7f]],
    [128, [0, 0x80]],
    [-128, [0x80]],
    [-129, [0xff, 0x7f]],
    [1_045_000, [0x0f, 0xf2, 0x08]],
    [999_999_999_999, [0, 0xe8, 0xd4, 0xa5, 0x0f, 0xff]],
  ])('of %i units is the shortest two’s complement', (units, bytes) => {
    expect([...encodeDecimal(units)]).toEqual(bytes);
    expect(decodeDecimal(Buffer.from(bytes))).toBe(units);
  });

  test('padded with sign bytes by another writer reads the same', () => {
    expect(decodeDecimal(Buffer.from([0xff, 0xff, 0xff, 0x80]))).toBe(-128);
    expect(decodeDecimal(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 5]))).toBe(5);
  });

  test('with more digits than its precision is not written', () => {
    expect(() => encodeEvent(schema, 1, sampleMeteringPoint({ line_loss_factor: 1e12 }))).toThrow();
    expect(() => encodeEvent(schema, 1, sampleMeteringPoint({ line_loss_factor: 0.5 }))).toThrow();
  });
});
