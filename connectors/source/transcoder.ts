import type { FieldType, RecordSchema, SchemaField } from '../../avro/schemas.ts';
import { Fault } from '../../runtime/fault.ts';
import { copyBytes, encodedString, writeBytes, writeLong } from './avro-bytes.ts';
import { codecOf } from './item-codec.ts';
import { unfit, writeText } from './text-to-avro.ts';
import { isTooLarge, isUnchanged, type Tuple } from './tuple.ts';

/** What all events of a source transaction (or of a part of it) have in common. Times are epoch microseconds. */
export interface TransactionStamp {
  readonly generation: number;
  readonly lsn: number;
  readonly xid: number;
  readonly committedAt: number;
  readonly sourceTime: number;
  readonly createdAt: number;
}

/** Where the columns of the tuples stand, and what they are called on the topic. */
export interface RowLayout {
  readonly columns: readonly string[];
  /** Column → item. */
  readonly items: Readonly<Record<string, string>>;
  readonly correlationColumn: string | null;
}

export interface TranscoderSettings {
  readonly schemaId: number;
  readonly schema: RecordSchema;
  readonly layout: RowLayout;
  readonly sourceName: string;
  readonly senderId: string;
}

type FieldWriter = (out: Buffer, at: number, row: Tuple) => number;

interface InvalidItem {
  readonly column: number;
  readonly name: Buffer;
}

/** No type is longer in Avro than its text, but for what is reserved per field; a value may be item and correlation id. */
const bytesPerTextByte = 2;

/**
 * Turns rows of one table into events of one schema, text to Avro bytes in one pass. Compiled once per relation and
 * schema: a list of small functions, one per field in the schema's order.
 */
export class Transcoder {
  readonly #writers: readonly FieldWriter[];
  readonly #fixedBytesMax: number;
  readonly #absent: readonly InvalidItem[];
  readonly #invalid: InvalidItem[] = [];
  readonly #unchanged: Buffer[] = [];
  /** Items whose text stands in `invalid` and not in the row. */
  readonly #told: { readonly name: Buffer; readonly text: Buffer }[] = [];
  #recordType: Buffer = Buffer.alloc(0);
  #ordinal = 0;
  #stamp: TransactionStamp | null = null;
  readonly #createdAt = new StampedBytes();
  readonly #beforeOrdinal = new StampedBytes();
  readonly #afterOrdinal = new StampedBytes();

  constructor(settings: TranscoderSettings) {
    const { layout, schema } = settings;
    // What was invalid is known only after the items are written.
    if (
      schema.fields
        .slice(-2)
        .map((field) => field.name)
        .join() !== 'invalid,unchanged'
    ) {
      throw new Fault(
        'misconfigured',
        'SCHEMA_UNSUITABLE',
        `The schema ${schema.name} does not end with the fields invalid and unchanged.`,
      );
    }
    const mapped = new Map(
      layout.columns.flatMap((column, index) => {
        const item = layout.items[column];
        return item === undefined ? [] : [[item, index] as const];
      }),
    );
    this.#writers = [
      constantWriter(wirePrefix(settings.schemaId)),
      ...schema.fields.map((field) => this.#writerOf(field, settings, mapped)),
    ];
    this.#absent = [...mapped]
      .filter(([item]) => schema.fields.every((field) => field.name !== item))
      .map(([item, column]) => ({ column, name: encodedString(item) }));
    const names = [...mapped.keys()].reduce((sum, item) => sum + Buffer.byteLength(item) + 16, 0);
    const missing = schema.fields.reduce((sum, field) => sum + (field.postgres?.missing ?? '').length * 4 + 16, 0);
    this.#fixedBytesMax =
      256 +
      missing +
      2 * names +
      settings.senderId.length * 4 +
      settings.sourceName.length * 4 +
      schema.fields.length * 64;
  }

  /** No event of a row with so many bytes of text is longer. */
  bytesMax(textBytes: number): number {
    return this.#fixedBytesMax + textBytes * bytesPerTextByte;
  }

