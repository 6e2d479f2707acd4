import type pg from 'pg';
import type { Logger } from 'pino';
import type { FetchWriterSchema } from '../../avro/codec.ts';
import type { SchemaRegistry } from '../../avro/registry.ts';
import { parseForeignSchema, type RecordSchema } from '../../avro/schemas.ts';
import { fitStore } from '../../connectors/metering/mirror/fit-store.ts';
import { mirrorsOf, newestSchema } from '../mirrors.ts';
import type { Settings } from '../settings.ts';

/**
 * The mirrored tables of a sink that runs. Their schemas change while it does: when the first record of a new one is
 * about to be decoded, the store's table gets the shape that the source has, and every lane opens it anew.
 */
export class LiveMirrors {
  /** Topic → the newest schema. */
  readonly schemas = new Map<string, RecordSchema>();
  readonly #settings: Settings;
  readonly #registry: SchemaRegistry;
  readonly #pool: pg.Pool;
  readonly #log: Logger;

  constructor(settings: Settings, registry: SchemaRegistry, pool: pg.Pool, log: Logger) {
    this.#settings = settings;
    this.#registry = registry;
    this.#pool = pool;
    this.#log = log;
  }

  /** A table that nobody has registered yet has no records either: it is known when the first one comes. */
  async open(): Promise<void> {
    for (const { topic } of mirrorsOf(this.#settings)) await this.#follow(topic);
  }

  /** Fetches a writer's schema, and sees to it that the store can take what was written with it. */
  through(fetch: FetchWriterSchema): FetchWriterSchema {
    return async (id) => {
      const text = await fetch(id);
      const place = text === null ? undefined : parseForeignSchema(text)?.postgres;
      const mirror = mirrorsOf(this.#settings).find(
        ({ schema, table }) => schema === place?.schema && table === place.table,
      );
      if (mirror !== undefined) await this.#follow(mirror.topic);
      return text;
    };
  }

  async #follow(topic: string): Promise<void> {
    const newest = await newestSchema(this.#registry, topic);
    if (newest === null || JSON.stringify(newest) === JSON.stringify(this.schemas.get(topic))) return;
    await fitStore(this.#pool, newest, this.#log);
    this.schemas.set(topic, newest);
  }
}
