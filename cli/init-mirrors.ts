import { evolvedSchema } from '../avro/mirror-evolution.ts';
import { mirrorSchema } from '../avro/mirror-schema.ts';
import type { RecordSchema } from '../avro/schemas.ts';
import { isWidened } from '../avro/widening.ts';
import { storeLacks } from '../connectors/metering/mirror/fit-store.ts';
import { unfitColumns } from '../connectors/metering/mirror/unfit-columns.ts';
import { tableName } from '../connectors/source/route-columns.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { subjectOf } from '../topics/catalogue.ts';
import { registryOf } from './connections.ts';
import { type GeneratedSchemas, mirroredShapes, mirrorsOf, newestSchema, noGenerated } from './mirrors.ts';
import type { Settings } from './settings.ts';

/** The schemas that `init` makes the topics and the store's tables by, and the tables whose shape it can not follow. */
export interface InitSchemas {
  readonly schemas: GeneratedSchemas;
  /** One sentence for each table that keeps the schema which is registered: it stays parked, and the others go on. */
  readonly kept: readonly string[];
  /** One sentence for each table that does not exist yet. */
  readonly waiting: readonly string[];
}

/** From the tables as they are now. Where the subject or the store could not take that, the schema that is registered. */
export async function schemasToInit(settings: Settings): Promise<InitSchemas> {
  const shapes = await mirroredShapes(settings);
  const waiting = mirrorsOf(settings)
    .filter(({ topic }) => !shapes.has(topic))
    .map(
      (mirror) =>
        `${tableName(mirror)} does not exist yet. Once it is made, with a primary key, and in the publication ${settings.registration.publication}, the source reads it, without a restart.`,
    );
  if (shapes.size === 0) return { schemas: noGenerated, kept: [], waiting };
  const schemas = new Map<string, RecordSchema>();
  const kept: string[] = [];
  const registry = registryOf(settings);
  try {
    await withDatabase(settings.metering.database, 'concord init', async (client) => {
      for (const [topic, shape] of shapes) {
        const registered = await newestSchema(registry, topic);
        if (registered === null) {
          schemas.set(topic, mirrorSchema(shape));
          continue;
        }
        // Whatever a column has become, if only the store can take it; else what the source follows by itself.
        const { schema } = evolvedSchema(registered, shape, () => true);
        const conflicts = await registry.checkCompatibility(subjectOf(topic), schema);
        const unfit = (await unfitColumns(client, schema)).filter(({ type, wanted }) => !isWidened(type, wanted));
        const isFit = conflicts.length + unfit.length === 0;
        schemas.set(topic, isFit ? schema : evolvedSchema(registered, shape).schema);
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
  return { schemas, kept, waiting };
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
    for (const schema of schemas.values()) {
      for (const { what, sql } of await storeLacks(client, schema)) {
        if (!onlyPlan) await client.query(sql);
        tell(what);
      }
    }
  });
}
