import { nowMicros } from '../../runtime/clock.ts';
import type { Batch } from './batch.ts';
import type { TableRoute } from './contract.ts';
import type { Coverage, Covered } from './coverage.ts';
import { heartbeatTable } from './heartbeat.ts';
import type { PgoutputListener, Relation } from './pgoutput.ts';
import { tableName } from './route-columns.ts';
import { TableWriter, type WriterContext } from './table-writer.ts';
import type { TransactionGatherer } from './transactions.ts';
import type { TransactionStamp } from './transcoder.ts';
import { fillUnchanged, type Tuple } from './tuple.ts';
import type { XidLog } from './xid-log.ts';
import type { XidWidener } from './xid.ts';

/** What snapshot chunks need to see of the stream, in its order. */
export interface StreamObserver {
  touched(writer: TableWriter, row: Tuple): void;
  truncated(route: TableRoute): void;
  /** A logical message of ours: rows written now take its position. */
  marked(content: string, writeRows: (write: RowsWriter) => void): void;
}

export type RowsWriter = (batch: Batch, stamp: TransactionStamp, ordinal: number) => void;

/** The prefix of our logical messages. */
export const messagePrefix = 'concord';

export interface CaptureParts {
  readonly context: WriterContext;
  readonly gatherer: TransactionGatherer;
  readonly coverage: Coverage;
  readonly xids: XidWidener;
  readonly streamed: XidLog;
}

/** Turns the stream of pgoutput into batches of events, and knows what they cover. All of it is synchronous. */
export class Capture implements PgoutputListener {
  readonly #parts: CaptureParts;
  readonly #checkpoint: Covered;
  readonly #routes: ReadonlyMap<string, TableRoute>;
  readonly #writers = new Map<number, TableWriter>();
  /** Relation id → where the token's column stands. */
  readonly #heartbeats = new Map<number, number>();
  #observer: StreamObserver | null = null;
  #stamp: TransactionStamp | null = null;
  #ordinal = 0;
  /** Changes up to this ordinal are on the topics already; the server sends whole transactions again (P7). */
  #coveredOrdinal = 0;
  #due = false;

  constructor(parts: CaptureParts) {
    this.#parts = parts;
    this.#checkpoint = parts.coverage.covered();
    this.#routes = new Map(parts.context.settings.routes.map((route) => [tableName(route), route]));
  }

  observe(observer: StreamObserver): void {
    this.#observer = observer;
  }

