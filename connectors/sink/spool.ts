import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Decoder } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';
import type { LargeUnit, LaneEvent } from './contract.ts';
import type { EventHead } from './lane-partition.ts';
import { keylessPage, pageCount, type PageRecord, recordsIn, SpoolPages } from './spool-pages.ts';

/** Pages go to the store in pieces of so many bytes … */
const pieceBytesMax = 64 * 1024;
/** … of which so many come back at once. */
const fetchedPieces = 8;

const chunkBytes = 256 * 1024;
/** Less than this may be taken by a socket before it is sent. */
const sentAtOnceBytesMax = 128 * 1024;

// What is in it is bytes that hardly compress.
const createTable = `CREATE TEMPORARY TABLE IF NOT EXISTS concord_spool (page int, piece int, bytes bytea) ON COMMIT DELETE ROWS;
  ALTER TABLE concord_spool ALTER COLUMN bytes SET STORAGE EXTERNAL`;

/**
 * A source transaction of a lane that is too large to be held decoded, as the records that came, in pages by key. What is
 * too large even for that goes page-wise to a temporary table, within the transaction that will apply it.
 */
export class Spool implements LargeUnit {
  readonly leading: LaneEvent[] = [];
  position: Position = { generation: 0, lsn: 0, ordinal: 0 };
  sourceTime = 0;
  /** Events in it. */
  events = 0;
  private readonly topics: Map<number, string> = new Map();
  private readonly lane: number;
  private readonly decoder: Decoder<DecodedEvent>;
  private readonly sliceEvents: number;
  private readonly pages = new SpoolPages();
  private pieces = 0;
  private client: ClientBase | null = null;

  constructor(lane: number, decoder: Decoder<DecodedEvent>, sliceEvents: number) {
    this.lane = lane;
    this.decoder = decoder;
    this.sliceEvents = sliceEvents;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.pages.length;
  }

  add(heads: readonly EventHead[]): void {
    for (const { event: laneEvent, rank, value } of heads) {
      const { event, topic, key } = laneEvent;
      if (this.events === 0 || event.source.ordinal < this.position.ordinal) this.position = event.source;
      this.sourceTime = Math.max(this.sourceTime, event.source.sourceTime);
      this.events += 1;
      if (value === null || event.recordType === 'truncate') {
        this.leading.push(laneEvent);
        continue;
      }
      this.topics.set(rank, topic);
      this.pages.add(rank, key, value);
    }
    this.leading.sort((a, b) => a.event.source.ordinal - b.event.source.ordinal);
  }

  /** Into the store, in the transaction that is open there. */
  async spill(client: ClientBase): Promise<void> {
    if (this.client === null) await client.query(createTable);
    this.client = client;
    await pipeline(this.copyChunks(), client.query(copyFrom('COPY concord_spool FROM STDIN (FORMAT binary)')));
    this.pages.clear();
  }

  async *slices(): AsyncGenerator<readonly LaneEvent[]> {
    let slice: LaneEvent[] = [];
    let newest = -1;
    for await (const [page, records] of this.allPages()) {
      if (page !== newest && slice.length >= this.sliceEvents) {
        yield inOrder(slice);
        slice = [];
      }
      newest = page;
      for (const record of records) {
        slice.push(this.decode(record));
        if (page !== keylessPage || slice.length < this.sliceEvents) continue;
        yield inOrder(slice);
        slice = [];
      }
    }
    if (slice.length > 0) yield inOrder(slice);
  }

  private async *allPages(): AsyncGenerator<readonly [page: number, records: Iterable<PageRecord>]> {
    const { client } = this;
    if (client === null) {
      for (let page = 0; page < pageCount; page += 1) yield [page, this.pages.recordsOf(page)];
      return;
    }
    await this.spill(client);
    this.pages.release();
    await client.query('DECLARE concord_spooled CURSOR FOR SELECT page, bytes FROM concord_spool ORDER BY page, piece');
    for (;;) {
      const { rows } = await client.query<{ page: number; bytes: Buffer }>(
        `FETCH ${fetchedPieces} FROM concord_spooled`,
      );
      for (const { page, bytes } of rows) yield [page, recordsIn(bytes)];
      if (rows.length < fetchedPieces) break;
    }
    await client.query('CLOSE concord_spooled; TRUNCATE concord_spool');
  }

  /**
   * All pages as the binary format of COPY. A chunk that is larger than any socket's buffer is asked for the next one only
   * when it is sent, so that its memory can be used again.
   */
  private *copyChunks(): Generator<Buffer> {
    let chunk = Buffer.allocUnsafeSlow(chunkBytes);
    let end = copyHeader.copy(chunk);
    for (let page = 0; page < pageCount; page += 1) {
      for (const piece of this.pages.piecesOf(page, pieceBytesMax)) {
        const least = rowHeaderBytes + piece.size + copyTrailer.length;
        if (end + least > chunk.length) {
          yield chunk.subarray(0, end);
          if (end < sentAtOnceBytesMax || least > chunk.length)
            chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, least));
          end = 0;
        }
        end = writeRowHeader(chunk, end, page, this.pieces, piece.size);
        end = this.pages.copy(piece, chunk, end);
        this.pieces += 1;
      }
    }
    end += copyTrailer.copy(chunk, end);
    yield chunk.subarray(0, end);
  }

  private decode({ rank, key, bytes, start, end }: PageRecord): LaneEvent {
    const topic = this.topics.get(rank);
    if (topic === undefined) throw new Error(`no topic has the rank ${rank}`);
    return { topic, partition: this.lane, offset: 0, key, event: this.decoder.decodeAt(topic, bytes, start, end, key) };
  }
}

/**
 * Partitions are merged as they are fetched, so that those of one key in different topics may be out of order. Of events
 * that share a position a delete comes first.
 */
function inOrder(slice: LaneEvent[]): readonly LaneEvent[] {
  return slice.sort(
    ({ event: a }, { event: b }) =>
      a.source.ordinal - b.source.ordinal || Number(b.recordType === 'delete') - Number(a.recordType === 'delete'),
  );
}

// Signature, flags and the length of an extension that is not there.
const copyHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const copyTrailer = Buffer.from([0xff, 0xff]);

const rowHeaderBytes = 22;

/** The row up to the bytes of its page. */
function writeRowHeader(bytes: Buffer, start: number, page: number, piece: number, size: number): number {
  let at = bytes.writeInt16BE(3, start);
  at = bytes.writeInt32BE(4, at);
  at = bytes.writeInt32BE(page, at);
  at = bytes.writeInt32BE(4, at);
  at = bytes.writeInt32BE(piece, at);
  return bytes.writeInt32BE(size, at);
}
