import type { ClientBase } from 'pg';
import { partitionOf } from '../../topics/partitioner.ts';
import type { LaneEvent } from '../sink/contract.ts';
import { decidedColumns, endingColumns, stampColumns, timestampText } from './copy-text.ts';
import type { Effects } from './effects.ts';
import { type EntityTable, tableOfTopic } from './entities.ts';
import { readRows } from './read-rows.ts';

export interface TruncatedLane {
  readonly source: string;
  readonly lane: number;
  readonly partitions: number;
}

const keysPerChunk = 20_000;

/**
 * Takes away all rows of a topic whose keys belong to the lane. No rule is asked: the source has emptied the table, and
 * what is open about its rows has no subject any more.
 */
export async function truncateLane(
  client: ClientBase,
  lane: TruncatedLane,
  event: LaneEvent,
  effects: Effects,
): Promise<void> {
  const table = tableOfTopic(event.topic, lane.source);
  if (table === null || table.laneKey === null) return;
  await truncateRows(client, lane, table, event);
  await truncateTrouble(client, lane, event, effects);
}

async function truncateRows(
  client: ClientBase,
  { lane, partitions, source }: TruncatedLane,
  table: EntityTable,
  { topic, event }: LaneEvent,
): Promise<void> {
  const only = `source = $$${source.replaceAll('$', '')}$$${serviceFilter(topic)}`;
  await client.query(
    `DECLARE concord_truncate CURSOR FOR SELECT DISTINCT ${table.laneKey} FROM metering.${table.entity} WHERE ${only}`,
  );
  const columns = [...table.items.map(([name]) => name), ...stampColumns, ...decidedColumns, 'applied_at'].join(', ');
  const { generation, lsn, ordinal, xid, sourceTime } = event.source;
  for (;;) {
    const rows = await readRows(client, `FETCH ${keysPerChunk} FROM concord_truncate`, []);
    const keys = rows.map(([key]) => String(key)).filter((key) => partitionOf(Buffer.from(key), partitions) === lane);
    const condition = `${table.laneKey} = ANY($1) AND ${only}`;
    await client.query(
      `INSERT INTO metering.${table.entity}_history (${columns}, ${endingColumns.join(', ')})
       SELECT ${columns}, $2, $3, $4, $5, $6 FROM metering.${table.entity} WHERE ${condition}`,
      [keys, generation, lsn, ordinal, xid, timestampText(sourceTime)],
    );
    await client.query(`DELETE FROM metering.${table.entity} WHERE ${condition}`, [keys]);
    if (rows.length < keysPerChunk) break;
  }
  await client.query('CLOSE concord_truncate');
}

/** A service type that nobody knows goes to the smart topic, and is never in the store. */
function serviceFilter(topic: string): string {
  const kind = /\.appointment\.([a-z]+)$/.exec(topic)?.[1];
  return kind === undefined ? '' : ` AND service_type = '${kind.toUpperCase()}'`;
}

async function truncateTrouble(
  client: ClientBase,
  { source, lane }: TruncatedLane,
  { topic, event }: LaneEvent,
  effects: Effects,
): Promise<void> {
  const { generation, lsn, sourceTime } = event.source;
  const held = await client.query('DELETE FROM metering.held WHERE source = $1 AND lane = $2 AND topic = $3', [
    source,
    lane,
    topic,
  ]);
  effects.count(topic, 'held', -(held.rowCount ?? 0));
  effects.count(topic, 'superseded', held.rowCount ?? 0);
  await client.query(
    `WITH ended AS (
       UPDATE metering.rejection r SET status = 'resolved', resolved_by_generation = $4, resolved_by_lsn = $5, resolved_at = $6
       FROM metering.last_received l
       WHERE l.source = $1 AND l.lane = $2 AND l.topic = $3 AND r.status = 'open'
         AND r.lane_key = l.lane_key AND r.entity = l.entity AND r.entity_key = l.entity_key
       RETURNING r.rejection_id
     ) DELETE FROM metering.rejected_event e USING ended WHERE e.rejection_id = ended.rejection_id`,
    [source, lane, topic, generation, lsn, timestampText(sourceTime)],
  );
  await client.query('DELETE FROM metering.last_received WHERE source = $1 AND lane = $2 AND topic = $3', [
    source,
    lane,
    topic,
  ]);
}
