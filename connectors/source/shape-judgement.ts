import { type FieldType, isUnion, type RecordSchema } from '../../avro/schemas.ts';
import type { ColumnTypes, TypeFamily } from './column-types.ts';
import type { KeptColumn, TableRoute } from './contract.ts';
import { neededColumns, routeColumns, tableName } from './route-columns.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import { topicsOf } from './topic-partitions.ts';

export interface ShapeColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** The columns of a table, in order. */
export type TableShape = readonly ShapeColumn[];

export type ShapeNoteCode =
  | 'COLUMN_ADDED'
  | 'COLUMN_DROPPED'
  | 'COLUMN_RENAMED'
  | 'COLUMN_TYPE_CHANGED'
  | 'COLUMN_TYPE_UNSUITABLE'
  | 'TABLE_RENAMED'
  | 'TABLE_REPLACED'
  | 'PRIMARY_KEY_DIFFERS'
  | 'REPLICA_IDENTITY';

/** One thing about a shape, with both types as SQL; `fix` is there if it keeps the table from being published. */
export interface ShapeNote {
  readonly code: ShapeNoteCode;
  readonly column: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly text: string;
  readonly fix: string | null;
}

export interface ShapeJudgement {
  readonly verdict: 'unchanged' | 'evolves' | 'parks';
  readonly notes: readonly ShapeNote[];
}

export interface ShapeQuestion {
  readonly route: TableRoute;
  readonly schemaOf: (topic: string) => RecordSchema;
  readonly types: ColumnTypes;
  /** The shape that was published last; null if none is known. */
  readonly before: TableShape | null;
  readonly after: TableShape;
}

/**
 * Whether rows of this shape can be told with the route and its schemas. The same for a RELATION message that arrives,
 * a table that is about to be read, and a statement that somebody plans.
 */
export function judgeShape(question: ShapeQuestion): ShapeJudgement {
  const { route, before } = question;
  const mapped = new Set(routeColumns(route));
  const notes = [
    ...[...mapped].flatMap((column) => judgeColumn(question, column)),
    ...(before === null ? [] : unmappedNotes(question, mapped, before)),
  ];
  if (notes.some(({ fix }) => fix !== null)) return { verdict: 'parks', notes };
  return { verdict: notes.length === 0 ? 'unchanged' : 'evolves', notes };
}

/** The table has another name: what is told of it comes under a name that the configuration does not know. */
export function renamedNote(route: TableRoute, place: { readonly schema: string; readonly table: string }): ShapeNote {
  const table = tableName(route);
  const now = tableName(place);
  return {
    code: 'TABLE_RENAMED',
    column: '',
    from: table,
    to: now,
    text: `The table ${table} is called ${now} now, so that nobody would tell its changes.`,
    fix: `Rename it back, or configure the table of ${route.entity} as ${now} and start the side again. Then \`concord resume ${table}\`, or the new name.`,
  };
}

/** Another table has the name now: its rows must not be taken for those of the one that had it. */
export function replacedNote(route: TableRoute): ShapeNote {
  const table = tableName(route);
  return {
    code: 'TABLE_REPLACED',
    column: '',
    from: table,
    to: table,
    text: `The table ${table} is another one than the one that was told under this name: it was dropped and made anew, or another table was renamed to it.`,
    fix: `If this one is to be told from now on, \`concord resume ${table}\` takes it and reads all of it; rows that only the old one had are then found, and deleted in the store, by \`concord reconcile --table ${route.entity} --repair\`. Else give the old one its name back, and then \`concord resume ${table}\`.`,
  };
}

export function tableRenamed(route: TableRoute, place: Parameters<typeof renamedNote>[1]): ShapeJudgement {
  return { verdict: 'parks', notes: [renamedNote(route, place)] };
}

