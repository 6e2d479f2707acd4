import { avroName, withoutMeaning } from './sql-names.ts';
import { type FieldType, itemFields, loadSchema, type RecordSchema, type SchemaField } from './schemas.ts';

/** What PostgreSQL knows of a type, once domains are followed down to what they are made of. */
export interface ShapeType {
  readonly schema: string;
  readonly name: string;
  /** As pg_type has it: b base, c composite, e enum, r range, m multirange. */
  readonly kind: string;
  /** As SQL, with its modifier, qualified where it is not PostgreSQL's own: `numeric(10,2)`. */
  readonly sql: string;
  readonly modifier: number;
}

export interface ShapeColumn {
  readonly name: string;
  /** As it was declared, as SQL. */
  readonly type: string;
  readonly base: ShapeType;
  /** Of an array. */
  readonly element: ShapeType | null;
  /** Its number in the table. */
  readonly number: number;
  /** What rows have in it that are older than the column, as text: the server keeps it beside the table, not in the rows. */
  readonly missing: string | null;
  /** Rows that are there when the column is added get a value that the server works out row by row. */
  readonly isFilled: boolean;
}

/** A table as the source has it: all that its schema on the topic and its table in the store are made from. */
export interface TableShape {
  readonly schema: string;
  readonly table: string;
  /** The columns of the primary key, in its order. */
  readonly key: readonly string[];
  readonly columns: readonly ShapeColumn[];
}

/** Names that the envelope has, or that the store's table has beside the columns of its source. */
const taken = new Set(
  (
    'recordType senderId createdAt correlationId source invalid unchanged ' +
    'generation lsn ordinal xid committed_at source_time applied_at unsent lane ' +
    'generation_to lsn_to ordinal_to xid_to superseded_at'
  ).split(' '),
);

/** What a column is called in the store: as in its source, unless the name is taken. */
export function storedName(column: string): string {
  return taken.has(column) ? withoutMeaning(column) : column;
}

/** The schema of a mirrored table's events: the envelope, then an item for each column, nullable, then what did not fit. */
export function mirrorSchema(shape: TableShape): RecordSchema {
  return {
    type: 'record',
    name: avroName(shape.table),
    namespace: `concord.mirror.${avroName(shape.schema)}`,
    doc: `The table ${shape.schema}.${shape.table}, as it is in its source.`,
    postgres: { schema: shape.schema, table: shape.table, key: shape.key },
    fields: withEnvelope(shape.columns.map(mirrorField)),
  };
}

/** The items between the two parts of the envelope. */
export function withEnvelope(items: readonly SchemaField[]): readonly SchemaField[] {
  const { fields } = loadSchema('participant');
  const others = new Set(itemFields(loadSchema('participant')));
  const envelope = fields.filter((field) => !others.has(field));
  return [...envelope.slice(0, -2), ...items, ...envelope.slice(-2)];
}

export function mirrorField(column: ShapeColumn): SchemaField {
  const stored = storedType(column);
  return {
    name: taken.has(column.name) ? withoutMeaning(column.name) : avroName(column.name),
    type: ['null', carriedType(column.base)],
    default: null,
    doc: `The column ${column.name}, ${column.type}.`,
    owner: 'Mirrored table',
    // Nobody has said what is in it.
    classification: 'PII restricted',
    postgres: { column: column.name, type: column.type, stored, number: column.number },
  };
}

const decimalDigitsMax = 15;

/** Typed where Avro has the type; else PostgreSQL's text. What a typed item can not hold goes into `invalid`, as text. */
function carriedType({ schema, name, kind, modifier }: ShapeType): FieldType {
  if (schema !== 'pg_catalog' || kind !== 'b') return 'string';
  switch (name) {
    case 'bool':
      return 'boolean';
    case 'int2':
    case 'int4':
      return 'int';
    case 'int8':
    case 'oid':
      return 'long';
    // The shortest text of a float4 has at most nine digits, which a double keeps.
    case 'float4':
    case 'float8':
      return 'double';
    case 'bytea':
      return 'bytes';
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'timestamp':
      return { type: 'long', logicalType: 'local-timestamp-micros' };
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros' };
    case 'numeric': {
      const { precision, scale } = numericModifier(modifier);
      const fits = precision > 0 && precision <= decimalDigitsMax && scale >= 0 && scale <= precision;
      return fits ? { type: 'bytes', logicalType: 'decimal', precision, scale } : 'string';
    }
    default:
      return 'string';
  }
}

/** Precision in the upper half, scale as 11 bits with a sign in the lower, plus 4; none is -1. */
function numericModifier(modifier: number): { readonly precision: number; readonly scale: number } {
  if (modifier < 4) return { precision: 0, scale: 0 };
  const packed = modifier - 4;
  return { precision: packed >> 16, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 };
}

/** Their text names something that only their own database has, or can not be read back. */
const textOnly = new Set(
  (
    'regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype ' +
    'aclitem gtsvector pg_node_tree pg_ndistinct pg_dependencies pg_mcv_list pg_brin_bloom_summary pg_brin_minmax_multi_summary'
  ).split(' '),
);

/**
 * The type of the column in the store. What somebody has defined in the source's database (enums, domains, composite
 * types, ranges) is not made there: a domain is what it is made of, all others are their text. Types of an extension
 * are kept, and are text where the store does not have the extension.
 */
function storedType({ base, element }: ShapeColumn): string {
  if (element !== null) return isStorable(element) ? base.sql : 'text[]';
  return isStorable(base) ? base.sql : 'text';
}

function isStorable({ schema, name, kind }: ShapeType): boolean {
  if (schema === 'pg_catalog') return (kind === 'b' || kind === 'r' || kind === 'm') && !textOnly.has(name);
  return kind === 'b';
}
