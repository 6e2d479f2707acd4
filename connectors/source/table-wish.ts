import type pg from 'pg';
import { quoteLiteral } from './sql.ts';

/** What somebody wants of a table while the source runs, as it stands in `concord.table_wish`: the last wish counts. */
export interface TableWish {
  readonly source: string;
  /** `schema.table` */
  readonly table: string;
  readonly wish: 'pause' | 'resume';
  readonly state: 'asked' | 'done' | 'refused';
  /** What stands against it. */
  readonly answer: string | null;
  readonly askedAt: Date;
}

type Queryable = Pick<pg.ClientBase, 'query'>;

export const wishChannel = 'concord_table';

const wishColumns = `source, table_name AS "table", wish, state, answer, asked_at AS "askedAt"`;

/** Asks the source, durably. */
export async function askOfTable(
  client: Queryable,
  source: string,
  table: string,
  wish: TableWish['wish'],
): Promise<void> {
  await client.query(
    `INSERT INTO concord.table_wish (source, table_name, wish) VALUES ($1, $2, $3)
     ON CONFLICT (source, table_name) DO UPDATE SET wish = excluded.wish, state = 'asked', answer = NULL, asked_at = clock_timestamp()`,
    [source, table, wish],
  );
  await client.query(`SELECT pg_notify(${quoteLiteral(wishChannel)}, '')`);
}

export async function readWish(client: Queryable, source: string, table: string): Promise<TableWish | null> {
  const { rows } = await client.query<TableWish>(
    `SELECT ${wishColumns} FROM concord.table_wish WHERE source = $1 AND table_name = $2`,
    [source, table],
  );
  return rows[0] ?? null;
}

export async function openWishes(client: Queryable, source: string): Promise<readonly TableWish[]> {
  const { rows } = await client.query<TableWish>(
    `SELECT ${wishColumns} FROM concord.table_wish WHERE source = $1 AND state = 'asked' ORDER BY asked_at`,
    [source],
  );
  return rows;
}

/** `answer`: null when it is done. A wish that was replaced meanwhile stays open. */
export async function answerWish(
  client: Queryable,
  { source, table, wish }: TableWish,
  answer: string | null,
): Promise<void> {
  await client.query(
    `UPDATE concord.table_wish SET state = $4, answer = $5 WHERE source = $1 AND table_name = $2 AND wish = $3 AND state = 'asked'`,
    [source, table, wish, answer === null ? 'done' : 'refused', answer],
  );
}
