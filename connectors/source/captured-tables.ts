import type { Logger } from 'pino';
import { formatLsn, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { nowMicros } from '../../runtime/clock.ts';
import type { TableRoute } from './contract.ts';
import type { Coverage } from './coverage.ts';
import type { SettledShapes } from './evolution.ts';
import { IdentityGuard } from './identity-guard.ts';
import { identityNote, lackingRowNote } from './key-judgement.ts';
import type { ParkCode, ParkedTable } from './parked-tables.ts';
import { ParkedTail, ParkedWriter, type RawMessage } from './parked-writer.ts';
import type { Relation } from './pgoutput.ts';
import type { SourceReport } from './report.ts';
import { tableName } from './route-columns.ts';
import type { ShapeBook } from './shape-book.ts';
import { judgeShape, renamedNote, replacedNote, type ShapeNote, type TableShape } from './shape-judgement.ts';
import { TableWriter, type WriterContext } from './table-writer.ts';
import type { Partition } from './topic-partitions.ts';

export interface CapturedTablesParts {
  readonly context: WriterContext;
  readonly coverage: Coverage;
  readonly shapes: ShapeBook;
  /** Mirrored tables whose schema may still follow their shape. */
  readonly settled: SettledShapes;
  readonly report: SourceReport;
  readonly log: Logger;
}

interface Announced {
  readonly relation: Relation;
  /** The RELATION message, copied. */
  readonly message: Buffer;
}

/**
 * What is done with the changes of each relation that the stream has announced: told as events, or parked. Which
 * tables are parked is part of the coverage, so that a progress record says it with the changes it covers.
 */
export class CapturedTables {
  readonly writers = new Map<number, TableWriter>();
  /** Of partitioned tables, whose partitions may have another replica identity than the stream says. */
  readonly guards = new Map<number, IdentityGuard>();
  readonly #parked = new Map<number, ParkedWriter>();
  /** Announced with a shape that did not fit, and the table fits by now: what comes next is announced anew. */
  readonly #outdated = new Set<number>();
  readonly #parts: CapturedTablesParts;
  readonly #routes: ReadonlyMap<string, TableRoute>;
  readonly #announced = new Map<number, Announced>();
  readonly #tails = new Map<ParkedTable, ParkedTail>();
  /** The parked topic's only partition; null for a source that parks nothing. */
  readonly #partition: Partition | null;
  #parking: (route: TableRoute) => void = () => {};

  constructor(parts: CapturedTablesParts) {
    this.#parts = parts;
    const { routes, parkedTopic } = parts.context.settings;
    this.#routes = new Map(routes.map((route) => [tableName(route), route]));
    this.#partition = parkedTopic === null ? null : (parts.context.partitions.get(parkedTopic)?.all[0] ?? null);
    parts.report.mirrored = Object.fromEntries(
      routes.flatMap((route) => (route.kept === undefined ? [] : [[tableName(route), Object.keys(route.kept)]])),
    );
    this.#tell();
  }

  /** Hears of a table that is parked: rows of it that were read before must not be told any more. */
  onParking(parking: (route: TableRoute) => void): void {
    this.#parking = parking;
  }

  isParked(table: string): boolean {
    return this.#parts.coverage.parked[table] !== undefined;
  }

  /** A RELATION message has come; `after` is the position before the change that it comes with. */
  announce(relation: Relation, message: RawMessage, after: Position): void {
    const route = this.#routeOf(relation);
    // What is published but not routed passes by: it is counted by the ordinal only.
    if (route === null) {
      this.#forget(relation.id);
      return;
    }
    const { settled, shapes } = this.#parts;
    if (!this.isParked(tableName(route))) settled.demand(route, relation.columns, shapes.types);
    this.#announced.set(relation.id, { relation, message: Buffer.from(message.buffer.subarray(message.at)) });
    this.#place(route, relation.id, after);
  }

  /** Whether the table's rows can be told as they are: null, or what stands against it. Tells the log what is new. */
  judge(route: TableRoute, shape: { readonly relationId: number; readonly columns: TableShape }): ShapeNote | null {
    const { settled, shapes } = this.#parts;
    settled.demand(route, shape.columns, shapes.types);
    return this.#judge(route, shape);
  }

  #judge(route: TableRoute, shape: { readonly relationId: number; readonly columns: TableShape }): ShapeNote | null {
    const { context, shapes, log } = this.#parts;
    const table = tableName(route);
    if (this.#partition !== null && shapes.isReplaced(table, shape.relationId)) return replacedNote(route);
    const { notes } = judgeShape({
      route,
      schemaOf: context.schemaOf,
      types: shapes.types,
      before: shapes.before(table),
      after: shape.columns,
    });
    const against = notes.find(({ fix }) => fix !== null) ?? null;
    if (against !== null) return against;
    for (const { code, text, column, from, to } of notes) log.info({ code, table, column, from, to }, text);
    shapes.accept(table, shape);
    return null;
  }

  /** A change of the relation does not say what its row was: from there on its table is parked. */
  parkBlind(relationId: number, after: Position): void {
    const relation = this.#announced.get(relationId)?.relation;
    const route = relation === undefined ? null : this.#routeOf(relation);
    if (route === null) return;
    const note = lackingRowNote(route);
    this.park(route, { ...note, fix: note.fix ?? '' }, after);
  }

  /** From the position on, changes of the table are parked. */
  park(route: TableRoute, reason: { code: ParkCode; text: string; fix: string }, after: Position): void {
    const { coverage, log } = this.#parts;
    const table = tableName(route);
    if (coverage.parked[table] !== undefined) return;
    const { code, text, fix } = reason;
    const entry: ParkedTable = {
      code,
      text,
      fix,
      after,
      at: nowMicros(),
      key: table,
      relationId: null,
      changes: 0,
      bytes: 0,
      released: 0,
      // What is sent and not committed yet lies beyond it.
      from: this.#parts.report.nextOffsets[partitionName(this.#partition?.topic ?? '', 0)] ?? 0,
      next: null,
    };
    coverage.parked[table] = entry;
    this.#parking(route);
    this.#tell();
    const meaning = `From ${formatLsn(after.lsn)} on its changes are kept on ${this.#partition?.topic ?? ''}; other tables go on.`;
    log[code === 'TABLE_PAUSED' ? 'info' : 'error']({ code, table }, `${text} ${meaning} ${fix}`);
    for (const [id, { relation }] of this.#announced)
      if (this.#routeOf(relation) === route) this.#place(route, id, after);
  }

  /** Everything that was parked is told: from here on changes are told as they come, if the shape still allows it. */
  release(route: TableRoute, at: Position): void {
    const { coverage } = this.#parts;
    const { [tableName(route)]: _released, ...others } = coverage.parked;
    coverage.parked = others;
    for (const [id, { relation }] of this.#announced) {
      if (this.#routeOf(relation) !== route) continue;
      if (this.#against(route, relation) === null) this.#place(route, id, at);
      else {
        this.#parked.delete(id);
        this.#outdated.add(id);
      }
    }
    this.#tell();
  }

  /** The writer for a change of a relation whose table is parked; undefined for any other relation. */
  parkedWriter(relationId: number, after: Position): ParkedWriter | undefined {
    const relation = this.#announced.get(relationId)?.relation;
    if (relation !== undefined && this.#outdated.has(relationId)) {
      // It was not announced anew: its shape still is the one that did not fit.
      const route = this.#routeOf(relation);
      if (route !== null) this.#place(route, relationId, after);
    }
    return this.#parked.get(relationId);
  }

  /** From here on what is parked of the table is kept in memory as well, up to so many bytes. */
  startTail(route: TableRoute, entry: ParkedTable, bytesMax: number): ParkedTail {
    const tail = new ParkedTail(bytesMax);
    for (const writer of this.#parked.values()) if (writer.route === route) writer.tellShape(tail);
    this.#tails.set(entry, tail);
    return tail;
  }

  endTail(entry: ParkedTable): void {
    this.#tails.delete(entry);
  }

  /** By its number first: two tables may have changed their names. */
  #routeOf(relation: Relation): TableRoute | null {
    return this.#parts.shapes.routeOf(relation.id) ?? this.#routes.get(tableName(relation)) ?? null;
  }

  /** What had a name that is told, and has another one now, is told no more. */
  #forget(id: number): void {
    this.#announced.delete(id);
    this.#outdated.delete(id);
    this.writers.delete(id);
    this.guards.delete(id);
    this.#parked.delete(id);
  }

  #isReplaced(route: TableRoute, relation: Relation): boolean {
    const table = tableName(route);
    return tableName(relation) === table && this.#parts.shapes.isReplaced(table, relation.id);
  }

  #against(route: TableRoute, relation: Relation): ShapeNote | null {
    if (tableName(relation) !== tableName(route)) return renamedNote(route, relation);
    const against = this.#judge(route, { relationId: relation.id, columns: relation.columns });
    return against ?? identityNote(route, relation);
  }

  #place(route: TableRoute, id: number, after: Position): void {
    this.#outdated.delete(id);
    const announced = this.#announced.get(id);
    if (announced === undefined) return;
    const { relation, message } = announced;
    const { context, coverage } = this.#parts;
    const table = tableName(route);
    if (this.#partition !== null && coverage.parked[table] === undefined) {
      const against = this.#against(route, relation);
      if (against !== null) this.park(route, { ...against, fix: against.fix ?? '' }, after);
    }
    const entry = coverage.parked[table];
    this.guards.delete(id);
    if (entry !== undefined && this.#partition !== null) {
      if (this.#isReplaced(route, relation)) {
        // Nothing of it is kept: whoever resumes the table with it has all of it read.
        this.writers.delete(id);
        this.#parked.delete(id);
        return;
      }
      this.writers.delete(id);
      this.#parked.set(id, new ParkedWriter(route, entry, relation, message, this.#partition, this.#tails));
    } else {
      this.#parked.delete(id);
      const columns = relation.columns.map(({ name }) => name);
      this.writers.set(id, new TableWriter(route, columns, context));
      if (this.#partition !== null && this.#parts.shapes.partitioned.has(table))
        this.guards.set(id, new IdentityGuard(route, relation.replicaIdentity, columns));
    }
  }

  #tell(): void {
    this.#parts.report.parked = this.#parts.coverage.parked;
  }
}
