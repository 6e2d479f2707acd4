import { encodeEvent, schemaIdOf } from '../avro/codec.ts';
import type { DecodedEvent } from '../avro/envelope.ts';
import type { SourceSettings } from '../connectors/source/contract.ts';
import { findGap, type HealParts, type Healing, healSource } from '../connectors/source/heal.ts';
import type { TopicPlaces } from '../connectors/source/topic-places.ts';
import { createLog } from '../runtime/log.ts';
import { clientConfigOf, type DatabaseSettings } from '../runtime/postgres.ts';
import type { FetchedBatch } from '../topics/contract.ts';
import { openPublisher } from '../topics/publisher.ts';
import { readWholeTopics } from '../topics/whole-topics.ts';
import { type Decoders, decodersOf, kafkaOf, registryOf } from './connections.ts';
import { exit, print, printJson, UsageError } from './output.ts';
import { readProgressOf } from './progress.ts';
import { generatedSchemas } from './generated-schemas.ts';
import { noGenerated } from './mirrors.ts';
import type { Settings } from './settings.ts';
import { schemasOfSource } from './sides/legs.ts';

export interface HealPlace {
  readonly source: SourceSettings;
  readonly database: DatabaseSettings;
}

/** `concord snapshot --heal [SOURCE]`: heals the source that has stopped at a gap; with `plan` only says which. */
export async function heal(
  settings: Settings,
  places: readonly HealPlace[],
  wanted: string | undefined,
  options: { readonly plan?: boolean; readonly json?: boolean },
): Promise<void> {
  const chosen = places.filter(({ source }) => wanted === undefined || source.name === wanted);
  if (chosen.length === 0) {
    throw new UsageError(
      `There is no source ${wanted ?? ''}. There are ${places.map(({ source }) => source.name).join(', ')}.`,
    );
  }
  const told: unknown[] = [];
  const say = (text: string): void => {
    if (options.json !== true) print(text);
  };
  for (const { source, database } of chosen) {
    await withHealParts(settings, source, database, async (parts) => {
      const gap = await findGap(source, parts);
      if (gap === null) {
        say(`The source ${source.name} has no gap: there is nothing to heal.`);
        told.push({ source: source.name, cause: null });
        return;
      }
      say(`${gap.code}: ${gap.message}`);
      if (options.plan === true) {
        told.push({ source: source.name, cause: gap.code, ...gap.context });
        process.exitCode = exit.found;
        return;
      }
      say('A new slot is made, and what the topics hold is compared with the tables …');
      const healing = await healSource(source, parts);
      if (healing === null) return;
      told.push({ source: source.name, ...healing });
      sayHealed(source.name, healing, say);
    });
  }
  if (options.json === true) printJson(told);
}

function sayHealed(source: string, { generation, deletes }: Healing, say: (text: string) => void): void {
  const rows = Object.entries(deletes).map(([table, count]) => `${count.toLocaleString('en-GB')} of ${table}`);
  say(
    `The source ${source} is in generation ${generation} now. Deletes told: ${rows.length === 0 ? 'none' : rows.join(', ')}.`,
  );
  say(
    'It reads all its tables again as soon as it starts, which it does by itself within a minute; `concord status` shows it.',
  );
  say(
    'What happened in the gap to rows that are there again, or were there for a while only, can not be had any more.',
  );
}

async function withHealParts(
  settings: Settings,
  source: SourceSettings,
  database: DatabaseSettings,
  act: (parts: HealParts) => Promise<void>,
): Promise<void> {
  const registry = registryOf(settings);
  try {
    const kafka = kafkaOf(settings, `${source.name}-heal`, createLog('heal', 'warn'));
    const generated = source.name === settings.registration.name ? await generatedSchemas(settings) : noGenerated;
    const decoders = decodersOf(settings, registry, generated);
    const { schemaOf, schemaIdOf: idOf } = await schemasOfSource(settings, source.name, registry, generated);
    await act({
      database: clientConfigOf(database, 'concord heal'),
      openPublisher: () => openPublisher(kafka, { transactionalId: source.transactionalId }),
      readProgress: () => readProgressOf(source.name, kafka, decoders.progress),
      encodeProgress: (record) => encodeEvent(schemaOf(source.progressTopic), idOf(source.progressTopic), record),
      schemaOf,
      schemaIdOf: idOf,
      readTopics: async (places) => {
        const reading = new PlaceReading(places, decoders.event);
        const ends = await readWholeTopics(kafka, places.topics, (batch) => reading.take(batch));
        await reading.end();
        return ends;
      },
    });
  } finally {
    registry.close();
  }
}

/** Decodes at once, but where a writer's schema must be fetched first: then what follows waits for it. */
class PlaceReading {
  readonly #places: TopicPlaces;
  readonly #decoder: Decoders['event'];
  readonly #known = new Set<number>();
  #waiting: Promise<void> | null = null;

  constructor(places: TopicPlaces, decoder: Decoders['event']) {
    this.#places = places;
    this.#decoder = decoder;
  }

  take(batch: FetchedBatch): void {
    const unknown = batch.records.flatMap(({ value }) => {
      const id = value === null ? null : idIn(value);
      return id === null || this.#known.has(id) ? [] : [id];
    });
    if (this.#waiting === null && unknown.length === 0) this.#takeRecords(batch);
    else this.#waiting = this.#takeLater(batch, new Set(unknown), this.#waiting);
  }

  async end(): Promise<void> {
    await this.#waiting;
  }

  async #takeLater(batch: FetchedBatch, ids: ReadonlySet<number>, before: Promise<void> | null): Promise<void> {
    await before;
    await this.#decoder.prepare(ids);
    for (const id of ids) this.#known.add(id);
    this.#takeRecords(batch);
  }

  #takeRecords({ topic, partition, records }: FetchedBatch): void {
    for (const { key, value } of records) {
      if (value === null) continue;
      const event = this.#decoded(topic, value);
      if (event !== null) this.#places.take(topic, partition, key?.toString('utf8') ?? '', event);
    }
  }

  /** What can not be read is none of ours: receivers have it among their dead letters. */
  #decoded(topic: string, value: Buffer): DecodedEvent | null {
    try {
      return this.#decoder.decode(topic, value);
    } catch {
      return null;
    }
  }
}

function idIn(value: Buffer): number | null {
  try {
    return schemaIdOf(value);
  } catch {
    return null;
  }
}
