import type pg from 'pg';
import type { Logger } from 'pino';
import { evolvedSchema } from '../../avro/mirror-evolution.ts';
import { mirrorSchema } from '../../avro/mirror-schema.ts';
import type { SchemaRegistry } from '../../avro/registry.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { type SettledShapes, tellChange } from '../../connectors/source/evolution.ts';
import { mirrorRoute } from '../../connectors/source/mirror-route.ts';
import { askForWholeTable } from '../../connectors/source/read-whole.ts';
import { readRewrittenAgain, tellRewritten } from '../../connectors/source/rewritten-tables.ts';
import { tableName } from '../../connectors/source/route-columns.ts';
import { publishedTables } from '../../connectors/source/setup.ts';
import { readShape as readColumns } from '../../connectors/source/shape-book.ts';
import { readShape } from '../../connectors/source/table-shape.ts';
import { Fault } from '../../runtime/fault.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { compatibility, subjectOf } from '../../topics/catalogue.ts';
import { type GeneratedSchemas, mirrorsOf, newestSchema } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import type { MirroredTable } from '../table-settings.ts';

/** What the source goes by when it starts: the registered schemas, after they have followed the tables where they can. */
export async function evolveMirrors(
  settings: Settings,
  registry: SchemaRegistry,
  settled: SettledShapes,
  log: Logger,
): Promise<GeneratedSchemas> {
  const mirrors = mirrorsOf(settings);
  const found = new Map<string, RecordSchema>();
  if (mirrors.length === 0) return found;
  await withDatabase(settings.registration.database, 'concord shapes', async (client) => {
    const evolution = new Evolution(settings.registration.name, client, registry, log);
    for (const mirror of mirrors) {
      const registered = await newestSchema(registry, mirror.topic);
      if (registered === null) {
        const first = await evolution.begin(mirror, settings.registration.publication);
        if (first !== null) found.set(mirror.topic, first);
        continue;
      }
      // First of all: what else asks for the table to be read finds that it is asked for.
      const { name, publication } = settings.registration;
      const routes = [mirrorRoute(mirror.topic, registered)];
      for (const one of await readRewrittenAgain(client, { name, publication, routes }))
        log.warn(one, tellRewritten(one));
      // Before the table is read: one that is altered meanwhile has a shape that is not settled.
      const columns = await readColumns(client, mirror.schema, mirror.table);
      found.set(mirror.topic, await evolution.follow(mirror, registered));
      if (columns !== null) settled.settle(tableName(mirror), columns.columns);
    }
  });
  return found;
}

class Evolution {
  readonly #source: string;
  readonly #client: pg.Client;
  readonly #registry: SchemaRegistry;
  readonly #log: Logger;

  constructor(source: string, client: pg.Client, registry: SchemaRegistry, log: Logger) {
    this.#source = source;
    this.#client = client;
    this.#registry = registry;
    this.#log = log;
  }

  /** The first schema of a table that was made, or published, after `concord init`; null as long as it can not be told. */
  async begin(mirror: MirroredTable, publication: string): Promise<RecordSchema | null> {
    const table = tableName(mirror);
    if (!(await publishedTables(this.#client, publication)).has(table)) return null;
    try {
      const schema = mirrorSchema(await readShape(this.#client, mirror));
      const id = await this.#registry.ensureSubject(subjectOf(mirror.topic), schema, compatibility);
      this.#log.info({ table, schemaId: id }, `${table} is published now: it is read from its first row on.`);
      return schema;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'PRIMARY_KEY_MISSING') throw error;
      return null;
    }
  }

  /** The schema that the table's rows are told with from here on. */
  async follow(mirror: MirroredTable, registered: RecordSchema): Promise<RecordSchema> {
    const { schema, changes, readAgain } = await this.#look(mirror, registered);
    if (schema === registered) return registered;
    const subject = subjectOf(mirror.topic);
    const table = tableName(mirror);
    const conflicts = await this.#registry.checkCompatibility(subject, schema);
    if (conflicts.length > 0) {
      const problems = conflicts.map(({ field, problem }) => `${field ?? 'the record'} ${problem}`).join('; ');
      this.#log.error({ table, problems }, `${table} keeps its registered schema, which can not follow: ${problems}.`);
      return registered;
    }
    // First what must not be forgotten: killed after the one and before the other, it is asked for once more.
    if (readAgain) await this.#askToReadAgain(mirror, schema);
    const id = await this.#registry.ensureSubject(subject, schema, compatibility);
    for (const change of changes) this.#log.info({ table, schemaId: id, ...change }, tellChange(table, change));
    return schema;
  }

  async #look(mirror: MirroredTable, registered: RecordSchema): Promise<ReturnType<typeof evolvedSchema>> {
    try {
      return evolvedSchema(registered, await readShape(this.#client, mirror));
    } catch (error) {
      // A table that is away, or has lost its key, is told where its rows are read; others go on.
      if (!(error instanceof Fault) || error.kind !== 'misconfigured') throw error;
      return { schema: registered, changes: [], readAgain: false };
    }
  }

  async #askToReadAgain(mirror: MirroredTable, schema: RecordSchema): Promise<void> {
    const table = tableName(mirror);
    const job = await askForWholeTable(this.#client, this.#source, mirrorRoute(mirror.topic, schema));
    if (job === null) return;
    this.#log.info(
      { table, job },
      `${table} is read again as snapshot ${job}, because its rows have values that no change has told. Nothing is to be done.`,
    );
  }
}
