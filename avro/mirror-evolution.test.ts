import { expect, test } from 'vitest';
import { conflictsBetween } from './compatibility.ts';
import { evolvedSchema } from './mirror-evolution.ts';
import { mirrorSchema, type ShapeColumn, type TableShape } from './mirror-schema.ts';
import { itemFields } from './schemas.ts';

function column(number: number, name: string, sql = 'text', more: Partial<ShapeColumn> = {}): ShapeColumn {
  const [, type = sql] = /^([a-z ]+)/u.exec(sql) ?? [];
  const names: Readonly<Record<string, string>> = { integer: 'int4', bigint: 'int8', numeric: 'numeric' };
  const modifier = sql === 'numeric(6,2)' ? 6 * 65_536 + 2 + 4 : -1;
  const base = { schema: 'pg_catalog', name: names[type] ?? type, kind: 'b', sql, modifier };
  return { name, type: sql, base, element: null, number, missing: null, isFilled: false, ...more };
}

const shape = (...columns: ShapeColumn[]): TableShape => ({ schema: 's', table: 't', key: ['id'], columns });
const before = shape(column(1, 'id', 'integer'), column(2, 'a'), column(3, 'n', 'numeric(6,2)'));
const registered = mirrorSchema(before);

const follow = (...columns: ShapeColumn[]): ReturnType<typeof evolvedSchema> =>
  evolvedSchema(registered, shape(...columns));

test('a table that is as it was keeps its very schema', () => {
  expect(evolvedSchema(registered, before)).toEqual({ schema: registered, changes: [], readAgain: false });
});

test.each([
  ['is added', [...before.columns, column(4, 'b')], ['added b'], false],
  [
    'is added with a constant default',
    [...before.columns, column(4, 'b', 'text', { missing: 'x', isFilled: true })],
    ['added b'],
    false,
  ],
  [
    'is added with a default of its own for each row',
    [...before.columns, column(4, 'b', 'text', { isFilled: true })],
    ['added b'],
    true,
  ],
  ['is dropped', before.columns.filter(({ name }) => name !== 'a'), ['dropped a'], false],
  [
    'is renamed',
    before.columns.map((one) => (one.name === 'a' ? { ...one, name: 'b' } : one)),
    ['dropped a', 'added b'],
    true,
  ],
  [
    'is dropped and made anew',
    before.columns.map((one) => (one.name === 'a' ? { ...one, number: 4 } : one)),
    ['made-anew a'],
    true,
  ],
  [
    'is wider',
    before.columns.map((one) => (one.name === 'id' ? column(1, 'id', 'bigint') : one)),
    ['widened id'],
    false,
  ],
  ['has another type', before.columns.map((one) => (one.name === 'a' ? column(2, 'a', 'integer') : one)), [], false],
])('a column that %s', (_title, columns, changes, readAgain) => {
  const evolved = follow(...columns);
  expect(evolved.changes.map(({ kind, column: name }) => `${kind} ${name}`)).toEqual(changes);
  expect(evolved.readAgain).toBe(readAgain);
  // Whatever it is, each version reads what the other wrote.
  expect(conflictsBetween(registered, evolved.schema)).toEqual([]);
});

test('a wider column keeps its item, and only the store has another type', () => {
  const { schema } = follow(column(1, 'id', 'bigint'), column(2, 'a'), column(3, 'n', 'numeric'));
  const types = itemFields(schema).map(({ type, postgres }) => [type, postgres?.stored]);
  expect(types).toEqual(itemFields(registered).map(({ type }, index) => [type, ['bigint', 'text', 'numeric'][index]]));
});

test('what rows had in a column before it was made anew is not what they have now', () => {
  const first = follow(...before.columns, column(4, 'b', 'text', { missing: 'x' })).schema;
  const second = evolvedSchema(first, shape(...before.columns)).schema;
  const third = evolvedSchema(second, shape(...before.columns, column(5, 'b', 'text', { missing: 'y' })));
  const missing = [first, second, third.schema].map((schema) => itemFields(schema).at(-1)?.postgres);
  expect(missing).toEqual([
    expect.objectContaining({ missing: 'x' }),
    expect.objectContaining({ missing: 'x', dropped: true }),
    expect.not.objectContaining({ missing: 'x', dropped: true }),
  ]);
  expect(third.readAgain).toBe(true);
});

test('a table with another primary key keeps its schema', () => {
  expect(evolvedSchema(registered, { ...before, key: ['a'] }).schema).toBe(registered);
});
