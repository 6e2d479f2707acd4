import { expect, test } from 'vitest';
import { differencesBetween } from './differences.ts';
import type { RecordSchema, SchemaField } from './schemas.ts';
import { loadSchema } from './schemas.ts';

const point = loadSchema('metering-point');
const withFields = (change: (field: SchemaField) => SchemaField[]): RecordSchema => ({
  ...point,
  fields: point.fields.flatMap(change),
});

test('a schema differs in nothing from itself, whatever the order of its fields', () => {
  expect(differencesBetween(point, { ...point, fields: [...point.fields].reverse() })).toEqual([]);
});

test('each difference names its field, nested ones with their path, and both sides', () => {
  const after = withFields((field) => {
    if (field.name === 'opt_out') return [];
    if (field.name === 'gsp_group') return [{ ...field, type: 'string', classification: 'PII restricted' }];
    if (field.name !== 'source') return [field];
    const source = field.type as RecordSchema;
    return [{ ...field, type: { ...source, fields: source.fields.filter((inner) => inner.name !== 'xid') } }];
  });
  const told = differencesBetween(point, after).map(
    ({ field, change, before, after: now }) => `${field} ${change}: ${before} → ${now}`,
  );
  expect(told).toEqual([
    'source.xid removed: "long" → null',
    'gsp_group type: ["null","string"] → "string"',
    'gsp_group classification: "public" → "PII restricted"',
    'opt_out removed: ["null","boolean"] → null',
  ]);
  expect(differencesBetween(after, point).map((one) => one.change)).toContain('added');
});
