import type { ClientBase } from 'pg';
import type { StoreSchema } from './settings.ts';

/** Where a dead letter lay. */
export interface LetterPlace {
  readonly source: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A dead letter as the store keeps it, with what was done about it. */
export interface StoredLetter extends LetterPlace {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly code: string;
  readonly reason: string;
  readonly at: Date;
  /** Null while nothing has come of it. */
  readonly result: RedriveResult | null;
  readonly closedAt: Date | null;
  readonly closedBy: string | null;
  readonly attempts: number;
}

/**
 * `superseded`: it can be read now, and what its row says today was read after it. `re-read`: it still can not be read, but
 * the row that its key names was read again; its outcome stays dead-lettered.
 */
export type RedriveResult = 'superseded' | 're-read';

const ofLetter = 'source = $1 AND topic = $2 AND partition = $3 AND "offset" = $4';

function valuesOf({ source, topic, partition, offset }: LetterPlace): unknown[] {
  return [source, topic, partition, offset];
}

export async function readLetters(client: ClientBase, schema: StoreSchema): Promise<readonly StoredLetter[]> {
  const { rows } = await client.query<Omit<StoredLetter, 'offset'> & { offset: string }>(
    `SELECT l.source, l.topic, l.partition, l."offset", l.key, l.value, l.code, l.reason, l.at, d.result,
       d.ended_at AS "closedAt", d.asked_by AS "closedBy",
       (SELECT count(*)::int FROM ${schema}.redrive r
        WHERE (r.source, r.topic, r.partition, r."offset") = (l.source, l.topic, l.partition, l."offset")) AS attempts
     FROM ${schema}.dead_letter l
     LEFT JOIN ${schema}.redrive d ON d.result IS NOT NULL
       AND (d.source, d.topic, d.partition, d."offset") = (l.source, l.topic, l.partition, l."offset")
     ORDER BY l.at, l.topic, l.partition, l."offset"`,
  );
  return rows.map((row) => ({ ...row, offset: Number(row.offset) }));
}

/** Writes down who is about to do what, before it is done; answers with the attempt's id. */
export async function beginRedrive(
  client: ClientBase,
  schema: StoreSchema,
  place: LetterPlace,
  askedBy: string,
  what: string,
): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO ${schema}.redrive (source, topic, partition, "offset", asked_by, what) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING redrive_id::int AS id`,
    [...valuesOf(place), askedBy, what],
  );
  return rows[0]?.id ?? 0;
}

/**
 * Closes the letter, once: who comes second changes nothing and is answered false. `superseded` also moves its outcome, which
 * the sink never touches again. The lane's row is locked first, as the sink does.
 */
export async function closeLetter(
  client: ClientBase,
  schema: StoreSchema,
  place: LetterPlace,
  attempt: number,
  result: RedriveResult,
): Promise<boolean> {
  const { source, topic, partition } = place;
  await client.query('BEGIN');
  try {
    await client.query(`SELECT 1 FROM ${schema}.applied_position WHERE source = $1 AND lane = $2 FOR UPDATE`, [
      source,
      partition,
    ]);
    const closed = await client.query(
      `UPDATE ${schema}.redrive SET result = $5, ended_at = clock_timestamp() WHERE redrive_id = $6
         AND NOT EXISTS (SELECT FROM ${schema}.redrive WHERE ${ofLetter} AND result IS NOT NULL)`,
      [...valuesOf(place), result, attempt],
    );
    const isFirst = (closed.rowCount ?? 0) === 1;
    if (isFirst && result === 'superseded') {
      await client.query(
        `INSERT INTO ${schema}.outcome AS known VALUES ($1, $2, $3, 'dead-lettered', -1), ($1, $2, $3, 'superseded', 1)
         ON CONFLICT (source, topic, lane, outcome) DO UPDATE SET count = known.count + excluded.count`,
        [source, topic, partition],
      );
    }
    await client.query('COMMIT');
    return isFirst;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
