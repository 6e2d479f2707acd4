import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** The schemas of everything that travels; each is `avro/schemas/<name>.avsc`. */
export const schemaNames = [
  'metering-point',
  'appointment-mss',
  'appointment-msa',
  'appointment-umso',
  'participant',
  'distributor',
  'meter-asset',
  'rejection',
  'receipt',
  'progress',
] as const;

export type SchemaName = (typeof schemaNames)[number];

/** The Avro types that our schemas use. `logical` types are those of the Avro specification. */
export type FieldType =
  | string
  | {
      readonly type: 'int' | 'long' | 'bytes';
      readonly logicalType: string;
      readonly precision?: number | undefined;
      readonly scale?: number | undefined;
    }
  | { readonly type: 'array'; readonly items: FieldType }
  | { readonly type: 'map'; readonly values: FieldType }
  | RecordSchema
  | readonly FieldType[];

export interface SchemaField {
  readonly name: string;
  readonly type: FieldType;
  readonly default?: unknown;
  readonly doc: string;
  /** Who owns the item, in the words of the interface definition. */
  readonly owner: string;
  readonly classification: 'public' | 'PII restricted';
  readonly postgres?: MirroredColumn | undefined;
}

/** What the item of a mirrored table says of its column. */
export interface MirroredColumn {
  readonly column: string;
  /** As the source declares it, and in the store, as SQL. */
  readonly type: string;
  readonly stored: string;
  /** The column's number in its table, which no other column of the table ever has. */
  readonly number?: number | undefined;
  /** What rows have in it that are older than the column, as PostgreSQL's text; absent for NULL. */
  readonly missing?: string | undefined;
  /** The source does not have the column any more. */
  readonly dropped?: true | undefined;
}

export interface RecordSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly doc: string;
  /** Of a mirrored table: where it is in its source, and its primary key. */
  readonly postgres?: { readonly schema: string; readonly table: string; readonly key: readonly string[] } | undefined;
  readonly fields: readonly SchemaField[];
}

const fieldType: z.ZodType<FieldType> = z.lazy(() =>
  z.union([
    z.string(),
    z.strictObject({
      type: z.enum(['int', 'long', 'bytes']),
      logicalType: z.string(),
      precision: z.int().optional(),
      scale: z.int().optional(),
    }),
    z.strictObject({ type: z.literal('array'), items: fieldType }),
    z.strictObject({ type: z.literal('map'), values: fieldType }),
    recordSchema,
    z.array(fieldType),
  ]),
);

const schemaField = z.strictObject({
  name: z.string(),
  type: fieldType,
  default: z.unknown().optional(),
  doc: z.string(),
  owner: z.string(),
  classification: z.enum(['public', 'PII restricted']),
});

const recordSchema: z.ZodType<RecordSchema> = z.strictObject({
  type: z.literal('record'),
  name: z.string(),
  namespace: z.string().optional(),
  doc: z.string(),
  fields: z.array(schemaField),
});

const loaded = new Map<SchemaName, RecordSchema>();

/** The schema of that name, parsed and checked to be of the form above; read from disk once. */
export function loadSchema(name: SchemaName): RecordSchema {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const schema = parseSchema(readFileSync(join(avroDirectory(), 'schemas', `${name}.avsc`), 'utf8'));
  loaded.set(name, schema);
  return schema;
}

/** A schema of ours by its name, or one that was generated. */
export function recordSchemaOf(schema: SchemaName | RecordSchema): RecordSchema {
  return typeof schema === 'string' ? loadSchema(schema) : schema;
}

/** What a schema is called in what people read. */
export function titleOf(schema: SchemaName | RecordSchema): string {
  if (typeof schema === 'string') return `${schema}.avsc`;
  const { postgres, name } = schema;
  return postgres === undefined ? name : `the schema of ${postgres.schema}.${postgres.table}`;
}

/** Throws when the text is not a record schema with owner and classification on every field. */
export function parseSchema(text: string): RecordSchema {
  return recordSchema.parse(JSON.parse(text));
}

/** A schema that somebody else may have registered: only that it is a record is sure; null when it is none. */
export function parseForeignSchema(text: string): RecordSchema | null {
  const parsed: unknown = JSON.parse(text);
  const isRecord = typeof parsed === 'object' && parsed !== null && 'fields' in parsed && Array.isArray(parsed.fields);
  return isRecord ? (parsed as unknown as RecordSchema) : null;
}

/**
 * The folder `avro/` that holds the schemas: beside this file in the source tree. The compiled file lies in `dist/`,
 * to which nothing is copied: there it is found further up, in the package itself.
 */
export function avroDirectory(): string {
  let directory = import.meta.dirname;
  for (;;) {
    for (const candidate of [directory, join(directory, 'avro')]) {
      if (existsSync(join(candidate, 'schemas', 'progress.avsc'))) return candidate;
    }
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no Avro schemas beside or above ${import.meta.dirname}`);
    directory = parent;
  }
}

/** The envelope's fields, which are the same in every event; everything else is an item. */
const envelopeFields = new Set([
  'recordType',
  'senderId',
  'createdAt',
  'correlationId',
  'source',
  'invalid',
  'unchanged',
]);

/** The items of an event schema, in order. */
export function itemFields(schema: RecordSchema): readonly SchemaField[] {
  return schema.fields.filter((field) => !envelopeFields.has(field.name));
}

/** The type without null: what the item holds when it is there. */
export function presentType(type: FieldType): Exclude<FieldType, readonly FieldType[]> {
  if (!isUnion(type)) return type;
  const rest = type.filter((branch) => branch !== 'null');
  const only = rest[0];
  if (only === undefined || isUnion(only) || rest.length !== 1)
    throw new Error('a union of more than null and one type');
  return only;
}

export function isUnion(type: FieldType): type is readonly FieldType[] {
  return Array.isArray(type);
}

/** The records within a schema by their name, by which Avro refers to them a second time. */
export function namedTypes(schema: RecordSchema): ReadonlyMap<string, RecordSchema> {
  const found = new Map<string, RecordSchema>();
  for (const { type } of schema.fields) {
    for (const branch of isUnion(type) ? type : [type]) {
      if (typeof branch === 'object' && 'fields' in branch) found.set(branch.name, branch);
    }
  }
  return found;
}
