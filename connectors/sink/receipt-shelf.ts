import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Shelf } from './shelf.ts';

/** Where a side keeps the receipts that it gets: the registration side those of flows 1 and 2, the metering side those of flow 3. */
export type ReceiptTable = 'inbox.receipt' | 'metering.receipt_inbox';

export function receiptShelf(table: ReceiptTable): Shelf<ReceiptRow> {
  return {
    rowOf: receiptOf,
    keyOf: receiptKey,
    fold: foldReceipt,
    read: (client, wanted) => readReceipts(client, table, wanted),
    write: (client, rows) => writeReceipts(client, table, rows),
  };
}

/** The table, as idempotent SQL. */
export function receiptTableSql(table: ReceiptTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table} (
  receiver text NOT NULL,
  source text NOT NULL,
  lane int NOT NULL,
  generation int NOT NULL,
  through_lsn bigint NOT NULL,
  counts jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (receiver, source, lane)
);
`;
}

/** A receipt as it travels between here and PostgreSQL. `at` is in epoch microseconds. */
interface ReceiptRow {
  readonly receiver: string;
  readonly source: string;
  readonly lane: number;
  readonly generation: number;
  readonly through_lsn: number;
  /** JSON. */
  readonly counts: string;
  readonly at: number;
}

/** The row that an event of a receipt topic carries; null when it does not say whose it is and how far it goes. */
function receiptOf(event: DecodedEvent): ReceiptRow | null {
  const row = { ...event, source: event['event_source'] } as unknown as ReceiptRow;
  const { receiver, source, lane, generation, through_lsn, counts, at } = row;
  const needed: readonly unknown[] = [receiver, source, lane, generation, through_lsn, counts, at];
  return needed.some((part) => part === null || part === undefined)
    ? null
    : { receiver, source, lane, generation, through_lsn, counts, at };
}

function receiptKey({ receiver, source, lane }: ReceiptRow): string {
  return JSON.stringify([receiver, source, lane]);
}

/** What the inbox says after `incoming`; null when nothing changes. A receipt never goes back. */
function foldReceipt(current: ReceiptRow | undefined, incoming: ReceiptRow): ReceiptRow | null {
  if (current === undefined) return incoming;
  const order = incoming.generation - current.generation || incoming.through_lsn - current.through_lsn;
  if (order < 0) return null;
  return order === 0 && current.counts === incoming.counts && current.at === incoming.at ? null : incoming;
}

async function readReceipts(
  client: ClientBase,
  table: ReceiptTable,
  wanted: readonly ReceiptRow[],
): Promise<ReceiptRow[]> {
  const { rows } = await client.query<{ row: ReceiptRow }>(
    `SELECT to_jsonb(r) || jsonb_build_object('counts', r.counts::text,
        'at', (extract(epoch FROM r.at) * 1000000)::bigint) AS row
      FROM jsonb_to_recordset($1::jsonb) AS w(receiver text, source text, lane int)
      JOIN ${table} r USING (receiver, source, lane)
      FOR UPDATE OF r`,
    [JSON.stringify(wanted.map(({ receiver, source, lane }) => ({ receiver, source, lane })))],
  );
  return rows.map(({ row }) => row);
}

async function writeReceipts(client: ClientBase, table: ReceiptTable, rows: readonly ReceiptRow[]): Promise<void> {
  await client.query(
    `INSERT INTO ${table}
      SELECT receiver, source, lane, generation, through_lsn, counts::jsonb,
        timestamptz 'epoch' + at * interval '1 microsecond'
      FROM jsonb_to_recordset($1::jsonb) AS row(receiver text, source text, lane int, generation int,
        through_lsn bigint, counts text, at bigint)
      ON CONFLICT (receiver, source, lane) DO UPDATE SET generation = excluded.generation,
        through_lsn = excluded.through_lsn, counts = excluded.counts, at = excluded.at`,
    [JSON.stringify(rows)],
  );
}
