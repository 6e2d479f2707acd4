import { describe, expect, test } from 'vitest';
import { conflictsBetween } from './compatibility.ts';
import type { FieldType, RecordSchema, SchemaField } from './schemas.ts';
import { loadSchema } from './schemas.ts';

const point = loadSchema('metering-point');

function changed(name: string, change: (field: SchemaField) => SchemaField | null): RecordSchema {
  return { ...point, fields: point.fields.flatMap((field) => (field.name === name ? (change(field) ?? []) : [field])) };
}

const added = (type: FieldType, more: object = {}): RecordSchema => ({
  ...point,
  fields: [...point.fields, { name: 'tariff', type, doc: '', owner: '', classification: 'public', ...more }],
});

describe('two versions go together when', () => {
  test.each<[string, RecordSchema]>([
    ['they are the same', point],
    ['an item with a default is added', added(['null', 'string'], { default: null })],
    ['an item with a default is removed', changed('opt_out', () => null)],
    ['a doc is reworded', changed('opt_out', (field) => ({ ...field, doc: 'Another sentence.' }))],
  ])('%s', (_, newer) => {
    expect(conflictsBetween(point, newer)).toEqual([]);
  });
});

describe('two versions are in conflict, and the field is named, when', () => {
  const decimal = (scale: number): FieldType => [
    'null',
    { type: 'bytes', logicalType: 'decimal', precision: 12, scale },
  ];
  test.each<[string, RecordSchema, string]>([
    ['a type changes', changed('gsp_group', (field) => ({ ...field, type: ['null', 'int'] })), 'gsp_group'],
    ['a type is widened, which older readers can not follow', added(['null', 'long']), 'tariff'],
    ['an item without a default is added', added('string'), 'tariff'],
    ['a field without a default is removed', changed('senderId', () => null), 'senderId'],
    [
      'a day becomes a plain number',
      changed('supplier_efd', (field) => ({ ...field, type: ['null', 'int'] })),
      'supplier_efd',
    ],
    [
      'the scale of a decimal changes',
      changed('line_loss_factor', (field) => ({ ...field, type: decimal(3) })),
      'line_loss_factor',
    ],
    [
      'null is no longer allowed',
      changed('mpan_core', (field) => ({ ...field, type: 'string', default: undefined })),
      'mpan_core',
    ],
    [
      'a field of the nested source changes',
      changed('source', (field) => {
        const source = field.type as RecordSchema;
        const fields = source.fields.map((inner) => (inner.name === 'lsn' ? { ...inner, type: 'string' } : inner));
        return { ...field, type: { ...source, fields } };
      }),
      'source.lsn',
    ],
  ])('%s', (_, newer, field) => {
    const older =
      field === 'tariff' && newer.fields.at(-1)?.type !== 'string' ? added(['null', 'int'], { default: null }) : point;
    const conflicts = conflictsBetween(older, newer);
    expect(conflicts.length).toBeGreaterThan(0);
    expect(new Set(conflicts.map((conflict) => conflict.field))).toEqual(new Set([field]));
  });

  test('the record has another name', () => {
    expect(conflictsBetween(point, { ...point, name: 'Other' })).toEqual([
      { field: null, problem: 'is named concord.registration.Other, before it was concord.registration.MeteringPoint' },
    ]);
  });
});
