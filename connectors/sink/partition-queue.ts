import type { Decoder } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { comparePositions, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import type { FetchedBatch } from '../../topics/contract.ts';
import type { LaneEvent } from './contract.ts';
import type { EventHead, Head, LanePartition, PartitionStart } from './lane-partition.ts';
import { Segment } from './segment.ts';
import { Sequence } from './sequence.ts';
import { deadLetterOf, rethrowSystemic } from './undecodable.ts';

/** Segments that were read are cut off when so many have gathered at the front. */
const readSegmentsMax = 64;

/**
 * The records of one partition of a lane topic that wait to be merged, undecoded but for the first: decoded events
 * take several times the memory of their bytes.
 */
export class PartitionQueue implements LanePartition {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  readonly rank: number;
  readonly kept = true;
  fetchedOffset: number;
  paused = false;
  bytes = 0;
  duplicates = 0;
  /** The position of the last event that was taken. */
  taken: Position;
  private readonly source: string;
  private readonly decoder: Decoder<DecodedEvent>;
  private readonly sequence: Sequence;
  private readonly identityItem: string | null;
  private segments: Segment[] = [];
  private first = 0;
  /** Read to their ends, but for views that the merge may have given away. */
  private finished: Segment[] = [];
  private head: Head | undefined;
  private newestEvent: Position | null = null;
  /** The last value fetched, until somebody asks for its position. */
  private unreadTail: Buffer | null = null;

  constructor(
    source: string,
    topic: string,
    partition: number,
    rank: number,
    start: PartitionStart,
    decoder: Decoder<DecodedEvent>,
    identityItem: string | null = null,
  ) {
    this.source = source;
    this.topic = topic;
    this.partition = partition;
    this.name = partitionName(topic, partition);
    this.rank = rank;
    this.fetchedOffset = start.nextOffset;
    this.taken = start.taken;
    this.sequence = new Sequence(start.taken);
    this.decoder = decoder;
    this.identityItem = identityItem;
  }

  /** The offset from which everything is still to be taken. */
  get nextOffset(): number {
    return this.segment?.offset ?? this.fetchedOffset;
  }

  /** Of what was taken, no view is used any more (`isCopied`), or nothing is known of that. */
  forgetTaken(isCopied: boolean): void {
    if (isCopied) for (const segment of this.finished) segment.release();
    this.finished = [];
  }

  push(batch: FetchedBatch): void {
    this.fetchedOffset = batch.nextOffset;
    if (batch.records.length === 0) return;
    const segment = new Segment(batch.records);
    this.segments.push(segment);
    this.bytes += segment.sizeBytes;
    this.unreadTail = segment.lastValue() ?? this.unreadTail;
  }

  /** The last value may be one that can not be read: then the first that waits says at least something. */
  newest(): Position | null {
    if (this.unreadTail !== null) {
      this.seen(this.positionOf(this.unreadTail));
      this.unreadTail = null;
    }
    this.seen(this.peek()?.position ?? null);
    return this.newestEvent;
  }

  peek(): Head | undefined {
    for (let segment = this.segment; this.head === undefined && segment !== undefined; segment = this.segment) {
      if (!segment.isTombstone) this.head = this.read(segment);
      if (this.head === undefined) this.skip(segment);
    }
    return this.head;
  }

  take(): void {
    const segment = this.segment;
    if (segment === undefined || this.head === undefined) throw new Error('nothing to take');
    if (this.head.kind === 'event') this.taken = this.head.position;
    this.head = undefined;
    this.skip(segment);
  }

  /** Undefined for an event that was there before. */
  private read(segment: Segment): Head | undefined {
    const bytes = segment.recordBytes;
    let event: DecodedEvent;
    const key = segment.keyText;
    try {
      event = this.decode(segment.bytes, segment.valueStart, segment.valueEnd, key);
    } catch (error) {
      rethrowSystemic(error);
      const { source, topic, partition } = this;
      const value = segment.value ?? Buffer.alloc(0);
      const letter = deadLetterOf({ source, topic, partition, offset: segment.offset, key: segment.key, value }, error);
      return { kind: 'letter', position: this.sequence.position, letter, bytes };
    }
    const offset = segment.offset;
    const identity = this.identityItem === null ? key : `${key}\n${String(event[this.identityItem])}`;
    if (!this.sequence.admit(event.source, identity, event.recordType)) {
      this.duplicates += 1;
      return undefined;
    }
    const laneEvent = { topic: this.topic, partition: this.partition, offset, key, event };
    return new QueuedHead(laneEvent, this.rank, bytes, segment.bytes, segment.valueStart, segment.valueEnd);
  }

  private decode(bytes: Buffer, start: number, end: number, key: string): DecodedEvent {
    const event = this.decoder.decodeAt(this.topic, bytes, start, end, key);
    if (event.source.name !== this.source) throw new Error(`the event is of the source ${event.source.name}`);
    return event;
  }

  private positionOf(value: Buffer): Position | null {
    try {
      return this.decode(value, 0, value.length, '').source;
    } catch (error) {
      rethrowSystemic(error);
      return null;
    }
  }

  private seen(position: Position | null): void {
    if (position === null) return;
    if (this.newestEvent === null || comparePositions(position, this.newestEvent) > 0) this.newestEvent = position;
  }

  private get segment(): Segment | undefined {
    return this.segments[this.first];
  }

  private skip(segment: Segment): void {
    segment.next();
    if (!segment.done) return;
    this.finished.push(segment);
    this.bytes -= segment.sizeBytes;
    this.first += 1;
    if (this.first === this.segments.length || this.first > readSegmentsMax) {
      this.segments.splice(0, this.first);
      this.first = 0;
    }
  }
}

/** Its bytes are looked at only when its transaction turns out to be too large: a view of each would cost as much as it does. */
class QueuedHead implements EventHead {
  readonly kind = 'event';
  readonly event: LaneEvent;
  readonly rank: number;
  readonly bytes: number;
  private readonly slab: Buffer;
  private readonly start: number;
  private readonly end: number;

  constructor(event: LaneEvent, rank: number, bytes: number, slab: Buffer, start: number, end: number) {
    this.event = event;
    this.rank = rank;
    this.bytes = bytes;
    this.slab = slab;
    this.start = start;
    this.end = end;
  }

  get position(): Position {
    return this.event.event.source;
  }

  get value(): Buffer {
    return this.slab.subarray(this.start, this.end);
  }
}
