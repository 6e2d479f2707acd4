import { type ShapeColumn, mirrorField, mirrorSchema, type TableShape, withEnvelope } from './mirror-schema.ts';
import { itemFields, type MirroredColumn, type RecordSchema, type SchemaField } from './schemas.ts';
import { isWidened } from './widening.ts';

/** One thing that a mirrored table has become since its schema was registered. */
export interface MirrorChange {
  readonly kind: 'added' | 'dropped' | 'widened' | 'made-anew';
  readonly column: string;
  /** As SQL. */
  readonly from: string | null;
  readonly to: string | null;
}

export interface MirrorEvolution {
  /** What is to be registered: every item of the registered one, as it was, then those that are new. */
  readonly schema: RecordSchema;
  readonly changes: readonly MirrorChange[];
  /** Rows have values that are in no change: the table is to be read again. */
  readonly readAgain: boolean;
}

/**
 * The schema of a mirrored table that has another shape by now than its registered schema says: each reads what the
 * other wrote. What can not be told so stays as it is registered, and is a matter of parking. The text of a value
 * decides: what does not fit an item's type travels as text beside it, so that a wider column needs no other item.
 * `follows`: whether a column of the store follows from one type, as SQL, to another.
 */
export function evolvedSchema(
  registered: RecordSchema,
  shape: TableShape,
  follows: (from: string, to: string) => boolean = isWidened,
): MirrorEvolution {
  const unchanged = { schema: registered, changes: [], readAgain: false };
  const { postgres } = registered;
  // Other columns tell the rows apart now: no item can make up for that.
  if (postgres === undefined || postgres.key.join('\0') !== shape.key.join('\0')) return unchanged;
  const items = itemFields(registered);
  const known = new Map(items.map((field) => [field.name, field]));
  const current = new Map(shape.columns.map((column) => [mirrorField(column).name, column]));
  const followed = items.map((field) => follow(field, current.get(field.name), follows));
  const added = shape.columns.filter((column) => !known.has(mirrorField(column).name));
  const changes = [
    ...followed.flatMap(({ change }) => change ?? []),
    ...added.map(({ name, type }) => ({ kind: 'added' as const, column: name, from: null, to: type })),
  ];
  const fields = withEnvelope([...followed.map(({ field }) => field), ...added.map(addedField)]);
  if (JSON.stringify(fields) === JSON.stringify(registered.fields)) return unchanged;
  const schema = { ...mirrorSchema(shape), fields };
  // A column that takes the place of another one is that one, renamed, for all that we know: rows have values in it.
  const isRenamed = changes.some(({ kind }) => kind === 'dropped') && added.length > 0;
  const readAgain =
    isRenamed ||
    changes.some(({ kind }) => kind === 'made-anew') ||
    added.some(({ missing, isFilled }) => missing === null && isFilled);
  return { schema, changes, readAgain };
}

/** The schema of a table as it is now, with what rows have in a column that are older than it. */
export function tableSchema(shape: TableShape): RecordSchema {
  return { ...mirrorSchema(shape), fields: withEnvelope(shape.columns.map(addedField)) };
}

function addedField(column: ShapeColumn): SchemaField {
  const field = mirrorField(column);
  if (column.missing === null || field.postgres === undefined) return field;
  return { ...field, postgres: { ...field.postgres, missing: column.missing } };
}

interface Followed {
  readonly field: SchemaField;
  readonly change?: MirrorChange;
}

function follow(
  field: SchemaField,
  column: ShapeColumn | undefined,
  follows: (from: string, to: string) => boolean,
): Followed {
  const { postgres } = field;
  if (postgres === undefined) return { field };
  if (column === undefined) {
    if (postgres.dropped === true) return { field };
    const change = { kind: 'dropped', column: postgres.column, from: postgres.type, to: null } as const;
    return { field: { ...field, postgres: { ...postgres, dropped: true } }, change };
  }
  const now = mirrorField(column);
  const type = now.postgres ?? postgres;
  const isSame = postgres.stored === type.stored && JSON.stringify(field.type) === JSON.stringify(now.type);
  if (!isSame && !follows(postgres.stored, type.stored)) return { field };
  const { dropped: _dropped, missing, ...rest } = postgres;
  // Rows from before a column that was dropped and made anew have nothing of what the old one had.
  const isAnew = postgres.dropped === true || (postgres.number !== undefined && postgres.number !== column.number);
  const kept: MirroredColumn = {
    ...rest,
    type: type.type,
    stored: type.stored,
    number: column.number,
    ...(missing === undefined || isAnew ? {} : { missing }),
  };
  const change = { column: column.name, from: postgres.type, to: column.type };
  const item = isWidened(postgres.stored, type.stored) ? field.type : now.type;
  const evolved = { ...field, type: item, doc: now.doc, postgres: kept };
  if (isAnew) return { field: evolved, change: { ...change, kind: 'made-anew' } };
  return postgres.stored === type.stored
    ? { field: evolved }
    : { field: evolved, change: { ...change, kind: 'widened' } };
}
