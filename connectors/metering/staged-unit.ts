import type { ClientBase } from 'pg';
import type { DecodedEvent, EventSource, Item, RecordType } from '../../avro/envelope.ts';
import type { LaneEvent, OutcomeDelta, Unit } from '../sink/contract.ts';
import { copyField } from './copy-text.ts';
import { tableOfTopic } from './entities.ts';
import { readRows } from './load.ts';
import { copyRows } from './write.ts';

/** What an event has of its own; the rest of its envelope is the transaction's. */
type Packed = [RecordType, ordinal: number, invalid: Record<string, string> | 0, unchanged: string[] | 0, ...Item[]];

const createStage = `CREATE TEMPORARY TABLE IF NOT EXISTS concord_staged
  (lane_key text, is_asset boolean, topic text, ordinal int, seq int, packed text) ON COMMIT DELETE ROWS`;

/**
 * A source transaction that is too large for memory, kept in a temporary table until it is complete. Only its
 * reference events (few) and truncates are kept here.
 */
export class StagedUnit {
  readonly reference: LaneEvent[] = [];
  readonly truncates: LaneEvent[] = [];
  private readonly source: string;
  private first: DecodedEvent | null = null;
  private staged = 0;

  constructor(source: string) {
    this.source = source;
  }

  async add(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    if (this.first === null) await client.query(createStage);
    const rows: string[] = [];
    for (const event of events) {
      this.first ??= event.event;
      if (tableOfTopic(event.topic, this.source)?.laneKey === null) this.reference.push(event);
      else if (event.event.recordType === 'truncate') this.truncates.push(event);
      else rows.push(this.pack(event));
    }
    await copyRows(client, 'COPY concord_staged FROM STDIN', rows);
  }

  /** The unit without its events: for its position and time. */
  firstUnit(): Unit | null {
    const { first } = this;
    if (first === null) return null;
    const { generation, lsn } = first.source;
    return { generation, lsn, events: [{ topic: '', partition: 0, offset: 0, key: '', event: first }] };
  }

  /** What a truncate of the same transaction undid was never visible: it is counted, and not judged. */
  async dropTruncated(client: ClientBase): Promise<readonly OutcomeDelta[]> {
    const dropped: OutcomeDelta[] = [];
    for (const { topic, event } of this.truncates) {
      const gone = await client.query('DELETE FROM concord_staged WHERE topic = $1 AND ordinal < $2', [
        topic,
        event.source.ordinal,
      ]);
      dropped.push({ topic, outcome: 'applied', delta: gone.rowCount ?? 0 });
    }
    return dropped;
  }

  /** All events of a key together, in chunks of about `size`. */
  async *chunks(client: ClientBase, size: number): AsyncGenerator<readonly LaneEvent[]> {
    await client.query(
      'DECLARE concord_stage CURSOR FOR SELECT topic, lane_key, packed FROM concord_staged ORDER BY is_asset, lane_key, seq',
    );
    let chunk: LaneEvent[] = [];
    for (;;) {
      const rows = await readRows(client, `FETCH ${size} FROM concord_stage`, []);
      for (const [topic, key, packed] of rows) {
        const event = this.unpack(String(topic), String(key), String(packed));
        if (chunk.length >= size && chunk.at(-1)?.key !== event.key) {
          yield chunk;
          chunk = [];
        }
        chunk.push(event);
      }
      if (rows.length < size) break;
    }
    if (chunk.length > 0) yield chunk;
    await client.query('CLOSE concord_stage');
  }

  async clear(client: ClientBase): Promise<void> {
    await client.query('TRUNCATE concord_staged');
  }

  private pack({ topic, key, event }: LaneEvent): string {
    const { recordType, source, invalid, unchanged } = event;
    const items: Item[] = [];
    for (const [name] of tableOfTopic(topic, this.source)?.items ?? []) items.push((event[name] ?? null) as Item);
    const packed: Packed = [
      recordType,
      source.ordinal,
      Object.keys(invalid).length === 0 ? 0 : { ...invalid },
      unchanged.length === 0 ? 0 : [...unchanged],
      ...items,
    ];
    this.staged += 1;
    const isAsset = topic.endsWith('.meter-asset') ? 't' : 'f';
    return `${copyField(key)}\t${isAsset}\t${copyField(topic)}\t${source.ordinal}\t${this.staged}\t${copyField(JSON.stringify(packed))}\n`;
  }

  private unpack(topic: string, key: string, packed: string): LaneEvent {
    if (this.first === null) throw new Error('nothing was staged');
    const [recordType, ordinal, invalid, unchanged, ...items] = JSON.parse(packed) as Packed;
    const source: EventSource = { ...this.first.source, ordinal };
    const event: Record<string, unknown> = {
      recordType,
      senderId: this.first.senderId,
      createdAt: this.first.createdAt,
      correlationId: null,
      source,
      invalid: invalid === 0 ? {} : invalid,
      unchanged: unchanged === 0 ? [] : unchanged,
    };
    let at = 0;
    for (const [name] of tableOfTopic(topic, this.source)?.items ?? []) {
      event[name] = items[at] ?? null;
      at += 1;
    }
    return { topic, partition: 0, offset: 0, key, event: event as unknown as DecodedEvent };
  }
}
