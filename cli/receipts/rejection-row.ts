import { parseLsn } from '../../avro/position.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import type { Settings } from '../settings.ts';
import type { Answer } from './answer.ts';
import { askSide, type Direction } from './direction.ts';

interface OutboxRow {
  readonly mpan_core: string | null;
  readonly status: string;
  readonly raised_at: Date;
  readonly lsn_now: string;
}

/** What became of a row of the other direction: a rejection of flow 3, by its id. */
export async function answerRejectionRow(settings: Settings, direction: Direction, id: string): Promise<Answer> {
  const sent = await withDatabase(direction.sender, 'concord receipts', async (client) => {
    const { rows } = await client.query<OutboxRow>(
      `SELECT mpan_core, status, raised_at, pg_current_wal_insert_lsn()::text AS lsn_now FROM metering.rejection
         WHERE rejection_id::text = lower($1)`,
      [id],
    );
    return rows[0] ?? null;
  });
  const lane = sent === null ? null : partitionOf(Buffer.from(sent.mpan_core ?? ''), settings.kafka.partitions);
  const received = await askSide(direction.receiver, async (client) => {
    const { rows } = await client.query<{ status: string | null; through: string | null }>(
      `SELECT (SELECT status FROM inbox.rejection WHERE rejection_id::text = lower($1)) AS status,
         (SELECT lsn FROM concord.applied_position WHERE source = $2 AND lane = $3) AS through`,
      [id, direction.source, lane],
    );
    return rows[0] ?? null;
  });
  const base = {
    outcome: null,
    source: direction.source,
    entity: 'rejection',
    key: id,
    lane,
    place: null,
    recordType: null,
    position: null,
    committedAt: sent?.raised_at.toISOString() ?? null,
    why: [],
    due: null,
    acknowledged: null,
  };
  if (sent === null) return { ...base, verdict: 'unknown', note: 'The metering store has no such rejection.' };
  if (received.found === null)
    return { ...base, verdict: 'not yet', note: `The receiver could not be asked: ${received.note ?? ''}` };
  if (received.found.status === sent.status) {
    return { ...base, verdict: 'delivered', outcome: 'applied', note: `Both sides have it as ${sent.status}.` };
  }
  const isPast = Number(received.found.through ?? 0) >= parseLsn(sent.lsn_now);
  const told = `It is ${sent.status} in the store, and ${received.found.status ?? 'not there'} in the inbox.`;
  return { ...base, verdict: isPast ? 'no trace' : 'not yet', note: told };
}
