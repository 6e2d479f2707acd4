import pg from 'pg';
import type { MirrorChange } from '../../avro/mirror-evolution.ts';
import type { TableShape as MirroredShape } from '../../avro/mirror-schema.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { Fault } from '../../runtime/fault.ts';
import { ColumnTypes } from './column-types.ts';
import type { TableRoute } from './contract.ts';
import { tellChange } from './evolution.ts';
import { keyNote, readKeys } from './key-judgement.ts';
import { storedTypes, tableName } from './route-columns.ts';
import { readShape } from './shape-book.ts';
import { judgeShape, type ShapeJudgement, type ShapeQuestion, tableRenamed } from './shape-judgement.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import { readShapeWithin } from './table-shape.ts';

/** An ALTER TABLE, cut where its table is named: what is before, the name's parts, and what is done to it. */
export interface AlterTable {
  /** Null where the statement does not say: the first on the search path. */
  readonly schema: string | null;
  readonly table: string;
  readonly action: string;
}

const name = String.raw`("(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`;
const alterTable = new RegExp(
  String.raw`^\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?${name}(?:\s*\.\s*${name})?\s*\*?\s+([\s\S]+?)\s*;?\s*$`,
  'i',
);

/** Null for what is no ALTER TABLE. */
export function parseAlterTable(statement: string): AlterTable | null {
  const found = alterTable.exec(statement);
  if (found === null) return null;
  const [, first = '', second, action = ''] = found;
  return second === undefined
    ? { schema: null, table: unquoted(first), action }
    : { schema: unquoted(first), table: unquoted(second), action };
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word.toLowerCase();
}

/** The route and the schema that a mirrored table would have after its schema has followed; the changes it follows. */
export interface Followed {
  readonly route: TableRoute;
  readonly schema: RecordSchema;
  readonly changes: readonly MirrorChange[];
}

/**
 * What the statement would do to the table's capture, judged as the source would judge it. It is done by the server, on
 * an empty copy of the table, in a transaction that is rolled back: the table itself is only looked at.
 */
export async function planAlterTable(
  client: pg.Client,
  route: TableRoute,
  { action }: AlterTable,
  schemaOf: (topic: string) => RecordSchema,
  follow: ((shape: MirroredShape) => Followed) | null = null,
): Promise<ShapeJudgement> {
  const types = new ColumnTypes();
  await client.query(`BEGIN; SET LOCAL lock_timeout = '5s'`);
  try {
    const copy = `pg_temp.${quoteIdentifier(route.table)}`;
    await client.query(
      `CREATE TEMPORARY TABLE ${quoteIdentifier(route.table)} (LIKE ${quoteTable(route)} INCLUDING ALL) ON COMMIT DROP`,
    );
    const { rows } = await client.query<{ id: string; schema: string }>(
      `SELECT c.oid::text AS id, n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::regclass`,
      [copy],
    );
    const { id, schema } = rows[0] ?? { id: '0', schema: '' };
    const before = await readShape(client, schema, route.table);
    const moved = /^SET\s+SCHEMA\s+(\S+)$/i.exec(action);
    if (moved !== null) return tableRenamed(route, { schema: unquoted(moved[1] ?? ''), table: route.table });
    // The extended protocol takes exactly one statement.
    await client.query({ text: `ALTER TABLE ${copy} ${action}`, queryMode: 'extended' } as pg.QueryConfig);
    const { rows: after } = await client.query<{ table: string }>(
      'SELECT relname AS "table" FROM pg_class WHERE oid = $1::oid',
      [id],
    );
    const table = after[0]?.table ?? route.table;
    if (table !== route.table) return tableRenamed(route, { schema: route.schema, table });
    const shape = await readShape(client, schema, table);
    const question = { types, before: before?.columns ?? null, after: shape?.columns ?? [] };
    const against = keyNote(route, [...(await readKeys(client, [{ ...route, schema, table }])).values()].flat());
    if (against !== null) return { verdict: 'parks', notes: [against] };
    if (follow === null) {
      await types.load(client, storedTypes(route));
      return judgeShape({ ...question, route, schemaOf });
    }
    const followed = follow({ ...(await readShapeWithin(client, { schema, table })), schema: route.schema, table });
    await types.load(client, storedTypes(followed.route));
    return judgeFollowed(followed, { ...question, route: followed.route, schemaOf: () => followed.schema });
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !/^(0A|22|23|42)/.test(error.code ?? '') || error.code === '42501')
      throw error;
    throw new Fault(
      'misconfigured',
      'STATEMENT_REFUSED',
      `PostgreSQL does not accept the statement on a copy of ${tableName(route)}: ${error.message}.`,
      {},
      error,
    );
  } finally {
    await client.query('ROLLBACK').catch(() => {});
  }
}

const followCodes = {
  added: 'COLUMN_ADDED',
  dropped: 'COLUMN_DROPPED',
  widened: 'COLUMN_TYPE_CHANGED',
  'made-anew': 'COLUMN_TYPE_CHANGED',
} as const;

function judgeFollowed({ route, changes }: Followed, question: ShapeQuestion): ShapeJudgement {
  const against = judgeShape(question).notes.filter(({ fix }) => fix !== null);
  const followed = changes.map((change) => ({
    code: followCodes[change.kind],
    column: change.column,
    from: change.from,
    to: change.to,
    text: tellChange(tableName(route), change),
    fix: null,
  }));
  const notes = [...against, ...followed];
  if (against.length > 0) return { verdict: 'parks', notes };
  return { verdict: notes.length === 0 ? 'unchanged' : 'evolves', notes };
}
