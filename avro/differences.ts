import type { FieldType, RecordSchema, SchemaField } from './schemas.ts';

/** One difference of two versions of a schema. `field` is a path such as `source.lsn`. */
export interface SchemaDifference {
  readonly field: string;
  readonly change: 'added' | 'removed' | 'type' | 'default' | 'doc' | 'owner' | 'classification' | 'postgres';
  /** As JSON; null where there is nothing. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What was changed from one version to the other, field by field. Order and whitespace do not count. */
export function differencesBetween(before: RecordSchema, after: RecordSchema, path = ''): readonly SchemaDifference[] {
  const names = [...new Set([...before.fields, ...after.fields].map((field) => field.name))];
  return names.flatMap((name) => {
    const [old, now] = [before, after].map((schema) => schema.fields.find((field) => field.name === name));
    const field = path === '' ? name : `${path}.${name}`;
    if (old === undefined && now === undefined) return [];
    if (old === undefined) return [{ field, change: 'added', before: null, after: JSON.stringify(now?.type) }];
    if (now === undefined) return [{ field, change: 'removed', before: JSON.stringify(old.type), after: null }];
    return fieldDifferences(old, now, field);
  });
}

function fieldDifferences(old: SchemaField, now: SchemaField, field: string): SchemaDifference[] {
  const [oldRecord, newRecord] = [recordOf(old.type), recordOf(now.type)];
  const nested = oldRecord !== null && newRecord !== null;
  const attributes = ['type', 'default', 'doc', 'owner', 'classification', 'postgres'] as const;
  return [
    ...(nested ? differencesBetween(oldRecord, newRecord, field) : []),
    ...attributes.flatMap((change): SchemaDifference[] => {
      if (nested && change === 'type') return [];
      const [before, after] = [old[change], now[change]].map((value) => JSON.stringify(value) ?? null);
      if (before === undefined || after === undefined || before === after) return [];
      return [{ field, change, before, after }];
    }),
  ];
}

function recordOf(type: FieldType): RecordSchema | null {
  return typeof type === 'object' && 'fields' in type ? type : null;
}
