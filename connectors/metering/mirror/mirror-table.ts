import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../../avro/envelope.ts';
import { itemText } from '../../../avro/item-text.ts';
import { itemFields, presentType, type RecordSchema, type SchemaField } from '../../../avro/schemas.ts';
import { Fault } from '../../../runtime/fault.ts';
import { readTable } from '../../source/table-catalog.ts';
import { type MirrorStatements, statementsOf } from './mirror-statements.ts';
import { mirrorStoreSchema, storedTable } from './store-table.ts';

/** The row of one key: its columns as PostgreSQL's text, and those whose value the source did not send. */
export interface MirrorRow {
  readonly values: readonly (string | null)[];
  readonly unsent: readonly string[];
}

/** A mirrored table in the store, as a lane works with it. */
export class MirrorTable {
  readonly topic: string;
  /** That it was opened with. */
  readonly schema: RecordSchema;
  readonly statements: MirrorStatements;
  readonly #fields: readonly SchemaField[];
  readonly #names: readonly string[];
  readonly #isDouble: readonly boolean[];
  readonly #key: readonly number[];

  private constructor(
    topic: string,
    schema: RecordSchema,
    names: readonly string[],
    key: readonly string[],
    statements: MirrorStatements,
  ) {
    const fields = itemFields(schema);
    this.topic = topic;
    this.schema = schema;
    this.statements = statements;
    this.#fields = fields;
    this.#names = names;
    this.#isDouble = fields.map(({ type }) => presentType(type) === 'double');
    this.#key = key.map((name) => names.indexOf(name));
  }

  /** Throws a Fault if the store does not have the table with these columns. */
  static async open(client: ClientBase, topic: string, schema: RecordSchema): Promise<MirrorTable> {
    const { current, history, columns, key } = storedTable(schema, () => true);
    const [, name = ''] = /^\w+\."(.*)"$/su.exec(current) ?? [];
    const found = await readTable(client, mirrorStoreSchema, name.replaceAll('""', '"'));
    const there = columns.map((column) => found?.columns.find((one) => one.name === column.name));
    const missing = columns.filter((_, index) => there[index] === undefined).map((column) => column.name);
    if (missing.length > 0) {
      throw new Fault(
        'misconfigured',
        'MIRROR_TABLE_MISSING',
        found === null
          ? `The store has no table ${current} for ${topic}. Run \`concord init\`.`
          : `The store's table ${current} lacks the columns ${missing.join(', ')}, which ${topic} has. Run \`concord init\`.`,
        { topic },
      );
    }
    const known = there.filter((column) => column !== undefined);
    const names = columns.map((column) => column.name);
    return new MirrorTable(topic, schema, names, key, statementsOf({ current, history, columns: known, key }));
  }

  /** The event's row, with what the source did not send taken from the one before it. */
  rowOf(event: DecodedEvent, previous: MirrorRow | null): MirrorRow {
    const unsent: string[] = [];
    const values = this.#fields.map((field, index) => {
      const text = textOf(event, field);
      if (text !== null) return text;
      const column = this.#names[index] ?? '';
      if (event.unchanged.includes(field.name)) {
        if (previous !== null && !previous.unsent.includes(column)) return previous.values[index] ?? null;
        unsent.push(column);
      } else if (field.name in event.invalid) unsent.push(column);
      return null;
    });
    return { values, unsent };
  }

  keyOfEvent(event: DecodedEvent): readonly (string | null)[] {
    return this.#key.map((column) => {
      const field = this.#fields[column];
      return field === undefined ? null : textOf(event, field);
    });
  }

  /** A row of the statement `load`, after its key's number and position. */
  loadedRow(texts: readonly (string | null)[], unsent: string | null): MirrorRow {
    const values = texts.map((text, index) =>
      text !== null && this.#isDouble[index] === true ? itemText('double', Number(text)) : text,
    );
    return { values, unsent: unsent === null ? [] : (JSON.parse(unsent) as string[]) };
  }

  keyOf(row: MirrorRow): readonly (string | null)[] {
    return this.#key.map((column) => row.values[column] ?? null);
  }
}

/** What the event says of an item, as PostgreSQL's text; null for NULL, and for what did not travel. */
function textOf(event: DecodedEvent, { name, type, postgres }: SchemaField): string | null {
  const value = event[name];
  if (value !== null && value !== undefined) return itemText(type, value);
  const text = event.invalid[name];
  // A record from before the column was added: its row has in it what the column began with.
  if (value === undefined && text === undefined) return postgres?.missing ?? null;
  // An item that holds any text holds this one, too: it is there only because the value was too large to travel.
  const present = presentType(type);
  return text === undefined || present === 'string' || present === 'bytes' ? null : text;
}