  begin(lsn: number, committedAt: number, xid: number): void {
    const { coverage, xids, gatherer } = this.#parts;
    const { position, complete } = this.#checkpoint;
    if (lsn < position.lsn || (lsn === position.lsn && complete)) this.#coveredOrdinal = Number.POSITIVE_INFINITY;
    else this.#coveredOrdinal = lsn === position.lsn ? position.ordinal : 0;
    this.#stamp = {
      generation: position.generation,
      lsn,
      xid: xids.widen(xid),
      committedAt,
      sourceTime: Math.max(coverage.sourceTime, committedAt),
      createdAt: nowMicros(),
    };
    this.#ordinal = 0;
    // The rest of a transaction that was cut must be told even if nothing of it is new.
    this.#due = !coverage.complete;
    gatherer.beginSource();
  }

  commit(_commitLsn: number, endLsn: number): void {
    const { coverage, gatherer, streamed } = this.#parts;
    streamed.add(this.#current().xid);
    if (this.#coveredOrdinal !== Number.POSITIVE_INFINITY) {
      this.#cover(this.#ordinal, true);
      coverage.endLsn = endLsn;
      gatherer.commitSource(this.#due);
    }
    this.#stamp = null;
  }

  relation(relation: Relation): void {
    const name = tableName(relation);
    const columns = relation.columns.map((column) => column.name);
    if (name === heartbeatTable) this.#heartbeats.set(relation.id, columns.indexOf('token'));
    const route = this.#routes.get(name);
    // What is published but not routed passes by: it is counted by the ordinal only.
    if (route !== undefined) this.#writers.set(relation.id, new TableWriter(route, columns, this.#parts.context));
  }

  insert(relationId: number, row: Tuple): void {
    this.#ordinal += 1;
    const writer = this.#writers.get(relationId);
    if (writer === undefined) return;
    this.#observer?.touched(writer, row);
    this.#write((batch, stamp, ordinal) => writer.write(batch, 'create', stamp, ordinal, row));
  }

  update(relationId: number, row: Tuple, old: Tuple | null, oldIsFull: boolean): void {
    this.#ordinal += 1;
    const writer = this.#writers.get(relationId);
    if (writer === undefined) {
      this.#beat(relationId, row);
      return;
    }
    if (old !== null && oldIsFull) fillUnchanged(row, old);
    else if (old !== null) writer.fillIdentity(row, old);
    this.#observer?.touched(writer, row);
    if (old === null || !writer.isMove(row, old)) {
      this.#write((batch, stamp, ordinal) => writer.write(batch, 'update', stamp, ordinal, row));
      return;
    }
    this.#observer?.touched(writer, old);
    this.#write((batch, stamp, ordinal) => {
      // Linked by their position; the delete is first, so that the new row is what stays.
      writer.write(batch, 'delete', stamp, ordinal, old);
      writer.write(batch, 'create', stamp, ordinal, row);
      // Nobody has a row of the new key to take a large value from.
      if (writer.isPartial(row)) writer.readAgain(batch, row);
    });
  }

  delete(relationId: number, old: Tuple): void {
    this.#ordinal += 1;
    const writer = this.#writers.get(relationId);
    if (writer === undefined) return;
    this.#observer?.touched(writer, old);
    this.#write((batch, stamp, ordinal) => writer.write(batch, 'delete', stamp, ordinal, old));
  }

  truncate(relationIds: readonly number[]): void {
    this.#ordinal += 1;
    const writers = relationIds.flatMap((id) => this.#writers.get(id) ?? []);
    if (writers.length === 0) return;
    for (const writer of writers) this.#observer?.truncated(writer.route);
    this.#write((batch, stamp, ordinal) => {
      for (const writer of writers) writer.writeTruncate(batch, stamp, ordinal);
    });
  }

  message(transactional: boolean, lsn: number, prefix: string, content: Buffer): void {
    if (!transactional) {
      this.coverIdle(lsn);
      return;
    }
    this.#ordinal += 1;
    if (prefix !== messagePrefix) return;
    this.#observer?.marked(content.toString('utf8'), (write) => this.#write(write));
    this.#due = true;
  }

  /**
   * Between transactions, the server has sent everything that was committed before `endLsn`. The position is the byte
   * before it: a commit record may start at `endLsn` itself, and is not covered.
   */
  coverIdle(endLsn: number): void {
    const { coverage, gatherer } = this.#parts;
    if (this.#stamp !== null || !coverage.complete || endLsn <= coverage.endLsn) return;
    coverage.lsn = endLsn - 1;
    coverage.ordinal = 0;
    coverage.endLsn = endLsn;
    gatherer.commitSource(true);
  }

  #beat(relationId: number, row: Tuple): void {
    const column = this.#heartbeats.get(relationId);
    if (column === undefined) return;
    this.#parts.coverage.heartbeatToken = Number(row.text(column));
    this.#due = true;
  }

  #write(write: RowsWriter): void {
    if (this.#ordinal <= this.#coveredOrdinal) return;
    const { gatherer } = this.#parts;
    const { batch } = gatherer;
    const { records, bytes } = batch;
    const stamp = this.#current();
    write(batch, stamp, this.#ordinal);
    this.#cover(this.#ordinal, false);
    this.#due = true;
    if (gatherer.wroteEvent(records, bytes)) this.#stamp = { ...stamp, createdAt: nowMicros() };
  }

  #cover(ordinal: number, complete: boolean): void {
    const { coverage } = this.#parts;
    const stamp = this.#current();
    coverage.lsn = stamp.lsn;
    coverage.ordinal = ordinal;
    coverage.complete = complete;
    coverage.xid = stamp.xid;
    coverage.sourceTime = stamp.sourceTime;
  }

  #current(): TransactionStamp {
    if (this.#stamp === null) throw new RangeError('pgoutput sent a change outside a transaction');
    return this.#stamp;
  }
}
