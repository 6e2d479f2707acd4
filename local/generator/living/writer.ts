import type { ClientBase } from 'pg';
import { dayText } from '../calendar.ts';
import { type Cell, type Column, type Table, tables, type TableName } from '../rows.ts';
import type { RowChange } from './state.ts';

/** How many rows of each table a transaction really changed. */
export type Written = Readonly<Record<TableName, number>>;

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly table: Table;
  /** The columns whose values it is given. */
  readonly columns: readonly Column[];
}

type Operation = RowChange['operation'];
const statements = new Map<string, Statement>();

/**
 * Writes one transaction: rows of one table and operation that follow one another go in one statement.
 * Nothing is waited for before COMMIT, so that a client with a pipeline needs one round trip. An insert whose key is
 * there already does nothing, since others may write as well.
 */
export async function writeTransaction(client: ClientBase, changes: readonly RowChange[]): Promise<Written> {
  const written = { metering_point: 0, appointment: 0, participant: 0, distributor_gsp_group: 0, meter_asset: 0 };
  const sent: Promise<unknown>[] = [client.query('BEGIN')];
  for (const run of runsOf(changes)) {
    const statement = statementOf(run.table, run.operation);
    const values = statement.columns.map((column) => run.rows.map((row) => parameter(row, column)));
    const answer = client.query({ name: statement.name, text: statement.text, values });
    sent.push(answer.then((result) => (written[run.table] += result.rowCount ?? 0)));
  }
  sent.push(client.query('COMMIT'));
  const answers = await Promise.allSettled(sent);
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed === undefined) return written;
  await client.query('ROLLBACK').catch(() => undefined);
  throw failed.reason;
}

interface Run {
  readonly table: TableName;
  readonly operation: Operation;
  readonly rows: object[];
  readonly keys: Set<string>;
}

/** One statement changes a row once only, so that a key that comes again begins a new run. */
function runsOf(changes: readonly RowChange[]): Run[] {
  const runs: Run[] = [];
  for (const { table, operation, row } of changes) {
    const key = keyText(tables[table], row);
    const last = runs.at(-1);
    if (last?.table === table && last.operation === operation && !last.keys.has(key)) {
      last.rows.push(row);
      last.keys.add(key);
    } else {
      runs.push({ table, operation, rows: [row], keys: new Set([key]) });
    }
  }
  return runs;
}

function keyText(table: Table, row: object): string {
  const values = row as Readonly<Record<string, Cell>>;
  return table.key.map((name) => String(values[name])).join('|');
}

function parameter(row: object, column: Column): Cell {
  const value = (row as Readonly<Record<string, Cell>>)[column.name] ?? null;
  return column.type === 'date' && typeof value === 'number' ? dayText(value) : value;
}

function statementOf(name: TableName, operation: Operation): Statement {
  const label = `${operation}_${name}`;
  const known = statements.get(label);
  if (known !== undefined) return known;
  const table = tables[name];
  const columns =
    operation === 'delete' ? table.columns.filter((column) => table.key.includes(column.name)) : table.columns;
  const given = columns.map((column, index) => `$${index + 1}::${column.type}[]`).join(', ');
  const names = columns.map((column) => column.name);
  const rows = `unnest(${given}) AS given (${names.join(', ')})`;
  const matches = table.key.map((key) => `was.${key} = given.${key}`).join(' AND ');
  const text = {
    insert: `INSERT INTO registration.${name} (${names.join(', ')}) SELECT * FROM ${rows} ON CONFLICT DO NOTHING`,
    update: `UPDATE registration.${name} AS was SET ${assignments(table)} FROM ${rows} WHERE ${matches}`,
    delete: `DELETE FROM registration.${name} AS was USING ${rows} WHERE ${matches}`,
  }[operation];
  const statement = { name: label, text, table, columns };
  statements.set(label, statement);
  return statement;
}

function assignments(table: Table): string {
  return table.columns
    .filter((column) => !table.key.includes(column.name))
    .map((column) => `${column.name} = given.${column.name}`)
    .join(', ');
}
