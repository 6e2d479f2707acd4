import type { Position } from '../../avro/position.ts';
import type { DatabaseSettings } from '../../runtime/postgres.ts';
import { Fault } from '../../runtime/fault.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import type pg from 'pg';
import { UsageError } from '../output.ts';
import type { Settings } from '../settings.ts';
import type { Acknowledgement, Reason, ReceiverFacts } from './answer.ts';

/** One of the two ways: who sends, who receives, and where each keeps what. */
export interface Direction {
  readonly source: string;
  readonly sender: DatabaseSettings;
  readonly receiver: DatabaseSettings;
  /** The sender's inbox of receipts. */
  readonly receiptInbox: 'inbox.receipt' | 'metering.receipt_inbox';
  /** The receiver's schema of positions and dead letters. */
  readonly receiverSchema: 'metering' | 'concord';
}

export function directions({ registration, metering }: Settings): readonly [Direction, Direction] {
  return [
    {
      source: registration.name,
      sender: registration.database,
      receiver: metering.database,
      receiptInbox: 'inbox.receipt',
      receiverSchema: 'metering',
    },
    {
      source: metering.name,
      sender: metering.database,
      receiver: registration.database,
      receiptInbox: 'metering.receipt_inbox',
      receiverSchema: 'concord',
    },
  ];
}

export function directionOf(settings: Settings, source: string): Direction {
  const both = directions(settings);
  const found = both.find((one) => one.source === source);
  if (found !== undefined) return found;
  throw new UsageError(`There is no source ${source}; the sources are ${both.map((one) => one.source).join(' and ')}.`);
}

/** Asks a side. Null, with the reason, when it can not be reached: the other side alone knows enough for an answer. */
export async function askSide<T>(
  database: DatabaseSettings,
  act: (client: pg.Client) => Promise<T>,
): Promise<{ readonly found: T; readonly note: null } | { readonly found: null; readonly note: string }> {
  try {
    return { found: await withDatabase(database, 'concord receipts', act), note: null };
  } catch (error) {
    if (error instanceof Fault && ['unavailable', 'refused'].includes(error.kind)) {
      return { found: null, note: error.message };
    }
    throw error;
  }
}

export interface ReceiptRow {
  readonly receiver: string;
  readonly source: string;
  readonly lane: number;
  readonly generation: number;
  readonly through_lsn: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly at: Date;
}

export async function readReceipts(
  client: pg.Client,
  { receiptInbox, source }: Direction,
): Promise<readonly ReceiptRow[]> {
  const { rows } = await client.query<ReceiptRow>(
    `SELECT receiver, source, lane, generation, through_lsn, counts, at FROM ${receiptInbox} WHERE source = $1
       ORDER BY receiver, source, lane`,
    [source],
  );
  return rows;
}

/** The receipt of the lane that covers the position, if one does. */
export function covering(
  receipts: readonly ReceiptRow[],
  lane: number,
  { generation, lsn }: Pick<Position, 'generation' | 'lsn'>,
): Acknowledgement | null {
  const found = receipts.find(
    (one) =>
      one.lane === lane &&
      (one.generation > generation || (one.generation === generation && Number(one.through_lsn) >= lsn)),
  );
  if (found === undefined) return null;
  return { receiver: found.receiver, throughLsn: Number(found.through_lsn), at: found.at.toISOString() };
}

interface RejectionRow {
  readonly details: readonly { readonly code: string; readonly text: string }[] | null;
  readonly rule_codes: readonly string[] | null;
  readonly status: string | null;
}

/** What was said of the event in flow 3, as its table of either side has it. */
export async function readRejection(
  client: pg.Client,
  table: 'metering.rejection' | 'inbox.rejection',
  source: string,
  { generation, lsn, ordinal }: Position,
  entity: string,
  key: string,
): Promise<ReceiverFacts['rejection']> {
  const { rows } = await client.query<RejectionRow>(
    `SELECT details, rule_codes, status FROM ${table}
       WHERE source = $1 AND generation = $2 AND lsn = $3 AND ordinal = $4 AND entity = $5 AND entity_key = $6
       ORDER BY revision DESC LIMIT 1`,
    [source, generation, lsn, ordinal, entity, key],
  );
  const [row] = rows;
  return row === undefined ? null : { why: reasonsOf(row.details, row.rule_codes), status: row.status ?? 'open' };
}

export function reasonsOf(details: RejectionRow['details'], codes: readonly string[] | null): readonly Reason[] {
  if (details !== null && details.length > 0) return details.map(({ code, text }) => ({ code, text }));
  return (codes ?? []).map((code) => ({ code, text: null }));
}
