import { mirrorSchema } from '../avro/mirror-schema.ts';
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

/** Schemas from the tables as they are now. A table that is not there, or has no primary key, is a Fault. */
export async function generatedSchemas(settings: Settings): Promise<GeneratedSchemas> {
  const mirrors = mirrorsOf(settings);
  if (mirrors.length === 0) return noGenerated;
  return withDatabase(settings.registration.database, 'concord shapes', async (client) => {
    const found = new Map<string, RecordSchema>();
    for (const mirror of mirrors) found.set(mirror.topic, mirrorSchema(await readShape(client, mirror)));
    return found;
  });
}

/** Schemas as they were registered last: for those who do not see the source's database. */
export async function registeredSchemas(settings: Settings, registry: SchemaRegistry): Promise<GeneratedSchemas> {
  const found = new Map<string, RecordSchema>();
  for (const { topic } of mirrorsOf(settings)) {
    const schema = await newestSchema(registry, topic);
    if (schema === null) {
      const subject = subjectOf(topic);
      throw new Fault(
        'misconfigured',
        'SCHEMA_NOT_REGISTERED',
        `The schema of ${topic} is not registered under ${subject}. Run \`concord init\`, which registers it.`,
        { topic, subject },
      );
    }
    found.set(topic, schema);
  }
  return found;
}

/** The schema of a mirrored table as it was registered last; null if it never was. */
export async function newestSchema(registry: SchemaRegistry, topic: string): Promise<RecordSchema | null> {
  const newest = (await registry.versions(subjectOf(topic))).at(-1);
  const schema = newest === undefined ? null : parseForeignSchema(newest.text);
  return schema?.postgres === undefined ? null : schema;
}