function judgeColumn(question: ShapeQuestion, column: string): readonly ShapeNote[] {
  const { route, types, before, after } = question;
  const now = after.find(({ name }) => name === column) ?? null;
  const was = before?.find(({ name }) => name === column) ?? null;
  if (now === null) return judgeMissing(question, column, was);
  const kept = route.kept?.[column];
  if (kept !== undefined && !types.isKept(kept.stored, now)) return [notKept(question, now, kept)];
  const avro = itemTypeOf(question, column);
  if (avro !== null && !takes(avro, types.family(now.typeOid))) return [unsuitable(question, column, was, now, avro)];
  if (was === null || (was.typeOid === now.typeOid && was.typeModifier === now.typeModifier)) return [];
  const to = types.name(now);
  const item = route.items[column] ?? column;
  return [
    {
      code: 'COLUMN_TYPE_CHANGED',
      column,
      from: types.name(was),
      to,
      text: `${tableName(route)}: the column ${column} is ${to} now, and was ${types.name(was)}. The item ${item} takes it; a value that does not fit its type travels in \`invalid\`. Values that the statement itself changed (USING) are in no change: the table is read again.`,
      fix: null,
    },
  ];
}

function judgeMissing(question: ShapeQuestion, column: string, was: ShapeColumn | null): readonly ShapeNote[] {
  const { route, types } = question;
  const table = tableName(route);
  const item = route.items[column] ?? column;
  const from = was === null ? null : types.name(was);
  const renamed = was === null ? null : renamedTo(question, was);
  if (renamed !== null) {
    return [
      {
        code: 'COLUMN_RENAMED',
        column,
        from,
        to: types.name(renamed),
        text: `${table}: the column ${column} (${from ?? '?'}) is called ${renamed.name} (${types.name(renamed)}) now, so that the item ${item} would vanish.`,
        fix: `ALTER TABLE ${quoteTable(route)} RENAME COLUMN ${quoteIdentifier(renamed.name)} TO ${quoteIdentifier(column)}; or map the item ${item} of ${route.entity} to the column ${renamed.name} in the configuration and start the side again. Then \`concord resume ${table}\`.`,
      },
    ];
  }
  if (!neededColumns(route).includes(column)) {
    // Without the shape before, it is not known whether it ever was there.
    if (was === null) return [];
    return [
      {
        code: 'COLUMN_DROPPED',
        column,
        from,
        to: null,
        text: `${table}: the column ${column} (${from ?? '?'}) was dropped. The item ${item} is optional, and is empty in every event from here on.`,
        fix: null,
      },
    ];
  }
  const type = from ?? 'text';
  return [
    {
      code: 'COLUMN_DROPPED',
      column,
      from,
      to: null,
      text: `${table}: the column ${column} (${from ?? 'of a type that is not known'}) is not there any more, and the item ${item} (${avroName(itemTypeOf(question, column) ?? 'string')}) is needed.`,
      fix: `ALTER TABLE ${quoteTable(route)} ADD COLUMN ${quoteIdentifier(column)} ${type} and fill it, rename the column that holds it now, or map the item ${item} of ${route.entity} to another column in the configuration and start the side again. Then \`concord resume ${table}\`.`,
    },
  ];
}

/** The column that stands where another one stood, with its type and a name that was not there: a rename, or as good as one. */
function renamedTo({ before, after, route }: ShapeQuestion, was: ShapeColumn): ShapeColumn | null {
  if (before === null || before.length !== after.length) return null;
  const there = after[before.indexOf(was)];
  if (there === undefined || there.typeOid !== was.typeOid) return null;
  const isNew = before.every(({ name }) => name !== there.name) && !routeColumns(route).includes(there.name);
  return isNew ? there : null;
}

function unsuitable(
  { route, types }: ShapeQuestion,
  column: string,
  was: ShapeColumn | null,
  now: ShapeColumn,
  avro: FieldType,
): ShapeNote {
  const table = tableName(route);
  const to = types.name(now);
  const from = was === null || was.typeOid === now.typeOid ? null : types.name(was);
  const back = from ?? sqlTypeFor(avro);
  const quoted = quoteIdentifier(column);
  return {
    code: 'COLUMN_TYPE_UNSUITABLE',
    column,
    from: from ?? sqlTypeFor(avro),
    to,
    text: `${table}: the column ${column} is ${to} now${from === null ? '' : `, and was ${from}`}, and the item ${route.items[column] ?? column} is an Avro ${avroName(avro)}, which can not take it.`,
    fix: `ALTER TABLE ${quoteTable(route)} ALTER COLUMN ${quoted} TYPE ${back} USING ${quoted}::${back}; or map the item to a column of a type that fits, in the configuration, and start the side again. Then \`concord resume ${table}\`.`,
  };
}

