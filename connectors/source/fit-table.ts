import pg from 'pg';
import { pause } from '../../runtime/clock.ts';
import type { TableRoute } from './contract.ts';
import { keyNote, readKeys } from './key-judgement.ts';
import { tableName } from './route-columns.ts';
import { readShape } from './shape-book.ts';
import type { ShapeNote } from './shape-judgement.ts';
import type { SnapshotParts } from './snapshot-parts.ts';

const parkedEveryMs = 100;

/** Whether the rows can be told as the table is now. If not, the table is parked before one of them is told. */
export async function isFit(
  client: pg.Client,
  route: TableRoute,
  parts: SnapshotParts,
  signal: AbortSignal,
): Promise<boolean> {
  const { tables, context } = parts;
  if (context.settings.parkedTopic === null) return true;
  const shape = await readShape(client, route.schema, route.table);
  // A table that is not there is somebody else's matter.
  const against = shape === null ? null : (tables.judge(route, shape) ?? (await keyAgainst(client, route)));
  if (against === null) return true;
  parkingBetween(parts)(route, against);
  while (!signal.aborted && !tables.isParked(tableName(route))) await pause(parkedEveryMs, signal);
  return false;
}

/** Parks a table between two source transactions, unless it is parked. */
export function parkingBetween({
  tables,
  capture,
}: Pick<SnapshotParts, 'tables' | 'capture'>): (route: TableRoute, note: ShapeNote) => void {
  return (route, note) => {
    if (tables.isParked(tableName(route))) return;
    capture.betweenTransactions((at) => tables.park(route, { ...note, fix: note.fix ?? '' }, at));
  };
}

/** Rows are read in the order of their key, each once: for that it must be the table's. */
async function keyAgainst(client: pg.Client, route: TableRoute): Promise<ShapeNote | null> {
  const key = (await readKeys(client, [route])).get(tableName(route));
  return key === undefined ? null : keyNote(route, key);
}

/** Whether the server says that a column or table, which was there when the question was made, is not there any more. */
export function isShapeGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '42703' || error.code === '42P01');
}