  /** `recordType` is an encoded string. Returns the offset after the event. */
  write(out: Buffer, at: number, recordType: Buffer, stamp: TransactionStamp, ordinal: number, row: Tuple): number {
    if (stamp !== this.#stamp) this.#newStamp(stamp);
    this.#recordType = recordType;
    this.#ordinal = ordinal;
    let cursor = at;
    for (const writer of this.#writers) cursor = writer(out, cursor, row);
    return cursor;
  }

  #newStamp(stamp: TransactionStamp): void {
    this.#stamp = stamp;
    this.#createdAt.set([stamp.createdAt]);
    this.#beforeOrdinal.set([stamp.generation, stamp.lsn]);
    this.#afterOrdinal.set([stamp.xid, stamp.committedAt, stamp.sourceTime]);
  }

  #writerOf(field: SchemaField, settings: TranscoderSettings, mapped: ReadonlyMap<string, number>): FieldWriter {
    switch (field.name) {
      case 'recordType':
        return (out, at) => copyBytes(out, at, this.#recordType, 0, this.#recordType.length);
      case 'senderId':
        return constantWriter(encodedString(settings.senderId));
      case 'createdAt':
        return (out, at) => this.#createdAt.copy(out, at);
      case 'correlationId':
        return correlationWriter(settings.layout);
      case 'source':
        return this.#sourceWriter(field, settings.sourceName);
      case 'invalid':
        return (out, at, row) => this.#writeInvalid(out, at, row);
      case 'unchanged':
        return (out, at) => this.#writeUnchanged(out, at);
      default:
        return this.#itemWriter(field, mapped.get(field.name));
    }
  }

  #sourceWriter(field: SchemaField, sourceName: string): FieldWriter {
    const order = recordFieldNames(field.type).join();
    if (order !== 'name,generation,lsn,ordinal,xid,committedAt,sourceTime') {
      throw new Fault(
        'misconfigured',
        'SCHEMA_UNSUITABLE',
        `The schema's field source has the fields ${order}, which this version does not write.`,
      );
    }
    const name = encodedString(sourceName);
    return (out, at) => {
      let cursor = copyBytes(out, at, name, 0, name.length);
      cursor = this.#beforeOrdinal.copy(out, cursor);
      cursor = writeLong(out, cursor, this.#ordinal);
      return this.#afterOrdinal.copy(out, cursor);
    };
  }

  #itemWriter(field: SchemaField, column: number | undefined): FieldWriter {
    const { codec, nullByte, valueByte } = codecOf(field);
    if (column === undefined) return this.#missingWriter(field);
    const name = encodedString(field.name);
    const invalidItem = { column, name };
    return (out, at, row) => {
      const length = row.lengths[column] ?? 0;
      if (length >= 0) {
        out[at] = valueByte;
        const end = codec(out, at + 1, row.buffer, row.starts[column] ?? 0, length);
        if (end !== unfit) return end;
        this.#invalid.push(invalidItem);
      } else if (length === isUnchanged) {
        this.#unchanged.push(name);
      } else if (length === isTooLarge) {
        this.#told.push({ name, text: encodedString(`VALUE_TOO_LARGE: ${row.starts[column] ?? 0} bytes`) });
      }
      out[at] = nullByte;
      return at + 1;
    };
  }

  /** A row from before the column was added has in it what the column began with; any other column is empty. */
  #missingWriter(field: SchemaField): FieldWriter {
    const { codec, nullByte, valueByte } = codecOf(field);
    const { missing, dropped } = field.postgres ?? {};
    if (missing === undefined || dropped === true) return constantWriter(Buffer.from([nullByte]));
    const text = Buffer.from(missing);
    const bytes = Buffer.alloc(16 + text.length * bytesPerTextByte, valueByte);
    const end = codec(bytes, 1, text, 0, text.length);
    if (end !== unfit) return constantWriter(bytes.subarray(0, end));
    const invalid = { name: encodedString(field.name), text: encodedString(missing) };
    return (out, at) => {
      this.#told.push(invalid);
      out[at] = nullByte;
      return at + 1;
    };
  }

  /** A map of item to text: what did not fit its type, and what the row has but this flow has not. */
  #writeInvalid(out: Buffer, at: number, row: Tuple): number {
    for (const item of this.#absent) {
      if (row.length(item.column) >= 0) this.#invalid.push(item);
    }
    let cursor = at;
    if (this.#invalid.length + this.#told.length > 0) {
      cursor = writeLong(out, cursor, this.#invalid.length + this.#told.length);
      for (const { name, text } of this.#told) {
        cursor = copyBytes(out, cursor, name, 0, name.length);
        cursor = copyBytes(out, cursor, text, 0, text.length);
      }
      this.#told.length = 0;
      for (const { column, name } of this.#invalid) {
        cursor = copyBytes(out, cursor, name, 0, name.length);
        cursor = writeBytes(out, cursor, row.buffer, row.start(column), row.length(column));
      }
      this.#invalid.length = 0;
    }
    out[cursor] = 0;
    return cursor + 1;
  }

  #writeUnchanged(out: Buffer, at: number): number {
    let cursor = at;
    if (this.#unchanged.length > 0) {
      cursor = writeLong(out, cursor, this.#unchanged.length);
      for (const name of this.#unchanged) cursor = copyBytes(out, cursor, name, 0, name.length);
      this.#unchanged.length = 0;
    }
    out[cursor] = 0;
    return cursor + 1;
  }
}

/** Longs that are the same for a whole transaction, encoded once. */
class StampedBytes {
  readonly #bytes = Buffer.alloc(40);
  #length = 0;

  set(values: readonly number[]): void {
    let at = 0;
    for (const value of values) at = writeLong(this.#bytes, at, value);
    this.#length = at;
  }

  copy(out: Buffer, at: number): number {
    return copyBytes(out, at, this.#bytes, 0, this.#length);
  }
}

/** Confluent's wire format: a zero, then the schema's id in four bytes. */
function wirePrefix(schemaId: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(schemaId, 1);
  return prefix;
}

function constantWriter(bytes: Buffer): FieldWriter {
  return (out, at) => copyBytes(out, at, bytes, 0, bytes.length);
}

/** A nullable string, null first. */
function correlationWriter(layout: RowLayout): FieldWriter {
  const column = layout.correlationColumn === null ? -1 : layout.columns.indexOf(layout.correlationColumn);
  if (column < 0) return constantWriter(Buffer.from([0]));
  return (out, at, row) => {
    const length = row.length(column);
    out[at] = length < 0 ? 0 : 2;
    return length < 0 ? at + 1 : writeText(out, at + 1, row.buffer, row.start(column), length);
  };
}

function recordFieldNames(type: FieldType): readonly string[] {
  return typeof type === 'object' && 'type' in type && type.type === 'record'
    ? type.fields.map((field) => field.name)
    : [];
}