/** A mirrored column, which travels as its text: what the store's column does not take would stop all tables. */
function notKept({ route, types }: ShapeQuestion, now: ShapeColumn, { declared, stored }: KeptColumn): ShapeNote {
  const table = tableName(route);
  const column = now.name;
  const to = types.name(now);
  const quoted = quoteIdentifier(column);
  return {
    code: 'COLUMN_TYPE_UNSUITABLE',
    column,
    from: declared,
    to,
    text: `${table}: the column ${column} is ${to} now, and was ${declared}, and the store keeps it as ${stored}, which can not take every value of it.`,
    fix: `ALTER TABLE ${quoteTable(route)} ALTER COLUMN ${quoted} TYPE ${declared} USING ${quoted}::${declared}; or keep the new type: alter the column in the store as \`concord init\` says, run it again, and start both sides again. Then \`concord resume ${table}\`.`,
  };
}

function unmappedNotes(question: ShapeQuestion, mapped: ReadonlySet<string>, before: TableShape): readonly ShapeNote[] {
  const { route, types, after } = question;
  const gone = before.filter(({ name }) => mapped.has(name) && after.every((column) => column.name !== name));
  const names = new Set(
    [...before, ...gone.flatMap((column) => renamedTo(question, column) ?? [])].map(({ name }) => name),
  );
  const absence =
    route.kept === undefined
      ? 'no item is mapped to: it does not travel'
      : 'its schema does not have yet: the source has it follow by itself';
  return after
    .filter(({ name }) => !names.has(name) && !mapped.has(name))
    .map((column) => ({
      code: 'COLUMN_ADDED',
      column: column.name,
      from: null,
      to: types.name(column),
      text: `${tableName(route)} has the column ${column.name} (${types.name(column)}) now, which ${absence}.`,
      fix: null,
    }));
}

/** The item's type without its null; null for a column that is no item, or one that travels as text only. */
function itemTypeOf({ route, schemaOf }: ShapeQuestion, column: string): FieldType | null {
  const item = route.items[column];
  for (const topic of topicsOf(route)) {
    const type = schemaOf(topic).fields.find(({ name }) => name === item)?.type;
    if (type !== undefined) return isUnion(type) ? (type.find((one) => one !== 'null') ?? null) : type;
  }
  return null;
}

function takes(type: FieldType, family: TypeFamily | null): boolean {
  const wanted = familiesOf(type);
  return wanted === null || (family !== null && wanted.includes(family));
}

/** The families whose text the item's codec reads; null: any. What is in the family and does not fit goes into `invalid`. */
function familiesOf(type: FieldType): readonly TypeFamily[] | null {
  if (typeof type === 'string') {
    if (type === 'boolean') return ['boolean'];
    if (type === 'double') return ['float'];
    if (type === 'bytes') return ['bytes'];
    return type === 'int' || type === 'long' ? ['integer'] : null;
  }
  if (isUnion(type) || !('type' in type)) return null;
  if (type.type === 'array') return ['array'];
  if (!('logicalType' in type)) return null;
  switch (type.logicalType) {
    case 'date':
      return ['date'];
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return ['timestamp'];
    case 'decimal':
      return ['decimal', 'integer'];
    default:
      return null;
  }
}

function avroName(type: FieldType): string {
  if (typeof type === 'string') return type;
  if (isUnion(type) || !('type' in type)) return 'union';
  if ('logicalType' in type) {
    const { precision, scale = 0, logicalType } = type;
    return precision === undefined ? logicalType : `${logicalType}(${precision}, ${scale})`;
  }
  return type.type;
}

function sqlTypeFor(type: FieldType): string {
  const family = familiesOf(type)?.[0] ?? 'other';
  switch (family) {
    case 'boolean':
      return 'boolean';
    case 'integer':
      return type === 'int' ? 'integer' : 'bigint';
    case 'decimal':
      return 'numeric';
    case 'date':
      return 'date';
    case 'timestamp':
      return 'timestamptz';
    case 'float':
      return 'double precision';
    case 'bytes':
      return 'bytea';
    case 'array':
      return 'text[]';
    case 'other':
      return 'text';
  }
}
