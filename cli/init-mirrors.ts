import type { RecordSchema } from '../avro/schemas.ts';
import { mirrorTablesMissing } from '../connectors/metering/mirror/mirror-tables.ts';
import { unfitColumns } from '../connectors/metering/mirror/unfit-columns.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { subjectOf } from '../topics/catalogue.ts';
import { registryOf } from './connections.ts';
import { type GeneratedSchemas, generatedSchemas, newestSchema } from './mirrors.ts';
import type { Settings } from './settings.ts';

/** The schemas that `init` makes the topics and the store's tables by, and the tables whose shape it can not follow. */
export interface InitSchemas {
  readonly schemas: GeneratedSchemas;
  /** One sentence for each table that keeps the schema which is registered: it stays parked, and the others go on. */
  readonly kept: readonly string[];
}

/** From the tables as they are now. Where the subject or the store could not take that, the schema that is registered. */
export async function schemasToInit(settings: Settings): Promise<InitSchemas> {
  const generated = await generatedSchemas(settings);
  if (generated.size === 0) return { schemas: generated, kept: [] };
  const schemas = new Map<string, RecordSchema>();
  const kept: string[] = [];
  const registry = registryOf(settings);
  try {
    await withDatabase(settings.metering.database, 'concord init', async (client) => {
      for (const [topic, schema] of generated) {
        const registered = await newestSchema(registry, topic);
        const conflicts = registered === null ? [] : await registry.checkCompatibility(subjectOf(topic), schema);
        const unfit = registered === null ? [] : await unfitColumns(client, schema);
        const isKept = registered !== null && conflicts.length + unfit.length > 0;
        schemas.set(topic, isKept ? registered : schema);
        kept.push(
          ...conflicts.map(
            ({ field, problem }) => `${topic}: ${field ?? 'the record'} ${problem}: alter the source's column back.`,
          ),
          ...unfit.map(({ table, column, type, wanted, fix }) =>
            conflicts.length > 0
              ? `${table}: the column ${column} is ${type}, and in the source ${wanted} by now.`
              : `${table}: the column ${column} is ${type}, and in the source ${wanted} by now: ${fix}`,
          ),
        );
      }
    });
  } finally {
    registry.close();
  }
  return { schemas, kept };
}

/** The tables of mirrored tables, in the store. Tells each thing that is missing. */
export async function initMirrors(
  settings: Settings,
  schemas: GeneratedSchemas,
  onlyPlan: boolean,
  tell: (what: string) => void,
): Promise<void> {
  if (schemas.size === 0) return;
  await withDatabase(settings.metering.database, 'concord init', async (client) => {
    for (const { what, sql } of await mirrorTablesMissing(client, [...schemas.values()])) {
      if (!onlyPlan) await client.query(sql);
      tell(what);
    }
  });
}
