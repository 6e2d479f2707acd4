import pg from 'pg';
import { databaseFault } from '../../runtime/postgres.ts';
import { ColumnTypes } from './column-types.ts';
import type { SourceSettings, TableRoute } from './contract.ts';
import type { ParkedTables } from './parked-tables.ts';
import { storedTypes, tableName } from './route-columns.ts';
import type { TableShape } from './shape-judgement.ts';

/** A table as it was published last. */
export interface KnownShape {
  /** Its oid: the relation's number in the stream, which a rename leaves alone. */
  readonly relationId: number;
  readonly columns: TableShape;
}

type Queryable = Pick<pg.ClientBase, 'query'>;

/** The table's shape as it is now; null if there is none of that name. */
export async function readShape(client: Queryable, schema: string, table: string): Promise<KnownShape | null> {
  const { rows } = await client.query<{ id: number; name: string; type: number; modifier: number }>(
    `SELECT c.oid::int8::float8 AS id, a.attname AS name, a.atttypid::int8::float8 AS type, a.atttypmod AS modifier
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY a.attnum`,
    [schema, table],
  );
  const [first] = rows;
  if (first === undefined) return null;
  return {
    relationId: first.id,
    columns: rows.map(({ name, type, modifier }) => ({ name, typeOid: type, typeModifier: modifier })),
  };
}

/**
 * The shapes that were published last. Kept in the database, so that a column or table that was renamed while we were
 * away is known as renamed, and both types can be told.
 */
export class ShapeBook {
  readonly types = new ColumnTypes();
  /** Tables that had partitions, or could have, when the book was opened. */
  readonly partitioned = new Set<string>();
  readonly #settings: Pick<SourceSettings, 'name' | 'routes'>;
  readonly #shapes = new Map<string, KnownShape>();
  readonly #unsaved = new Set<string>();

  constructor(settings: Pick<SourceSettings, 'name' | 'routes'>) {
    this.#settings = settings;
  }

  /** The book as it is kept, and which of the tables are parked under which name now. */
  static async open(
    database: pg.ClientConfig,
    settings: Pick<SourceSettings, 'name' | 'routes'>,
    parked: ParkedTables,
  ): Promise<{ readonly shapes: ShapeBook; readonly parked: ParkedTables }> {
    const shapes = new ShapeBook(settings);
    const client = new pg.Client(database);
    client.on('error', () => {});
    try {
      await client.connect();
      await shapes.#load(client);
      return { shapes, parked: await shapes.#follow(client, parked) };
    } catch (error) {
      throw databaseFault(error);
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** A parked table that is mapped under another name now, because it was renamed, is parked under that name. */
  async #follow(client: Queryable, parked: ParkedTables): Promise<ParkedTables> {
    const routed = new Set(this.#settings.routes.map(tableName));
    const followed: ParkedTables = {};
    for (const [table, entry] of Object.entries(parked)) {
      const id = entry.relationId ?? this.#shapes.get(table)?.relationId ?? 0;
      const { rows } = await client.query<{ schema: string; table: string }>(
        'SELECT n.nspname AS schema, c.relname AS "table" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::int8::oid',
        [id],
      );
      const now = rows[0] === undefined ? table : tableName(rows[0]);
      followed[!routed.has(table) && routed.has(now) ? now : table] = entry;
    }
    return followed;
  }

  before(table: string): TableShape | null {
    return this.#shapes.get(table)?.columns ?? null;
  }

  /** The route of a relation that has another name now than its table had. */
  routeOf(relationId: number): TableRoute | null {
    for (const [table, known] of this.#shapes) {
      if (known.relationId === relationId) {
        return this.#settings.routes.find((route) => tableName(route) === table) ?? null;
      }
    }
    return null;
  }

  /** Whether another table has the name now than the one whose rows were published. */
  isReplaced(table: string, relationId: number): boolean {
    const known = this.#shapes.get(table);
    return known !== undefined && known.relationId !== relationId;
  }

  /** Rows of this shape are published from now on. */
  accept(table: string, { relationId, columns }: KnownShape): void {
    const shape = {
      relationId,
      columns: columns.map(({ name, typeOid, typeModifier }) => ({ name, typeOid, typeModifier })),
    };
    const known = this.#shapes.get(table);
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(shape)) return;
    this.#shapes.set(table, shape);
    this.#unsaved.add(table);
  }

  /** Whether the database has a place for it: one that was set up by an older version gets it at the next `concord init`. */
  async isKept(client: Queryable): Promise<boolean> {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('concord.table_shape') IS NOT NULL AND to_regclass('concord.table_wish') IS NOT NULL AS there`,
    );
    return rows[0]?.there === true;
  }

  /** Writes down what is new. Nothing depends on it happening at once. */
  async save(client: Queryable): Promise<void> {
    for (const table of this.#unsaved) {
      const shape = this.#shapes.get(table);
      this.#unsaved.delete(table);
      if (shape === undefined) continue;
      await client.query(
        `INSERT INTO concord.table_shape VALUES ($1, $2, $3, $4)
         ON CONFLICT (source, table_name) DO UPDATE SET relation_id = excluded.relation_id, columns = excluded.columns`,
        [this.#settings.name, table, shape.relationId, JSON.stringify(shape.columns)],
      );
    }
  }

  async #load(client: Queryable): Promise<void> {
    await this.types.load(client, this.#settings.routes.flatMap(storedTypes));
    if (await this.isKept(client)) {
      const { rows } = await client.query<{ table: string; id: number; columns: TableShape }>(
        `SELECT table_name AS "table", relation_id::float8 AS id, columns FROM concord.table_shape WHERE source = $1`,
        [this.#settings.name],
      );
      for (const { table, id, columns } of rows) this.#shapes.set(table, { relationId: id, columns });
    }
    const { rows: roots } = await client.query<{ schema: string; table: string }>(
      `SELECT n.nspname AS schema, c.relname AS "table" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'`,
    );
    for (const root of roots) this.partitioned.add(tableName(root));
    for (const route of this.#settings.routes) {
      const table = tableName(route);
      if (this.#shapes.has(table)) continue;
      const shape = await readShape(client, route.schema, route.table);
      if (shape !== null) this.accept(table, shape);
    }
    if (await this.isKept(client)) await this.save(client);
  }
}
