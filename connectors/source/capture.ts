import type { Position } from '../../avro/position.ts';
import { nowMicros } from '../../runtime/clock.ts';
import type { Batch } from './batch.ts';
import type { CapturedTables } from './captured-tables.ts';
import type { TableRoute } from './contract.ts';
import type { Coverage, Covered } from './coverage.ts';
import { heartbeatTable } from './heartbeat.ts';
import type { IdentityGuard } from './identity-guard.ts';
import type { PgoutputListener, Relation } from './pgoutput.ts';
import { tableName } from './route-columns.ts';
import type { TableWriter, WriterContext } from './table-writer.ts';
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

/**
 * Hears of a message outside of transactions, with the LSN after its last byte; `usable`: what is written now may take
 * the LSNs of its bytes, which no commit has.
 */
export type ReleaseListener = (content: string, lsn: number, usable: boolean) => void;

/** The prefix of our logical messages. */
export const messagePrefix = 'concord';

export interface CaptureParts {
  readonly context: WriterContext;
  readonly gatherer: TransactionGatherer;
  readonly coverage: Coverage;
  readonly xids: XidWidener;
  readonly streamed: XidLog;
  readonly tables: CapturedTables;
}

/** Turns the stream of pgoutput into batches of events, and knows what they cover. All of it is synchronous. */
export class Capture implements PgoutputListener {
  readonly #parts: CaptureParts;
  readonly #checkpoint: Covered;
  readonly #tables: CapturedTables;
  readonly #writers: ReadonlyMap<number, TableWriter>;
  readonly #guards: ReadonlyMap<number, IdentityGuard>;
  /** Relation id → where the token's column stands. */
  readonly #heartbeats = new Map<number, number>();
  #observer: StreamObserver | null = null;
  /** The message that is being taken. */
  #message: { buffer: Buffer; at: number } = { buffer: Buffer.alloc(0), at: 0 };
  #releaseListener: ReleaseListener = () => {};
  #stamp: TransactionStamp | null = null;
  #ordinal = 0;
  /** Changes up to this ordinal are on the topics already; the server sends whole transactions again (P7). */
  #coveredOrdinal = 0;
  #due = false;
  /** What waits for the end of the transaction that is being taken. */
  readonly #waiting: ((at: Position) => void)[] = [];

  constructor(parts: CaptureParts) {
    this.#parts = parts;
    this.#checkpoint = parts.coverage.covered();
    this.#tables = parts.tables;
    this.#writers = parts.tables.writers;
    this.#guards = parts.tables.guards;
  }

  observe(observer: StreamObserver): void {
    this.#observer = observer;
    this.#tables.onParking((route) => observer.truncated(route));
  }

  onRelease(listener: ReleaseListener): void {
    this.#releaseListener = listener;
  }

  received(buffer: Buffer, at: number): void {
    this.#message.buffer = buffer;
    this.#message.at = at;
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
    if (this.#waiting.length > 0 && this.#isBetween()) for (const act of this.#waiting.splice(0)) act(this.#here());
  }

  /** Does it between two source transactions, as soon as may be, and has a progress record written of it. */
  betweenTransactions(act: (at: Position) => void): void {
    const acting = (at: Position): void => {
      act(at);
      this.#parts.gatherer.commitSource(true);
    };
    if (this.#isBetween()) acting(this.#here());
    else this.#waiting.push(acting);
  }

  relation(relation: Relation): void {
    const name = tableName(relation);
    if (name === heartbeatTable) {
      this.#heartbeats.set(
        relation.id,
        relation.columns.findIndex((column) => column.name === 'token'),
      );
    }
    const { generation, lsn } = this.#current();
    this.#tables.announce(relation, this.#message, { generation, lsn, ordinal: this.#ordinal });
  }

  insert(relationId: number, row: Tuple): void {
    this.#ordinal += 1;
    const writer = this.#writers.get(relationId);
    if (writer === undefined) {
      this.#park(relationId, row);
      return;
    }
    this.#observer?.touched(writer, row);
    this.#write((batch, stamp, ordinal) => writer.write(batch, 'create', stamp, ordinal, row));
  }

  update(relationId: number, row: Tuple, old: Tuple | null, oldIsFull: boolean): void {
    this.#ordinal += 1;
    if (this.#guards.size > 0 && this.#guards.get(relationId)?.isUpdateBlind(old) === true) this.#parkBlind(relationId);
    const writer = this.#writers.get(relationId);
    if (writer === undefined) {
      this.#beat(relationId, row);
      this.#park(relationId, row);
      return;
    }
    if (old !== null && oldIsFull) fillUnchanged(row, old);
    else if (old !== null) writer.fillIdentity(row, old);
    this.#observer?.touched(writer, row);
    if (old !== null && writer.isMove(row, old)) this.#observer?.touched(writer, old);
    this.#write((batch, stamp, ordinal) => writer.writeUpdate(batch, stamp, ordinal, row, old));
  }

  delete(relationId: number, old: Tuple): void {
    this.#ordinal += 1;
    if (this.#guards.size > 0 && this.#guards.get(relationId)?.isDeleteBlind(old) === true) this.#parkBlind(relationId);
    const writer = this.#writers.get(relationId);
    if (writer === undefined) {
      this.#park(relationId, old);
      return;
    }
    this.#observer?.touched(writer, old);
    this.#write((batch, stamp, ordinal) => writer.write(batch, 'delete', stamp, ordinal, old));
  }

  truncate(relationIds: readonly number[]): void {
    this.#ordinal += 1;
    for (const id of relationIds) this.#park(id, null);
    const writers = relationIds.flatMap((id) => this.#writers.get(id) ?? []);
    if (writers.length === 0) return;
    for (const writer of writers) this.#observer?.truncated(writer.route);
    this.#write((batch, stamp, ordinal) => {
      for (const writer of writers) writer.writeTruncate(batch, stamp, ordinal);
    });
  }

  message(transactional: boolean, lsn: number, prefix: string, content: Buffer): void {
    if (!transactional) {
      // First what is told at it: a watermark beyond it must not be said before.
      if (prefix === messagePrefix) this.#releaseListener(content.toString('latin1'), lsn, this.#isBetween());
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
    // What was released at a message stands at the positions of its bytes.
    if (!this.#isBetween() || endLsn <= coverage.endLsn || endLsn <= coverage.lsn) return;
    coverage.lsn = endLsn - 1;
    coverage.ordinal = 0;
    coverage.endLsn = endLsn;
    gatherer.commitSource(true);
  }

  #here(): Position {
    const { generation, lsn, ordinal } = this.#parts.coverage;
    return { generation, lsn, ordinal };
  }

  /** Whether everything up to here is told, and no transaction is being taken. */
  #isBetween(): boolean {
    return this.#stamp === null && this.#parts.coverage.complete;
  }

  /** What is covered is told already, whatever it was told as. */
  #parkBlind(relationId: number): void {
    if (this.#ordinal <= this.#coveredOrdinal) return;
    const { generation, lsn } = this.#current();
    this.#tables.parkBlind(relationId, { generation, lsn, ordinal: this.#ordinal - 1 });
  }

  /** A change of a parked table goes to the parked topic as it came. */
  #park(relationId: number, row: Tuple | null): void {
    const { generation, lsn } = this.#current();
    const writer = this.#tables.parkedWriter(relationId, { generation, lsn, ordinal: this.#ordinal - 1 });
    if (writer === undefined) return;
    this.#write((batch, stamp, ordinal) => writer.write(batch, stamp, ordinal, this.#message, row));
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
