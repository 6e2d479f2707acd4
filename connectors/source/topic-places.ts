import { type DecodedEvent, truncateKey } from '../../avro/envelope.ts';
import { itemText } from '../../avro/item-text.ts';
import { partitionName } from '../../avro/progress.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import type { SourceSettings, TableRoute } from './contract.ts';
import { identifyingColumns } from './route-columns.ts';
import { topicsOf } from './topic-partitions.ts';

/** What identifies a row, as the text of each identifying column. */
export type Place = readonly (string | null)[];

/**
 * Which rows receivers believe to be there, from the events of the topics: where a row was told last and not deleted.
 * A row that moved to another key or topic was deleted at the old place, so each partition speaks for itself.
 */
export class TopicPlaces {
  readonly #routes = new Map<string, TableRoute>();
  readonly #schemaOf: (topic: string) => RecordSchema;
  /** The partition's name → place → its parts. */
  readonly #places = new Map<string, Map<string, Place>>();
  /** Topic → events, as progress counts them. */
  readonly captured = new Map<string, number>();
  generation = 0;
  sourceTime = 0;

  constructor(settings: Pick<SourceSettings, 'routes'>, schemaOf: (topic: string) => RecordSchema) {
    this.#schemaOf = schemaOf;
    for (const route of settings.routes) for (const topic of topicsOf(route)) this.#routes.set(topic, route);
  }

  get topics(): readonly string[] {
    return [...this.#routes.keys()];
  }

  take(topic: string, partition: number, key: string, event: DecodedEvent): void {
    const route = this.#routes.get(topic);
    if (route === undefined) return;
    this.generation = Math.max(this.generation, event.source.generation);
    this.sourceTime = Math.max(this.sourceTime, event.source.sourceTime);
    // A truncate is on every partition, and counts once.
    if (key !== truncateKey || partition === 0) this.captured.set(topic, (this.captured.get(topic) ?? 0) + 1);
    const name = partitionName(topic, partition);
    const places = this.#places.get(name) ?? new Map<string, Place>();
    this.#places.set(name, places);
    if (key === truncateKey) {
      places.clear();
      return;
    }
    const place = this.#placeOf(route, topic, event);
    const text = JSON.stringify(place);
    if (event.recordType === 'delete') places.delete(text);
    else places.set(text, place);
  }

  /** The places of a table's rows, over all its topics. */
  of(route: TableRoute): readonly Place[] {
    return [...this.#places].flatMap(([name, places]) =>
      this.#routes.get(name.slice(0, name.lastIndexOf('/'))) === route ? [...places.values()] : [],
    );
  }

  #placeOf(route: TableRoute, topic: string, event: DecodedEvent): Place {
    const { fields } = this.#schemaOf(topic);
    return identifyingColumns(route).map((column) => {
      const item = route.items[column] ?? column;
      const text = event.invalid[item];
      if (text !== undefined) return text;
      const value = event[item] ?? null;
      const field = fields.find(({ name }) => name === item);
      return value === null || field === undefined ? null : itemText(field.type, value);
    });
  }
}
