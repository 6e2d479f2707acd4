import pg from 'pg';
import { pause } from '../../runtime/clock.ts';
import type { TableRoute } from './contract.ts';
import { tableName } from './route-columns.ts';
import { readShape } from './shape-book.ts';
import type { SnapshotParts } from './snapshot-parts.ts';

const parkedEveryMs = 100;

/** Whether the rows can be told as the table is now. If not, the table is parked before one of them is told. */
export async function isFit(
  client: pg.Client,
  route: TableRoute,
  { tables, capture, context }: SnapshotParts,
  signal: AbortSignal,
): Promise<boolean> {
  if (context.settings.parkedTopic === null) return true;
  const shape = await readShape(client, route.schema, route.table);
  // A table that is not there is somebody else's matter.
  const against = shape === null ? null : tables.judge(route, shape);
  if (against === null) return true;
  capture.betweenTransactions((at) => tables.park(route, { ...against, fix: against.fix ?? '' }, at));
  while (!signal.aborted && !tables.isParked(tableName(route))) await pause(parkedEveryMs, signal);
  return false;
}

/** Whether the server says that a column or table, which was there when the question was made, is not there any more. */
export function isShapeGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '42703' || error.code === '42P01');
}
