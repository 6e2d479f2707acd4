import { truncateKey } from '../../avro/envelope.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { copyBytes, encodedString } from './avro-bytes.ts';
import type { Batch } from './batch.ts';
import type { SourceSettings, TableRoute } from './contract.ts';
import { columnPositions, neededColumns } from './route-columns.ts';
import { topicsOf, type TopicPartitions } from './topic-partitions.ts';
import { Transcoder, type TransactionStamp } from './transcoder.ts';
import { fillColumns, isNull, isTooLarge, isUnchanged, sameValue, Tuple } from './tuple.ts';

export interface WriterContext {
  readonly settings: SourceSettings;
  readonly partitions: ReadonlyMap<string, TopicPartitions>;
  readonly schemaOf: (topic: string) => RecordSchema;
  readonly schemaIdOf: (topic: string) => number;
  /** Topic → events captured, cumulative. */
  readonly captured: Map<string, number>;
}

export type RowChange = 'create' | 'update' | 'delete' | 'read';

const encodedChanges = {
  create: encodedString('create'),
  update: encodedString('update'),
  delete: encodedString('delete'),
  read: encodedString('read'),
  truncate: encodedString('truncate'),
};

/** A record with its envelope stays below the topics' `max.message.bytes`, of which this leaves half a mebibyte. */
const eventTextBytesMax = 7.5 * 1024 * 1024;

const separator = 0x7c;
const backslash = 0x5c;

interface Target {
  readonly partitions: TopicPartitions;
  readonly transcoder: Transcoder;
}

/** Writes the rows of one relation, with its columns in the given order, as events into a batch. */
export class TableWriter {
  readonly route: TableRoute;
  readonly #context: WriterContext;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #otherwise: Target;
  readonly #allTargets: readonly Target[];
  readonly #keyColumns: readonly number[];
  readonly #primaryKey: readonly number[];
  readonly #topicColumn: number;
  /** Columns whose change is a delete and a create, linked (P9). */
  readonly #identifying: readonly number[];
  /** Every column that becomes an item. */
  readonly #itemColumns: readonly number[];
  readonly #columns: readonly string[];
  readonly #recordTypeColumn: number;
  readonly #updateColumn: number;

