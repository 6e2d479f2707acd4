import type { TableRoute } from './contract.ts';
import { tableName } from './route-columns.ts';
import type { TableWriter } from './table-writer.ts';
import type { Tuple } from './tuple.ts';

/** A window that was touched more often than this gives its chunk up: it is read again, after the flood. */
const touchedKeysMax = 50_000;

/** Which rows of a table had an event since the low watermark. */
export class ChunkWindow {
  readonly #table: string;
  readonly #keys = new Set<string>();
  /** Those with an event that left a large value out. */
  readonly #partial = new Set<string>();
  /** The whole chunk is void: the table was truncated, or too much happened to be remembered. */
  void = false;

  constructor(table: string) {
    this.#table = table;
  }

  touched(writer: TableWriter, row: Tuple): void {
    if (this.void || tableName(writer.route) !== this.#table) return;
    const key = writer.primaryKeyOf(row);
    this.#keys.add(key);
    if (writer.isPartial(row)) this.#partial.add(key);
    if (this.#keys.size > touchedKeysMax) this.#giveUp();
  }

  truncated(route: TableRoute): void {
    if (tableName(route) === this.#table) this.#giveUp();
  }

  has(writer: TableWriter, row: Tuple): boolean {
    return this.#keys.size > 0 && this.#keys.has(writer.primaryKeyOf(row));
  }

  /** Whether the events of the row may not have told all of it, and nobody may have the rest. */
  isPartial(writer: TableWriter, row: Tuple): boolean {
    return this.#partial.size > 0 && this.#partial.has(writer.primaryKeyOf(row));
  }

  #giveUp(): void {
    this.void = true;
    this.#keys.clear();
    this.#partial.clear();
  }
}
