import { describe, expect, test } from 'vitest';
import { loadSchema, type SchemaName } from '../../avro/schemas.ts';
import { registrationRoutes } from '../registration/routes.ts';
import { ColumnTypes } from './column-types.ts';
import { judgeShape, type ShapeColumn, type TableShape } from './shape-judgement.ts';

const oids = { text: 25, varchar: 1043, numeric: 1700, int4: 23, int8: 20, date: 1082, timestamptz: 1184, bool: 16 };
const types = new ColumnTypes();
await types.load({
  query: () =>
    Promise.resolve({
      rows: Object.entries(oids).map(([name, oid]) => ({ oid, name, base: oid, modifier: -1, category: 'X' })),
    }),
} as never);

const route = registrationRoutes('r').find(({ entity }) => entity === 'metering_point');
if (route === undefined) throw new Error('no route');
const schemaOf = (topic: string): ReturnType<typeof loadSchema> => loadSchema(topic.slice(2) as SchemaName);

function typeFor(name: string): number {
  if (name.endsWith('_efd')) return oids.date;
  if (name === 'line_loss_factor') return oids.numeric;
  return name === 'domestic' || name === 'opt_out' ? oids.bool : oids.text;
}
const usual: TableShape = Object.keys(route.items).map((name) => ({
  name,
  typeOid: typeFor(name),
  typeModifier: -1,
}));

const without = (name: string): TableShape => usual.filter((column) => column.name !== name);
const changed = (name: string, to: Partial<ShapeColumn>): TableShape =>
  usual.map((column) => (column.name === name ? { ...column, ...to } : column));
const judge = (after: TableShape, before: TableShape | null = usual): string => {
  const { verdict, notes } = judgeShape({ route, schemaOf, types, before, after });
  return [verdict, ...notes.map(({ code, from, to }) => `${code} ${from ?? '-'} ${to ?? '-'}`)].join(', ');
};

describe('a shape', () => {
  test.each([
    ['that is the same is unchanged', usual, 'unchanged'],
    [
      'with another column evolves',
      [...usual, { name: 'x', typeOid: oids.text, typeModifier: -1 }],
      'evolves, COLUMN_ADDED - text',
    ],
    ['without a needed column parks', without('gsp_group'), 'parks, COLUMN_DROPPED text -'],
    ['without an optional column evolves', without('opt_out'), 'evolves, COLUMN_DROPPED bool -'],
    ['with a renamed column parks', changed('gsp_group', { name: 'gsp' }), 'parks, COLUMN_RENAMED text text'],
    ['with a renamed optional column parks', changed('opt_out', { name: 'out' }), 'parks, COLUMN_RENAMED bool bool'],
    [
      'with text for a date parks',
      changed('supplier_efd', { typeOid: oids.text }),
      'parks, COLUMN_TYPE_UNSUITABLE date text',
    ],
    [
      'with a time for a date parks',
      changed('supplier_efd', { typeOid: oids.timestamptz }),
      'parks, COLUMN_TYPE_UNSUITABLE date timestamptz',
    ],
    [
      'with a wider numeric evolves',
      changed('line_loss_factor', { typeModifier: ((20 << 16) | 8) + 4 }),
      'evolves, COLUMN_TYPE_CHANGED numeric numeric(20,8)',
    ],
    [
      'with an integer for a decimal evolves',
      changed('line_loss_factor', { typeOid: oids.int8 }),
      'evolves, COLUMN_TYPE_CHANGED numeric int8',
    ],
    [
      'with varchar for text evolves',
      changed('gsp_group', { typeOid: oids.varchar, typeModifier: 14 }),
      'evolves, COLUMN_TYPE_CHANGED text varchar(10)',
    ],
    [
      'with a type that nobody knows parks where the item is typed',
      changed('domestic', { typeOid: 99_999 }),
      'parks, COLUMN_TYPE_UNSUITABLE bool the type with the number 99999',
    ],
  ])('%s', (_title, after, judgement) => {
    expect(judge(after)).toBe(judgement);
  });

  test('is judged alike where nobody knows what it was', () => {
    expect(judge(without('gsp_group'), null)).toBe('parks, COLUMN_DROPPED - -');
    expect(judge(without('opt_out'), null)).toBe('unchanged');
    expect(judge(changed('supplier_efd', { typeOid: oids.text }), null)).toBe(
      'parks, COLUMN_TYPE_UNSUITABLE date text',
    );
  });
});
