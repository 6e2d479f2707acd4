import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { typeOf } from './codec.ts';
import { compileReader, type ReadRecord } from './compiled-reader.ts';
import { type FieldType, isUnion, loadSchema, type RecordSchema, schemaNames } from './schemas.ts';

function readerOf(name: (typeof schemaNames)[number]): ReadRecord {
  const read = compileReader(loadSchema(name));
  if (read === null) throw new Error(`${name} has a type that no reader is compiled for`);
  return read;
}

type Values = fc.Arbitrary<unknown>;

/** Any values of a record. A record within it is named a second time where it comes again. */
function recordOf({ name, fields }: RecordSchema, known: Map<string, Values>): fc.Arbitrary<Record<string, unknown>> {
  const record = fc.record(Object.fromEntries(fields.map((field) => [field.name, valueOf(field.type, known)])));
  known.set(name, record);
  return record;
}

function valueOf(type: FieldType, known: Map<string, Values>): Values {
  if (isUnion(type)) return fc.oneof(...type.map((branch) => valueOf(branch, known)));
  if (typeof type === 'string') {
    const found = plain[type] ?? known.get(type);
    if (found === undefined) throw new Error(`no values of ${type} are known`);
    return found;
  }
  if ('fields' in type) return recordOf(type, known);
  if (type.type === 'array') return fc.array(valueOf(type.items, known), { maxLength: 4 });
  if (type.type === 'map') return fc.dictionary(itemName, valueOf(type.values, known), { noNullPrototype: true });
  if (type.type === 'bytes') return fc.integer({ min: -999_999_999_999, max: 999_999_999_999 });
  return type.type === 'int' ? int : long;
}

const int = fc.integer();
const long = fc.maxSafeInteger().filter((value) => Math.abs(value) < Number.MAX_SAFE_INTEGER - 1);
// `__proto__`, which an object can not hold as a key, is no name of an item.
const itemName = fc.stringMatching(/^[a-z][a-z0-9_]{0,30}$/);
const plain: Readonly<Record<string, Values>> = {
  int,
  long,
  string: fc.string({ unit: 'grapheme', maxLength: 30 }),
  boolean: fc.boolean(),
  double: fc.double({ noNaN: true }),
  null: fc.constant(null),
};

/** A body between other records' bytes, as it lies in a fetch. */
function embedded(body: Buffer, before: number, after = 0x02): Buffer {
  return Buffer.concat([Buffer.alloc(before, 0xff), body, Buffer.alloc(40, after)]);
}

describe.each(schemaNames)('the compiled reader of %s', (name) => {
  const type = typeOf(loadSchema(name));
  const read = readerOf(name);
  const body = recordOf(loadSchema(name), new Map()).map((value) => type.toBuffer(value));

  test('reads what avsc reads, wherever it lies', () => {
    fc.assert(
      fc.property(body, fc.nat(9), fc.constantFrom('', '1312345678907'), (bytes, before, key) => {
        const found = read(embedded(bytes, before), before, before + bytes.length, key);
        expect({ ...found }).toEqual({ ...(type.fromBuffer(bytes) as object) });
      }),
      { numRuns: 40 },
    );
  });

  test('refuses bytes that are cut short or left over, whatever follows them', () => {
    fc.assert(
      fc.property(body, fc.nat(), (bytes, at) => {
        const cut = at % bytes.length;
        // Zeros are empty texts, maps and arrays: what is cut off at the end would seem to be there.
        for (const after of [0x00, 0x02]) {
          expect(() => read(embedded(bytes.subarray(0, cut), 3, after), 3, 3 + cut, '')).toThrow(Error);
        }
        expect(() => read(embedded(bytes.subarray(0, -1), 3, 0x00), 3, 2 + bytes.length, '')).toThrow(Error);
        expect(() => read(embedded(bytes, 3), 3, 3 + bytes.length + 1, '')).toThrow(Error);
      }),
      { numRuns: 40 },
    );
  });
});

test('a text that is the record’s key is read as it is, whatever the key', () => {
  const read = readerOf('metering-point');
  const bytes = typeOf(loadSchema('metering-point')).toBuffer(sampleMeteringPoint({ mpan_core: '1312345678907' }));
  for (const key of ['1312345678907', '1312345678908', '131234567890é', '']) {
    expect(read(bytes, 0, bytes.length, key)).toMatchObject({ mpan_core: '1312345678907' });
  }
});
