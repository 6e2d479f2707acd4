import { prefixBytes } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Decoder } from '../../avro/codec.ts';
import { comparePositions } from '../../avro/position.ts';
import { Fault } from '../../runtime/fault.ts';
import type { FetchedBatch, FetchedRecord } from '../../topics/contract.ts';
import type { PartitionQueue } from './partition-queue.ts';

/** So often in a row a partition may bring another offset than the one asked for. */
const refusalsMax = 50;

export interface Valve {
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
}

/**
 * The records of a lane that wait, bounded in bytes. Each partition may hold its share whatever the others hold, so
 * that a full one never keeps the one that it waits for from being fetched.
 */
export class LaneBuffer {
  readonly queues: readonly PartitionQueue[];
  private readonly byTopic: ReadonlyMap<string, PartitionQueue>;
  private readonly refusals = new Map<PartitionQueue, number>();
  private readonly bytesMax: number;
  private readonly shareBytes: number;
  private readonly valve: Valve;
  private readonly decoder: Decoder<DecodedEvent>;
  private schemaIds = new Set<number>();
  private readonly preparedIds = new Set<number>();

  constructor(queues: readonly PartitionQueue[], bytesMax: number, valve: Valve, decoder: Decoder<DecodedEvent>) {
    this.queues = queues;
    this.byTopic = new Map(queues.map((queue) => [queue.topic, queue]));
    this.bytesMax = bytesMax;
    this.shareBytes = Math.floor(bytesMax / Math.max(1, queues.length));
    this.valve = valve;
    this.decoder = decoder;
  }

  get bytes(): number {
    let bytes = 0;
    for (const queue of this.queues) bytes += queue.bytes;
    return bytes;
  }

  /** Offsets that wait: events, but for what Kafka's own records take. */
  get offsets(): number {
    let offsets = 0;
    for (const { fetchedOffset, nextOffset } of this.queues) offsets += fetchedOffset - nextOffset;
    return offsets;
  }

  expectedOffset(topic: string): number {
    return this.queueOf(topic).fetchedOffset;
  }

  /** False when the batch is not the next one of its partition (P15). Throws a fault when it never can be. */
  accept(batch: FetchedBatch): boolean {
    const queue = this.queueOf(batch.topic);
    if (batch.fetchedOffset !== queue.fetchedOffset) {
      this.refuse(queue, batch);
      return false;
    }
    this.refusals.delete(queue);
    queue.push(batch);
    this.noteSchemaIds(batch.records);
    if (!queue.paused && queue.bytes >= this.shareBytes && this.bytes > this.bytesMax) {
      queue.paused = true;
      this.valve.pause(queue.topic, queue.partition);
    }
    return true;
  }

  /**
   * Resolves when the writers' schemas of all that has come are there, so that reading needs no waiting. More may come
   * while schemas are fetched: then those are fetched too.
   */
  async prepared(): Promise<void> {
    while (this.schemaIds.size > 0) {
      const ids = this.schemaIds;
      this.schemaIds = new Set();
      await this.decoder.prepare(ids);
      for (const id of ids) this.preparedIds.add(id);
    }
  }

  /** Everything taken so far is copied, and its memory can be used again; or it is left to the garbage collector. */
  forgetTaken(isCopied: boolean): void {
    for (const queue of this.queues) queue.forgetTaken(isCopied);
  }

  /** Resumes what has drained. With hysteresis: each resume costs a fetch. */
  drained(): void {
    const half = this.bytes < this.bytesMax / 2;
    for (const queue of this.queues) {
      if (queue.paused && (half || queue.bytes < this.shareBytes / 2)) this.resume(queue);
    }
  }

  /** A partition that is left paused would stay so when this process gets it again. */
  close(): void {
    for (const queue of this.queues) if (queue.paused) this.resume(queue);
  }

  private resume(queue: PartitionQueue): void {
    queue.paused = false;
    this.valve.resume(queue.topic, queue.partition);
  }

  private queueOf(topic: string): PartitionQueue {
    const queue = this.byTopic.get(topic);
    if (queue === undefined) throw new Error(`${topic} is no topic of this lane`);
    return queue;
  }

  private noteSchemaIds(records: readonly FetchedRecord[]): void {
    let lastId = -1;
    for (const { value } of records) {
      if (value === null || value.length < prefixBytes || value[0] !== 0) continue;
      const id = value.readUInt32BE(1);
      if (id === lastId) continue;
      lastId = id;
      if (!this.preparedIds.has(id)) this.schemaIds.add(id);
    }
  }

  private refuse(queue: PartitionQueue, batch: FetchedBatch): void {
    const context = {
      partition: queue.name,
      expectedOffset: queue.fetchedOffset,
      fetchedOffset: batch.fetchedOffset,
      highWatermark: batch.highWatermark,
    };
    if (batch.highWatermark < queue.fetchedOffset || this.holdsNewerEvent(queue, batch)) {
      throw new Fault(
        'gap',
        'TOPIC_MADE_ANEW',
        `${queue.name} is not the partition that was read before: what was applied from it went further. The topic was made anew or lost its end.`,
        context,
      );
    }
    const refusals = (this.refusals.get(queue) ?? 0) + 1;
    this.refusals.set(queue, refusals);
    if (refusals > refusalsMax) {
      throw new Fault(
        'gap',
        'OFFSET_OUT_OF_REACH',
        `${queue.name} never delivers offset ${queue.fetchedOffset}, which comes next. Records between were removed before they were applied.`,
        context,
      );
    }
  }

  /** A lower offset with a higher position than the last one applied: offsets are being used again. */
  private holdsNewerEvent(queue: PartitionQueue, batch: FetchedBatch): boolean {
    const record = batch.records.find(({ offset, value }) => offset < queue.nextOffset && value !== null);
    if (record === undefined || record.value === null) return false;
    try {
      return comparePositions(this.decoder.decode(queue.topic, record.value).source, queue.taken) > 0;
    } catch {
      return false;
    }
  }
}
