import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { dayText } from './calendar.ts';
import type { Cell, ColumnType, RowOf, Table, TableName } from './rows.ts';
import { tables } from './rows.ts';

/** Text is handed to the server in pieces of about this size. */
const pieceCharacters = 64 * 1024;
const special = /[\\\t\n\r]/g;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Writes rows into a table of the schema `registration` by COPY, in their order. */
export async function copyRows<T extends TableName>(
  client: ClientBase,
  name: T,
  rows: readonly RowOf[T][],
): Promise<void> {
  if (rows.length === 0) return;
  const table = tables[name];
  const columns = table.columns.map((column) => column.name).join(', ');
  const target = client.query(copyFrom(`COPY registration.${name} (${columns}) FROM STDIN`));
  await pipeline(Readable.from(pieces(table, rows)), target);
}

function* pieces<T extends TableName>(table: Table, rows: readonly RowOf[T][]): Generator<string> {
  let piece = '';
  for (const row of rows) {
    piece += copyLine(table, row);
    if (piece.length < pieceCharacters) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** One row as a line of COPY's text format. */
export function copyLine<T extends TableName>(table: Table, row: RowOf[T]): string {
  const values = row as unknown as Record<string, Cell>;
  let line = '';
  for (const column of table.columns)
    line += `${line === '' ? '' : '\t'}${copyCell(values[column.name] ?? null, column.type)}`;
  return `${line}\n`;
}

function copyCell(value: Cell, type: ColumnType): string {
  if (value === null) return '\\N';
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'number') return type === 'date' ? dayText(value) : String(value);
  return special.test(value) ? value.replace(special, (found) => escapes[found] ?? found) : value;
}
