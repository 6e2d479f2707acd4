import type pg from 'pg';
import { tableSchema } from '../avro/mirror-evolution.ts';
import type { TableShape } from '../avro/mirror-schema.ts';
import type { SchemaRegistry } from '../avro/registry.ts';
import { parseForeignSchema, type RecordSchema } from '../avro/schemas.ts';
import { readShape } from '../connectors/source/table-shape.ts';
import { Fault } from '../runtime/fault.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { subjectOf } from '../topics/catalogue.ts';
import type { Settings } from './settings.ts';
import { type MirroredTable, mirroredTables } from './table-settings.ts';

/** Topic → the schema that was generated for its mirrored table. */
export type GeneratedSchemas = ReadonlyMap<string, RecordSchema>;

export const noGenerated: GeneratedSchemas = new Map();

export function mirrorsOf({ registration }: Settings): readonly MirroredTable[] {
  return mirroredTables(registration.name, registration.tables);
}

/** The tables as they are now. One without a primary key is a Fault; one that is not there yet is left out. */
export async function mirroredShapes(settings: Settings): Promise<ReadonlyMap<string, TableShape>> {
  const mirrors = mirrorsOf(settings);
  const found = new Map<string, TableShape>();
  if (mirrors.length === 0) return found;
  return withDatabase(settings.registration.database, 'concord shapes', async (client) => {
    for (const mirror of mirrors) {
      const shape = await shapeOf(client, mirror);
      if (shape !== null) found.set(mirror.topic, shape);
    }
    return found;
  });
}

async function shapeOf(client: pg.Client, mirror: MirroredTable): Promise<TableShape | null> {
  try {
    return await readShape(client, mirror);
  } catch (error) {
    if (error instanceof Fault && error.code === 'SOURCE_TABLE_MISSING') return null;
    throw error;
  }
}

/** Schemas that have what the tables have now, and nothing that they had before. */
export async function tableSchemas(settings: Settings): Promise<GeneratedSchemas> {
  const shapes = await mirroredShapes(settings);
  return new Map([...shapes].map(([topic, shape]) => [topic, tableSchema(shape)]));
}

/** Schemas as they were registered last: for those who do not see the source's database. */
export async function registeredSchemas(settings: Settings, registry: SchemaRegistry): Promise<GeneratedSchemas> {
  const found = new Map<string, RecordSchema>();
  for (const { topic } of mirrorsOf(settings)) {
    const schema = await newestSchema(registry, topic);
    if (schema === null) throw notRegistered(topic);
    found.set(topic, schema);
  }
  return found;
}

/** The same, without those of tables that nobody has registered yet: they have no records either. */
export async function knownSchemas(settings: Settings, registry: SchemaRegistry): Promise<GeneratedSchemas> {
  const found = new Map<string, RecordSchema>();
  for (const { topic } of mirrorsOf(settings)) {
    const schema = await newestSchema(registry, topic);
    if (schema !== null) found.set(topic, schema);
  }
  return found;
}

export function notRegistered(topic: string): Fault {
  const subject = subjectOf(topic);
  return new Fault(
    'misconfigured',
    'SCHEMA_NOT_REGISTERED',
    `The schema of ${topic} is not registered under ${subject}. Run \`concord init\`, which registers it.`,
    { topic, subject },
  );
}

/** The schema of a mirrored table as it was registered last; null if it never was. */
export async function newestSchema(registry: SchemaRegistry, topic: string): Promise<RecordSchema | null> {
  const newest = (await registry.versions(subjectOf(topic))).at(-1);
  const schema = newest === undefined ? null : parseForeignSchema(newest.text);
  return schema?.postgres === undefined ? null : schema;
}
