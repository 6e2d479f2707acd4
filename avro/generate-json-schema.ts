import type { FieldType, RecordSchema, SchemaField } from './schemas.ts';
import { isUnion, namedTypes } from './schemas.ts';

type Json = { readonly [name: string]: unknown };

/** JSON Schema (2020-12) of the plain form of a record (see `plain.ts`), with description, owner and classification. */
export function jsonSchemaOf(fileName: string, schema: RecordSchema): string {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $comment: `Generated from schemas/${fileName}.avsc by scripts/generate.mjs.`,
    title: schema.name,
    ...recordOf(schema, namedTypes(schema)),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function recordOf(schema: RecordSchema, named: ReadonlyMap<string, RecordSchema>): Json {
  return {
    description: schema.doc,
    type: 'object',
    properties: Object.fromEntries(schema.fields.map((field) => [field.name, propertyOf(field, named)])),
    required: schema.fields.filter((field) => field.default === undefined).map((field) => field.name),
    additionalProperties: false,
  };
}

function propertyOf(field: SchemaField, named: ReadonlyMap<string, RecordSchema>): Json {
  return {
    ...typeOf(field.type, named),
    description: field.doc,
    'x-owner': field.owner,
    'x-classification': field.classification,
    ...(field.default === undefined ? {} : { default: field.default }),
  };
}

function typeOf(type: FieldType, named: ReadonlyMap<string, RecordSchema>): Json {
  if (isUnion(type)) {
    const branches = type.filter((branch) => branch !== 'null').map((branch) => typeOf(branch, named));
    const [only] = branches;
    if (branches.length === 1 && only !== undefined && typeof only['type'] === 'string')
      return { ...only, type: [only['type'], 'null'] };
    return { anyOf: [...branches, { type: 'null' }] };
  }
  if (typeof type === 'string') return primitiveOf(type, named);
  if ('fields' in type) return recordOf(type, named);
  if ('items' in type) return { type: 'array', items: typeOf(type.items, named) };
  if ('values' in type) return { type: 'object', additionalProperties: typeOf(type.values, named) };
  switch (type.logicalType) {
    case 'date':
      return { type: 'string', format: 'date' };
    case 'timestamp-micros':
      return { type: 'string', format: 'date-time' };
    case 'decimal': {
      const { precision = 0, scale = 0 } = type;
      return { type: 'string', pattern: `^-?\\d{1,${precision - scale}}\\.\\d{${scale}}$` };
    }
    default:
      throw new Error(`no JSON Schema for the logical type ${type.logicalType}`);
  }
}

function primitiveOf(name: string, named: ReadonlyMap<string, RecordSchema>): Json {
  switch (name) {
    case 'boolean':
    case 'string':
      return { type: name };
    case 'int':
      return { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
    case 'long':
      return { type: 'integer' };
    default: {
      const record = named.get(name);
      if (record === undefined) throw new Error(`no JSON Schema for the type ${name}`);
      return recordOf(record, named);
    }
  }
}
