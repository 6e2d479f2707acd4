import type { FieldType, RecordSchema, SchemaField } from './schemas.ts';
import { isUnion, itemFields, namedTypes } from './schemas.ts';

/**
 * TypeScript for one schema: the items of an event (the envelope is `envelope.ts`), or the whole record where it has
 * no envelope. Types are those that the decoder gives: a date is a number of days, a timestamp a number of
 * microseconds, a decimal an integer number of its smallest units.
 */
export function typesOf(fileName: string, schema: RecordSchema): string {
  const isEvent = schema.fields.some((field) => field.name === 'recordType');
  const named = namedTypes(schema);
  const lines = [
    `// Generated from schemas/${fileName}.avsc by scripts/generate.mjs. Change the schema, then run it again.`,
    ...(isEvent ? ["import type { Envelope } from '../envelope.ts';"] : []),
    '',
    `/** ${schema.doc} */`,
    `export interface ${schema.name}${isEvent ? 'Items' : ''} {`,
    ...(isEvent ? itemFields(schema) : schema.fields).flatMap((field) => [
      `  /** ${noteOf(field)} */`,
      `  readonly ${field.name}: ${tsType(field.type, named)};`,
    ]),
    '}',
    ...(isEvent ? ['', `export type ${schema.name} = Envelope & ${schema.name}Items;`] : []),
    '',
  ];
  return lines.join('\n');
}

function noteOf({ type, doc, owner, classification }: SchemaField): string {
  return `${doc}${unitOf(type)} Owner: ${owner}. Classification: ${classification}.`;
}

function unitOf(type: FieldType): string {
  const logical = (isUnion(type) ? type : [type]).find(
    (branch) => typeof branch === 'object' && 'logicalType' in branch,
  );
  if (logical === undefined || typeof logical !== 'object' || !('logicalType' in logical)) return '';
  switch (logical.logicalType) {
    case 'date':
      return ' Days since 1970-01-01.';
    case 'timestamp-micros':
      return ' Epoch microseconds.';
    case 'decimal':
      return ` In units of 10^-${logical.scale ?? 0}.`;
    default:
      throw new Error(`no unit for the logical type ${logical.logicalType}`);
  }
}

type Named = ReadonlyMap<string, RecordSchema>;

function tsType(type: FieldType, named: Named): string {
  if (isUnion(type)) {
    return [...type]
      .sort((a, b) => Number(a === 'null') - Number(b === 'null'))
      .map((branch) => tsType(branch, named))
      .join(' | ');
  }
  if (typeof type === 'string') return primitive(type, named);
  if ('fields' in type)
    return `{ ${type.fields.map((field) => `readonly ${field.name}: ${tsType(field.type, named)}`).join('; ')} }`;
  if ('items' in type) return `readonly ${tsType(type.items, named)}[]`;
  if ('values' in type) return `Readonly<Record<string, ${tsType(type.values, named)}>>`;
  return 'number';
}

function primitive(name: string, named: Named): string {
  switch (name) {
    case 'null':
    case 'boolean':
    case 'string':
      return name;
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 'number';
    case 'bytes':
      return 'Buffer';
    default: {
      const record = named.get(name);
      if (record === undefined) throw new Error(`there is no type ${name}`);
      return tsType(record, named);
    }
  }
}
