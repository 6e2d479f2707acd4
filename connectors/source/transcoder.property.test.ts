import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { typeOf } from '../../avro/codec.ts';
import { loadSchema } from '../../avro/schemas.ts';
import { encodedString } from './avro-bytes.ts';
import { Transcoder } from './transcoder.ts';
import { isNull, isUnchanged, Tuple } from './tuple.ts';

const schema = loadSchema('metering-point');
const items = schema.fields.map((field) => field.name).filter((name) => !envelope().includes(name));

function envelope(): readonly string[] {
  return ['recordType', 'senderId', 'createdAt', 'correlationId', 'source', 'invalid', 'unchanged'];
}

/** Text of a value, or how it is absent. */
type Cell = string | null;

function tupleOf(cells: readonly Cell[]): Tuple {
  const texts = cells.map((cell) => (cell === null || cell === 'unchanged!' ? Buffer.alloc(0) : Buffer.from(cell)));
  const tuple = new Tuple();
  tuple.reset(Buffer.concat(texts), cells.length);
  let at = 0;
  for (const [index, cell] of cells.entries()) {
    const length = texts[index]?.length ?? 0;
    tuple.starts[index] = at;
    tuple.lengths[index] = cell === null ? isNull : cell === 'unchanged!' ? isUnchanged : length;
    at += length;
  }
  return tuple;
}

const text = fc.string({ unit: 'grapheme', maxLength: 80 }).filter((one) => one !== 'unchanged!');
const absent = fc.constantFrom<Cell>(null, 'unchanged!');
const day = fc.integer({ min: -200_000, max: 3_000_000 });

function isoDate(days: number): string {
  const date = new Date(days * 86_400_000);
  const year = date.getUTCFullYear();
  const rest = `-${String(date.getUTCMonth() + 1).padStart(2, '0')}-${String(date.getUTCDate()).padStart(2, '0')}`;
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`;
}

/** For each item: the text that PostgreSQL sends, and the value that must come out; `undefined` for invalid. */
function cellOf(item: string): fc.Arbitrary<{ cell: Cell; value: unknown }> {
  const nothing = absent.map((cell) => ({ cell, value: null as unknown }));
  const some = ((): fc.Arbitrary<{ cell: Cell; value: unknown }> => {
    if (item.endsWith('_efd')) {
      return fc.oneof(
        day.map((days) => ({ cell: isoDate(days), value: days as unknown })),
        fc.constantFrom('infinity', '-infinity', 'x').map((cell) => ({ cell, value: undefined as unknown })),
      );
    }
    if (item === 'domestic' || item === 'opt_out') {
      return fc
        .constantFrom(['t', true], ['f', false], ['true', true], ['false', false])
        .map(([cell, value]) => ({ cell: cell as string, value }));
    }
    if (item === 'line_loss_factor') {
      return fc.oneof(
        fc
          .tuple(fc.integer({ min: -999_999, max: 999_999 }), fc.integer({ min: 0, max: 999_999 }))
          .map(([whole, fraction]) => ({
            cell: `${whole}.${String(fraction).padStart(6, '0')}00`,
            value: (whole * 1_000_000 + (whole < 0 ? -fraction : fraction)) as unknown,
          })),
        fc
          .constantFrom('NaN', 'Infinity', '-Infinity', '1000000', '1.0000001')
          .map((cell) => ({ cell, value: undefined as unknown })),
      );
    }
    return text.map((cell) => ({ cell, value: cell as unknown }));
  })();
  return fc.oneof({ weight: 4, arbitrary: some }, { weight: 1, arbitrary: nothing });
}

describe('the transcoder', () => {
  test('writes for any row what avsc reads back as the same items', () => {
    const columns = [...items, 'not_mapped'];
    const transcoder = new Transcoder({
      schema,
      schemaId: 7,
      layout: {
        columns,
        items: Object.fromEntries(items.map((item) => [item, item])),
        correlationColumn: 'load_shape_category',
      },
      sourceName: 'registration',
      senderId: 'REGS',
    });
    const stamp = {
      generation: 1,
      lsn: 0x16_b374_d848,
      xid: 2 ** 40 + 1,
      committedAt: 1.7e15,
      sourceTime: 1.7e15 + 1,
      createdAt: 1.7e15 + 2,
    };
    fc.assert(
      fc.property(fc.tuple(...items.map(cellOf)), text, fc.nat(), (cells, unmapped, ordinal) => {
        const row = tupleOf([...cells.map(({ cell }) => cell), unmapped]);
        const out = Buffer.alloc(transcoder.bytesMax(row.buffer.length));
        const end = transcoder.write(out, 0, encodedString('update'), stamp, ordinal, row);
        expect([...out.subarray(0, 5)]).toEqual([0, 0, 0, 0, 7]);
        const event = typeOf(schema).fromBuffer(out.subarray(5, end)) as Record<string, unknown>;
        const expected: Record<string, unknown> = {};
        const invalid: Record<string, unknown> = {};
        const unchanged: string[] = [];
        for (const [index, item] of items.entries()) {
          const { cell, value } = cells[index] ?? { cell: null, value: null };
          expected[item] = value ?? null;
          if (value === undefined) invalid[item] = cell;
          if (cell === 'unchanged!') unchanged.push(item);
        }
        const correlation = cells[items.indexOf('load_shape_category')]?.value ?? null;
        expect({ ...event }).toEqual({
          recordType: 'update',
          senderId: 'REGS',
          createdAt: stamp.createdAt,
          correlationId: correlation,
          source: {
            name: 'registration',
            generation: 1,
            lsn: stamp.lsn,
            ordinal,
            xid: stamp.xid,
            committedAt: stamp.committedAt,
            sourceTime: stamp.sourceTime,
          },
          ...expected,
          invalid,
          unchanged,
        });
      }),
      { numRuns: 500 },
    );
  });

  test('puts an item that the row has and the flow has not into invalid', () => {
    const umso = loadSchema('appointment-umso');
    const columns = ['appointment_id', 'mpan_core', 'meter_id'];
    const transcoder = new Transcoder({
      schema: umso,
      schemaId: 1,
      layout: { columns, items: Object.fromEntries(columns.map((one) => [one, one])), correlationColumn: null },
      sourceName: 'registration',
      senderId: 'REGS',
    });
    const stamp = { generation: 1, lsn: 1, xid: 1, committedAt: 1, sourceTime: 1, createdAt: 1 };
    const out = Buffer.alloc(4_000);
    const read = (cells: readonly Cell[]): Record<string, unknown> =>
      typeOf(umso).fromBuffer(
        out.subarray(5, transcoder.write(out, 0, encodedString('create'), stamp, 1, tupleOf(cells))),
      );
    expect(read(['9007199254740990', '13', 'M1'])).toMatchObject({
      appointment_id: 9_007_199_254_740_990,
      invalid: { meter_id: 'M1' },
    });
    expect(read(['-5', '13', null])).toMatchObject({ appointment_id: -5, invalid: {} });
    expect(read(['9007199254740991', '13', null])).toMatchObject({
      appointment_id: null,
      invalid: { appointment_id: '9007199254740991' },
    });
  });
});
