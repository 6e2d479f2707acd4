import avsc from 'avsc';
import type { Type } from 'avsc';
import type { FieldType, RecordSchema } from './schemas.ts';
import { isUnion, presentType } from './schemas.ts';
import { typeOf } from './codec.ts';

/** Why two versions of a schema can not live on one topic. `field` is a path such as `source.lsn`; null: the record itself. */
export interface SchemaConflict {
  readonly field: string | null;
  readonly problem: string;
}

/**
 * Full compatibility: each version reads what the other wrote. A registry says only that two versions are in conflict;
 * this names the fields. Beyond Avro's own rules, a logical type may not change: a day would be read as something else.
 */
export function conflictsBetween(older: RecordSchema, newer: RecordSchema): readonly SchemaConflict[] {
  return [
    ...new Map(
      [...recordConflicts(typeOf(older), typeOf(newer), ''), ...meaningConflicts(older, newer)].map((conflict) => [
        `${conflict.field} ${conflict.problem}`,
        conflict,
      ]),
    ).values(),
  ];
}

function recordConflicts(older: Type, newer: Type, path: string): SchemaConflict[] {
  if (!isRecord(older) || !isRecord(newer)) return [];
  if (older.name !== newer.name) {
    return [{ field: path === '' ? null : path, problem: `is named ${newer.name}, before it was ${older.name}` }];
  }
  return [
    ...older.fields.flatMap((field) => {
      const same = newer.fields.find((candidate) => candidate.name === field.name);
      const name = path === '' ? field.name : `${path}.${field.name}`;
      if (same !== undefined) return typeConflicts(field.type, same.type, name);
      return hasDefault(field)
        ? []
        : [{ field: name, problem: 'is removed, and older readers have no default for it' }];
    }),
    ...newer.fields
      .filter((field) => older.fields.every((candidate) => candidate.name !== field.name) && !hasDefault(field))
      .map((field) => ({
        field: path === '' ? field.name : `${path}.${field.name}`,
        problem: 'is added without a default, so that older values can not be read',
      })),
  ];
}

function typeConflicts(older: Type, newer: Type, field: string): SchemaConflict[] {
  if (isRecord(older) && isRecord(newer)) return recordConflicts(older, newer, field);
  const conflicts: SchemaConflict[] = [];
  if (!canRead(newer, older)) {
    conflicts.push({ field, problem: `${nameOf(newer)} can not read what was written as ${nameOf(older)}` });
  }
  if (!canRead(older, newer)) {
    conflicts.push({ field, problem: `older readers, which expect ${nameOf(older)}, can not read ${nameOf(newer)}` });
  }
  return conflicts;
}

/** avsc looks at a logical type only where it has a class for it; `date` and `timestamp-micros` have none. */
function meaningConflicts(older: RecordSchema, newer: RecordSchema, path = ''): SchemaConflict[] {
  return older.fields.flatMap((field) => {
    const same = newer.fields.find((candidate) => candidate.name === field.name);
    if (same === undefined) return [];
    const name = path === '' ? field.name : `${path}.${field.name}`;
    const [before, after] = [field.type, same.type].map((type) => meaningOf(type));
    if (typeof before === 'object' && typeof after === 'object') return meaningConflicts(before, after, name);
    if (before === after || typeof before !== 'string' || typeof after !== 'string') return [];
    return [{ field: name, problem: `means ${after}, before it meant ${before}` }];
  });
}

function meaningOf(type: FieldType): string | RecordSchema {
  if (isUnion(type) && type.filter((branch) => branch !== 'null').length !== 1) return 'one of several types';
  const present = presentType(type);
  if (typeof present === 'object' && 'fields' in present) return present;
  return typeof present === 'object' && 'logicalType' in present ? present.logicalType : 'its plain value';
}

function isRecord(type: Type): type is avsc.types.RecordType {
  return type instanceof avsc.types.RecordType;
}

function hasDefault(field: avsc.types.Field): boolean {
  return field.defaultValue() !== undefined;
}

function canRead(reader: Type, writer: Type): boolean {
  try {
    reader.createResolver(writer);
    return true;
  } catch {
    return false;
  }
}

function nameOf(type: Type): string {
  return JSON.stringify(type.schema({ exportAttrs: true }));
}