  constructor(route: TableRoute, columns: readonly string[], context: WriterContext) {
    this.route = route;
    this.#context = context;
    const at = columnPositions(route, columns);
    const { topic, recordType } = route;
    this.#keyColumns = route.messageKey.map(at);
    this.#primaryKey = route.primaryKey.map(at);
    this.#topicColumn = topic.kind === 'by-column' ? at(topic.column) : -1;
    this.#identifying = [...new Set([...this.#primaryKey, ...this.#keyColumns, this.#topicColumn])].filter(
      (one) => one >= 0,
    );
    this.#columns = columns;
    this.#itemColumns = Object.keys(route.items).flatMap((column) => (columns.includes(column) ? [at(column)] : []));
    this.#recordTypeColumn = recordType.kind === 'by-column' ? at(recordType.column) : -1;
    this.#updateColumn = recordType.kind === 'by-column' ? at(recordType.updateColumn) : -1;
    for (const column of neededColumns(route)) at(column);
    const targets = new Map(topicsOf(route).map((name) => [name, this.#target(name, columns)] as const));
    const otherwise = targets.get(topic.kind === 'one' ? topic.topic : topic.otherwise);
    if (otherwise === undefined) throw new RangeError(`${route.entity} has no topic`);
    this.#otherwise = otherwise;
    this.#targets =
      topic.kind === 'one'
        ? new Map()
        : new Map(Object.entries(topic.topics).map(([value, name]) => [value, targets.get(name) ?? otherwise]));
    this.#allTargets = [...targets.values()];
  }

  /** Whether the rows differ in what decides identity, key, partition or topic. */
  isMove(row: Tuple, old: Tuple): boolean {
    return this.#identifying.some((column) => !sameValue(row, old, column));
  }

  /** Takes what decides identity and topic from the old row where the server did not send it again. */
  fillIdentity(row: Tuple, old: Tuple): void {
    fillColumns(row, old, this.#identifying);
  }

  /** Whether the server left an item out because a large value did not change. */
  isPartial(row: Tuple): boolean {
    return this.#itemColumns.some((column) => row.lengths[column] === isUnchanged);
  }

  /** Asks for the row to be read as a whole, after the event that could not tell all of it. */
  readAgain(batch: Batch, row: Tuple): void {
    batch.readAgain(
      this.route,
      this.#primaryKey.map((column) => row.text(column) ?? ''),
    );
  }

  /** The primary key as one string, to be looked up; the same for the same bytes. */
  primaryKeyOf(row: Tuple): string {
    let key = '';
    for (const column of this.#primaryKey) {
      const start = row.start(column);
      key += `${row.buffer.toString('latin1', start, start + Math.max(row.length(column), 0))}\0`;
    }
    return key;
  }

  write(batch: Batch, change: RowChange, stamp: TransactionStamp, ordinal: number, row: Tuple): void {
    const target = this.#targetOf(row);
    const key = this.#writeKey(batch, row);
    const partition = target.partitions.of(key);
    const { slab } = batch;
    let bytes = textBytes(row);
    if (bytes > eventTextBytesMax) bytes = this.#leaveOut(batch, row, bytes);
    slab.reserve(target.transcoder.bytesMax(bytes));
    const end = target.transcoder.write(slab.block, slab.at, this.#recordType(change, row), stamp, ordinal, row);
    batch.add(partition, key, slab.cut(end));
    this.#count(target);
    if (change === 'delete' && this.route.tombstones) batch.add(partition, key, null);
  }

  /** Leaves the largest items out until the rest fits into a record; each is told. Returns the bytes of the rest. */
  #leaveOut(batch: Batch, row: Tuple, bytes: number): number {
    const others = this.#itemColumns.filter((column) => !this.#identifying.includes(column));
    let rest = bytes;
    for (const column of others.toSorted((a, b) => row.length(b) - row.length(a))) {
      if (rest <= eventTextBytesMax) break;
      const length = row.length(column);
      batch.tooLarge.push({ route: this.route, column: this.#columns[column] ?? '', bytes: length });
      row.starts[column] = length;
      row.lengths[column] = isTooLarge;
      rest -= length;
    }
    return rest;
  }

  /** `old`: what the row was, as far as the server tells it; what does not travel again is filled in already. */
  writeUpdate(batch: Batch, stamp: TransactionStamp, ordinal: number, row: Tuple, old: Tuple | null): void {
    if (old === null || !this.isMove(row, old)) {
      this.write(batch, 'update', stamp, ordinal, row);
      return;
    }
    // Linked by their position; the delete is first, so that the new row is what stays.
    this.write(batch, 'delete', stamp, ordinal, old);
    this.write(batch, 'create', stamp, ordinal, row);
    // Nobody has a row of the new key to take a large value from.
    if (this.isPartial(row)) this.readAgain(batch, row);
  }

  /** One record per partition of each topic, with the same identity; each topic counts one. */
  writeTruncate(batch: Batch, stamp: TransactionStamp, ordinal: number): void {
    const nothing = new Tuple();
    nothing.lengths.fill(isNull);
    const key = Buffer.from(truncateKey);
    for (const target of this.#allTargets) {
      const { slab } = batch;
      slab.reserve(target.transcoder.bytesMax(0));
      const end = target.transcoder.write(slab.block, slab.at, encodedChanges.truncate, stamp, ordinal, nothing);
      const value = slab.cut(end);
      for (const partition of target.partitions.all) batch.add(partition, key, value);
      this.#count(target);
    }
  }

  #target(topic: string, columns: readonly string[]): Target {
    const { settings, partitions, schemaOf, schemaIdOf } = this.#context;
    const found = partitions.get(topic);
    if (found === undefined) throw new RangeError(`no partitions of ${topic}`);
    return {
      partitions: found,
      transcoder: new Transcoder({
        schema: schemaOf(topic),
        schemaId: schemaIdOf(topic),
        layout: { columns, items: this.route.items, correlationColumn: this.route.correlationColumn },
        sourceName: settings.name,
        senderId: settings.senderId,
      }),
    };
  }

  #targetOf(row: Tuple): Target {
    if (this.#topicColumn < 0) return this.#otherwise;
    const value = row.text(this.#topicColumn);
    return (value === null ? undefined : this.#targets.get(value)) ?? this.#otherwise;
  }

  #recordType(change: RowChange, row: Tuple): Buffer {
    const { recordType } = this.route;
    if (recordType.kind === 'row-change' || change === 'delete') return encodedChanges[change];
    const ended = change === 'update' ? recordType.updates[row.text(this.#updateColumn) ?? ''] : undefined;
    return encodedString(ended ?? row.text(this.#recordTypeColumn) ?? change);
  }

  #writeKey(batch: Batch, row: Tuple): Buffer {
    const { slab } = batch;
    let bytes = this.#keyColumns.length;
    const isComposed = this.#keyColumns.length > 1;
    for (const column of this.#keyColumns) bytes += Math.max(row.length(column), 0) * (isComposed ? 2 : 1);
    slab.reserve(bytes);
    let at = slab.at;
    for (const [index, column] of this.#keyColumns.entries()) {
      if (index > 0) {
        slab.block[at] = separator;
        at += 1;
      }
      const length = row.length(column);
      if (length <= 0) continue;
      at = isComposed
        ? copyEscaped(slab.block, at, row.buffer, row.start(column), length)
        : copyBytes(slab.block, at, row.buffer, row.start(column), length);
    }
    return slab.cut(at);
  }

  #count(target: Target): void {
    const { captured } = this.#context;
    const { topic } = target.partitions;
    captured.set(topic, (captured.get(topic) ?? 0) + 1);
  }
}

/** A part of a composed key: a separator within it gets a backslash before it, so that no two keys are alike. */
function copyEscaped(out: Buffer, at: number, from: Buffer, start: number, length: number): number {
  let cursor = at;
  for (let index = start; index < start + length; index += 1) {
    const byte = from[index] ?? 0;
    if (byte === separator || byte === backslash) out[cursor++] = backslash;
    out[cursor++] = byte;
  }
  return cursor;
}

function textBytes(row: Tuple): number {
  let bytes = 0;
  for (let column = 0; column < row.count; column += 1) {
    const length = row.lengths[column] ?? 0;
    if (length > 0) bytes += length;
  }
  return bytes;
}
