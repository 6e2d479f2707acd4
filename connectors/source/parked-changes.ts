import type { Batch } from './batch.ts';
import type { ColumnTypes } from './column-types.ts';
import type { TableRoute } from './contract.ts';
import { IdentityGuard } from './identity-guard.ts';
import type { ParkedRecord } from './parked-record.ts';
import { PgoutputParser, type PgoutputListener, type Relation } from './pgoutput.ts';
import { identifyingColumns, neededColumns, routeColumns, tableName } from './route-columns.ts';
import type { TableShape } from './shape-judgement.ts';
import { isStrangeRow, type StrangeColumn, strangeColumns, type StrangeKeys } from './strange-keys.ts';
import { TableWriter, type WriterContext } from './table-writer.ts';
import type { TransactionStamp } from './transcoder.ts';
import { fillUnchanged, isNull, isUnchanged, type Tuple } from './tuple.ts';

/** Where the next change is told. */
export interface ToldAt {
  readonly batch: Batch;
  readonly stamp: TransactionStamp;
  readonly ordinal: number;
}

export interface ParkedChangesParts {
  readonly route: TableRoute;
  readonly current: TableShape;
  readonly context: WriterContext;
  readonly types: ColumnTypes;
  readonly isPartitioned: boolean;
  /** Keys that the table can not have any more: what came of their rows is not told. */
  readonly strange: StrangeKeys;
}

/** Tells parked changes of one table, with the shape in which each came and what is known of the table by now. */
export class ParkedChanges implements PgoutputListener {
  readonly #route: TableRoute;
  readonly #parts: ParkedChangesParts;
  /** Columns of a mirrored table whose values the store could not take: they are read again when all is told. */
  #notKept: readonly number[] = [];
  #strangeColumns: readonly StrangeColumn[] = [];
  readonly #parser = new PgoutputParser(this);
  #writer: TableWriter | null = null;
  #at: ToldAt | null = null;
  #guard: IdentityGuard | null = null;
  /** What identifies a row is not in the old rows of this shape. */
  #isBlind = false;
  /** Deletes that could not be told, because they do not say which row they deleted. */
  blind = 0;

  constructor(parts: ParkedChangesParts) {
    this.#parts = parts;
    this.#route = parts.route;
  }

  /** Changes that follow have this shape. */
  shape(message: Buffer): void {
    this.#parser.parse(message, 0);
  }

  tell({ message }: ParkedRecord, at: ToldAt): void {
    this.#at = at;
    this.#parser.parse(message, 0);
  }

  relation(relation: Relation): void {
    const { columns } = relation;
    const names = columnNames(this.#route, columns, this.#parts.current);
    const missing = neededColumns(this.#route).filter((column) => !names.includes(column));
    // What such a row had in the column is in no change: the item is empty, and the table is read again.
    const route = { ...this.#route, optional: [...(this.#route.optional ?? []), ...missing] };
    this.#writer = new TableWriter(route, names, this.#parts.context);
    const { kept = {} } = this.#route;
    const identifying = identifyingColumns(this.#route);
    this.#isBlind = identifying.some((column) => columns[names.indexOf(column)]?.inIdentity === false);
    this.#guard = this.#parts.isPartitioned ? new IdentityGuard(this.#route, relation.replicaIdentity, names) : null;
    this.#strangeColumns = strangeColumns(this.#route, columns, names, this.#parts.types);
    this.#notKept = columns.flatMap((column, index) => {
      const name = names[index] ?? '';
      const stored = kept[name]?.stored;
      const isUnfit = stored !== undefined && !identifying.includes(name) && !this.#parts.types.isKept(stored, column);
      return isUnfit ? [index] : [];
    });
  }

  insert(_relationId: number, row: Tuple): void {
    if (this.#isStrange(row)) return;
    this.#leaveOut(row);
    const { writer, batch, stamp, ordinal } = this.#told();
    writer.write(batch, 'create', stamp, ordinal, row);
  }

  update(_relationId: number, row: Tuple, old: Tuple | null, oldIsFull: boolean): void {
    const { writer, batch, stamp, ordinal } = this.#told();
    if (this.#isBlind || this.#guard?.isUpdateBlind(old) === true) {
      if (this.#isStrange(row)) return;
      // What the row was is not known: what it is, is told, and the table is read again.
      this.#leaveOut(row);
      writer.write(batch, 'update', stamp, ordinal, row);
      return;
    }
    if (old !== null && oldIsFull) fillUnchanged(row, old);
    else if (old !== null) writer.fillIdentity(row, old);
    this.#leaveOut(row);
    const wasStrange = old !== null && this.#isStrange(old);
    if (!this.#isStrange(row)) writer.writeUpdate(batch, stamp, ordinal, row, wasStrange ? null : old);
    else if (old !== null && !wasStrange) writer.write(batch, 'delete', stamp, ordinal, old);
  }

  delete(_relationId: number, old: Tuple): void {
    if (this.#isBlind || this.#guard?.isDeleteBlind(old) === true) {
      this.blind += 1;
      return;
    }
    if (this.#isStrange(old)) return;
    const { writer, batch, stamp, ordinal } = this.#told();
    writer.write(batch, 'delete', stamp, ordinal, old);
  }

  truncate(): void {
    const { writer, batch, stamp, ordinal } = this.#told();
    writer.writeTruncate(batch, stamp, ordinal);
  }

  received(): void {}
  begin(): void {}
  commit(): void {}
  message(): void {}

  /** As if the value had not been sent: NULL is NULL in any type. */
  #leaveOut(row: Tuple): void {
    for (const column of this.#notKept) {
      if (row.length(column) !== isNull) row.lengths[column] = isUnchanged;
    }
  }

  #isStrange(row: Tuple): boolean {
    return isStrangeRow(row, this.#strangeColumns, this.#parts.strange);
  }

  #told(): ToldAt & { readonly writer: TableWriter } {
    if (this.#writer === null || this.#at === null) throw new RangeError('a parked change without its shape');
    return { ...this.#at, writer: this.#writer };
  }
}

/**
 * What the columns of a parked shape are called for the route. A column that the route needs and that had another name
 * then is the one in its place, if that name is not there any more: it was renamed, and renamed back or mapped anew.
 */
export function columnNames(route: TableRoute, parked: TableShape, current: TableShape): readonly string[] {
  const names = parked.map(({ name }) => name);
  const now = new Set(current.map(({ name }) => name));
  for (const column of routeColumns(route)) {
    const place = current.findIndex(({ name }) => name === column);
    const then = names[place];
    if (names.includes(column) || then === undefined || now.has(then)) continue;
    if (parked[place]?.typeOid === current[place]?.typeOid) names[place] = column;
  }
  return names;
}

/** Why the changes of a parked shape can not be told at all: null if they can. */
export function untellable(route: TableRoute, parked: TableShape, current: TableShape): string | null {
  const names = columnNames(route, parked, current);
  const missing = identifyingColumns(route).filter((column) => !names.includes(column));
  if (missing.length === 0) return null;
  return `Changes of ${tableName(route)} were parked without ${missing.join(', ')}, which identifies its rows.`;
}
