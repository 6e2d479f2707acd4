import type { DecodedEvent } from '../../avro/envelope.ts';
import { beginning, comparePositions, type Position } from '../../avro/position.ts';
import { nowMs } from '../../runtime/clock.ts';
import { createLog } from '../../runtime/log.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { topicsOf } from '../../topics/catalogue.ts';
import type { FetchedRecord } from '../../topics/contract.ts';
import { readRanges } from '../../topics/range-reader.ts';
import { searchRecords } from '../../topics/record-search.ts';
import { catalogueOf, decodersOf, kafkaOf, registryOf } from '../connections.ts';
import { readProgressOf } from '../progress.ts';
import type { Settings } from '../settings.ts';
import { type Direction, readReceipts, type ReceiptRow } from './direction.ts';
import { readEvent } from './read-event.ts';

/** An event that no receipt covers. */
export interface OverdueEvent {
  readonly topic: string;
  readonly lane: number;
  readonly offset: number;
  readonly position: Position;
  readonly recordType: string;
  readonly key: string;
  readonly committedAt: string;
}

export interface Overdue {
  readonly source: string;
  /** Published longer ago than was asked, and covered by no receipt. At most as many as may be listed. */
  readonly events: readonly OverdueEvent[];
  readonly total: number;
  /** Since when the source has published nothing, not even its heartbeat; null while it is alive. */
  readonly silentSince: string | null;
}

const heartbeatsMissed = 3;

/** What has waited for its receipt since before `sinceMs` (epoch milliseconds), by what the sender knows. */
export async function findOverdue(
  settings: Settings,
  direction: Direction,
  sinceMs: number,
  listedMax: number,
  signal: AbortSignal,
): Promise<Overdue> {
  const { source } = direction;
  const receipts = await withDatabase(direction.sender, 'concord receipts', (client) =>
    readReceipts(client, direction),
  );
  const catalogue = catalogueOf(settings);
  // Receipts are no news: nobody acknowledges them as such (P19).
  const lanes = topicsOf(catalogue, source, 'lane').filter(({ schema }) => schema !== 'receipt');
  const references = topicsOf(catalogue, source, 'reference').map(({ name }) => name);
  const topics = [...lanes.map(({ name }) => name), ...references];
  const kafka = kafkaOf(settings, 'receipts', createLog('receipts', 'error'));
  const registry = registryOf(settings);
  try {
    const decoders = decodersOf(settings, registry);
    const progress = await readProgressOf(source, kafka, decoders.progress);
    const events: OverdueEvent[] = [];
    let total = 0;
    for (let lane = 0; lane < settings.kafka.partitions; lane += 1) {
      const through = throughOf(receipts, lane);
      const standing = async (topic: string, record: FetchedRecord): Promise<number | null> => {
        const event = await readEvent(decoders.event, topic, record);
        return event === null ? null : isCovered(event.source, through) ? -1 : 1;
      };
      const searched = lane === 0 ? topics : lanes.map(({ name }) => name);
      const partitions = (await searchRecords(kafka, searched, standing, 1, lane)).filter(
        ({ from, end }) => from < end,
      );
      await readRanges(
        kafka,
        partitions.map(({ topic, partition, from, end }) => ({ topic, partition, from, to: end })),
        async ({ topic, records }) => {
          for (const record of records) {
            const event = await readEvent(decoders.event, topic, record);
            if (event === null || isCovered(event.source, through) || event.source.committedAt / 1000 > sinceMs)
              continue;
            total += 1;
            if (events.length < listedMax) events.push(overdueOf(topic, lane, record, event));
          }
        },
        signal,
      );
    }
    // Between two heartbeats a source is not silent, however short the time that was asked for.
    const silentBeforeMs = nowMs() - heartbeatsMissed * settings.limits.heartbeatIntervalMs;
    const lastMs = progress === null ? null : progress.createdAt / 1000;
    return {
      source,
      events: events.toSorted((a, b) => comparePositions(a.position, b.position)),
      total,
      silentSince:
        lastMs !== null && lastMs < Math.min(sinceMs, silentBeforeMs) ? new Date(lastMs).toISOString() : null,
    };
  } finally {
    registry.close();
  }
}

/** Several receivers may sign for a lane: what one of them lacks is not acknowledged. */
function throughOf(receipts: readonly ReceiptRow[], lane: number): Pick<Position, 'generation' | 'lsn'> {
  const positions = receipts
    .filter((one) => one.lane === lane)
    .map((one) => ({ generation: one.generation, lsn: Number(one.through_lsn), ordinal: 0 }));
  return positions.toSorted(comparePositions)[0] ?? beginning;
}

function isCovered(event: Position, through: Pick<Position, 'generation' | 'lsn'>): boolean {
  return event.generation < through.generation || (event.generation === through.generation && event.lsn <= through.lsn);
}

function overdueOf(topic: string, lane: number, record: FetchedRecord, event: DecodedEvent): OverdueEvent {
  const { generation, lsn, ordinal, committedAt } = event.source;
  return {
    topic,
    lane,
    offset: record.offset,
    position: { generation, lsn, ordinal },
    recordType: event.recordType,
    key: record.key?.toString() ?? '',
    committedAt: new Date(committedAt / 1000).toISOString(),
  };
}
