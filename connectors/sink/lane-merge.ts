import { comparePositions, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import type { LaneEvent, Unit } from './contract.ts';
import type { EventHead, Head, LanePartition } from './lane-partition.ts';
import type { ProgressLog } from './progress-log.ts';
import { compareTransactions, justBefore } from './sequence.ts';
import type { DeadLetter, LaneEnd, SinkLimits } from './settings.ts';
import { UnitInParts } from './unit-in-parts.ts';

export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  readonly taken: Position;
}

/** How far a lane is when what a step gives away is applied. */
export interface Reach {
  /** Every change at or below it (the whole source transaction) has been given away. */
  readonly through: Position;
  /** Source time at `through`, epoch microseconds. */
  readonly sourceTime: number;
  readonly offsets: readonly PartitionOffset[];
}

/** What is to be done next with a lane. */
export type Step =
  /** Complete units, in order. */
  | {
      readonly kind: 'batch';
      readonly units: readonly Unit[];
      readonly letters: readonly DeadLetter[];
      readonly reach: Reach;
    }
  /**
   * Some events of one transaction that is too large; `reach` comes with the last. With nothing in it, more must be
   * fetched.
   */
  | {
      readonly kind: 'slice';
      readonly events: readonly EventHead[];
      readonly letters: readonly DeadLetter[];
      readonly reach: Reach | null;
    }
  /** No event is complete; the lane is known to be at `reach`. */
  | { readonly kind: 'idle'; readonly reach: Reach };

type MergeLimits = Pick<SinkLimits, 'batchEventsMax' | 'batchBytesMax' | 'unitEventsMax' | 'unitBytesMax'>;

interface OpenUnit extends Position {
  readonly events: LaneEvent[];
}

/** So many events of a large unit are looked at between two looks at everything else. */
const partEventsMax = 500;

/**
 * Merges the partitions of a lane into the source's commit order (P13) and cuts it into source transactions (P14).
 *
 * What it gives away, and in which order, depends on the topics alone, never on when what was fetched. A source
 * transaction is complete when every partition is known up to its LSN: a later event was fetched from it, or it was
 * fetched up to where a progress record covers it.
 */
export class LaneMerge {
  private readonly partitions: readonly LanePartition[];
  private readonly progress: ProgressLog;
  private readonly limits: MergeLimits;
  private readonly end: LaneEnd | null;
  private through: Position;
  private sourceTime: number;
  private large: UnitInParts | null = null;
  /** By partition, where it stood before the unit that is being taken. */
  private readonly markedOffsets: Float64Array;
  private readonly markedTaken: Position[];

  constructor(
    partitions: readonly LanePartition[],
    progress: ProgressLog,
    start: { readonly through: Position; readonly sourceTime: number },
    limits: MergeLimits,
    end: LaneEnd | null = null,
  ) {
    this.end = end;
    this.partitions = partitions;
    this.progress = progress;
    this.through = start.through;
    this.sourceTime = start.sourceTime;
    this.limits = limits;
    this.markedOffsets = new Float64Array(partitions.length);
    this.markedTaken = partitions.map((partition) => partition.taken);
  }

  /** Throws faults; what was taken is lost then, so the lane must start over. */
  next(): Step {
    const complete = this.complete();
    if (this.large !== null) return this.nextSlice(this.large, complete);
    const head = this.smallest()?.peek();
    if (head === undefined) return { kind: 'idle', reach: this.reachTo(complete) };
    if (compareTransactions(head.position, complete) <= 0) return this.nextBatch(complete);
    if (this.isBehindEnd(head.position) || !this.isTooLarge(head.position, complete)) {
      return { kind: 'idle', reach: this.reachTo(complete) };
    }
    this.large = new UnitInParts(head.position);
    return this.nextSlice(this.large, complete);
  }

  /** The position up to which every partition is known and the progress records are read. */
  private complete(): Position {
    let complete = this.progress.watermark;
    for (const partition of this.partitions) {
      const known = this.known(partition);
      if (compareTransactions(known, complete) < 0) complete = known;
    }
    if (this.end !== null && compareTransactions(complete, this.end.position) >= 0) complete = this.end.position;
    return compareTransactions(complete, this.through) < 0 ? this.through : complete;
  }

  private isBehindEnd(position: Position): boolean {
    return this.end !== null && compareTransactions(position, this.end.position) > 0;
  }

  private known(partition: LanePartition): Position {
    const covered = this.progress.knownAt(partition.name, partition.fetchedOffset);
    const newest = partition.newest();
    if (newest === null) return covered;
    // More events of the newest one's transaction may follow, but none of an earlier one.
    const before = justBefore(newest);
    return compareTransactions(before, covered) > 0 ? before : covered;
  }

  /**
   * Whether the transaction at `position`, which comes next, is too large to be waited for: everything before it is
   * known, and a partition that holds back the knowledge of it is full of it.
   */
  private isTooLarge(position: Position, complete: Position): boolean {
    if (compareTransactions(complete, justBefore(position)) < 0) return false;
    return this.partitions.some(
      (partition) =>
        (partition.paused || partition.bytes > this.limits.unitBytesMax) &&
        compareTransactions(this.known(partition), position) < 0,
    );
  }

  private nextBatch(complete: Position): Step {
    const units: OpenUnit[] = [];
    const letters: DeadLetter[] = [];
    let lettersBefore = 0;
    let unit: OpenUnit | undefined;
    let heads: EventHead[] = [];
    let events = 0;
    let bytes = 0;
    for (let smallest = this.smallest(); smallest !== undefined; smallest = this.smallest()) {
      const head = smallest.peek();
      if (head === undefined || compareTransactions(head.position, complete) > 0) break;
      if (head.kind === 'letter') {
        letters.push(head.letter);
        smallest.take();
        continue;
      }
      if (unit === undefined || compareTransactions(head.position, unit) !== 0) {
        this.markPartitions();
        if (events >= this.limits.batchEventsMax || bytes >= this.limits.batchBytesMax) {
          return { kind: 'batch', units, letters, reach: this.reachAfter(units) };
        }
        assertNotLate(head.event, this.through);
        lettersBefore = letters.length;
        const { generation, lsn, ordinal } = head.position;
        unit = { generation, lsn, ordinal, events: [] };
        units.push(unit);
        heads = [];
      }
      heads.push(head);
      unit.events.push(head.event);
      events += 1;
      bytes += head.bytes;
      smallest.take();
      if (unit.events.length > this.limits.unitEventsMax) {
        units.pop();
        this.large = new UnitInParts(unit, heads, letters.splice(lettersBefore));
        if (units.length === 0 && letters.length === 0) return this.nextSlice(this.large, complete);
        return { kind: 'batch', units, letters, reach: this.reachAfter(units) };
      }
    }
    this.advanceAfter(units);
    return { kind: 'batch', units, letters, reach: this.reachTo(complete) };
  }

  private nextSlice(large: UnitInParts, complete: Position): Step {
    const slice = large.cut(this.headsOf(large, Math.min(partEventsMax, this.limits.batchEventsMax)));
    const head = this.smallest()?.peek();
    const moreHere = head !== undefined && large.covers(head.position);
    if (moreHere || compareTransactions(large.position, complete) > 0) return { kind: 'slice', ...slice, reach: null };
    this.large = null;
    this.advance(large.last, large.sourceTime);
    this.markPartitions();
    return { kind: 'slice', ...slice, reach: this.marked() };
  }

  private *headsOf(large: UnitInParts, max: number): Generator<Head> {
    for (let taken = 0; taken < max; taken += 1) {
      const smallest = this.smallest();
      const head = smallest?.peek();
      if (smallest === undefined || head === undefined || !large.covers(head.position)) return;
      smallest.take();
      yield head;
    }
  }

  /** The partition whose head comes first. */
  private smallest(): LanePartition | undefined {
    let smallest: LanePartition | undefined;
    let smallestHead: Head | undefined;
    for (const partition of this.partitions) {
      const head = partition.peek();
      if (head === undefined) continue;
      if (smallestHead === undefined || comesBefore(head, smallestHead)) {
        smallest = partition;
        smallestHead = head;
      }
    }
    return smallest;
  }

  /** The reach at the mark: before the unit that was not taken, or not taken as part of this batch. */
  private reachAfter(units: readonly OpenUnit[]): Reach {
    this.advanceAfter(units);
    return this.marked();
  }

  private reachTo(complete: Position): Reach {
    this.advance(complete, this.progress.sourceTimeAt(complete));
    // What the progress topic has forgotten of the time at the end, whoever chose it knows.
    if (this.end !== null && comparePositions(complete, this.end.position) === 0) {
      this.advance(complete, this.end.sourceTime);
    }
    this.markPartitions();
    return this.marked();
  }

  private advanceAfter(units: readonly OpenUnit[]): void {
    const last = units.at(-1)?.events.at(-1)?.event.source;
    if (last !== undefined) this.advance(last, last.sourceTime);
  }

  private advance(position: Position, sourceTime: number): void {
    if (comparePositions(position, this.through) > 0) {
      this.through = { generation: position.generation, lsn: position.lsn, ordinal: position.ordinal };
    }
    this.sourceTime = Math.max(this.sourceTime, sourceTime);
  }

  private markPartitions(): void {
    this.partitions.forEach((partition, index) => {
      this.markedOffsets[index] = partition.nextOffset;
      this.markedTaken[index] = partition.taken;
    });
  }

  private marked(): Reach {
    const offsets = this.partitions.flatMap(({ kept, topic, partition }, index) => {
      const nextOffset = this.markedOffsets[index];
      const taken = this.markedTaken[index];
      return kept && nextOffset !== undefined && taken !== undefined ? [{ topic, partition, nextOffset, taken }] : [];
    });
    return { through: this.through, sourceTime: this.sourceTime, offsets };
  }
}

/**
 * Order of heads in different partitions: by position; of a linked delete and create the delete first; then by topic,
 * because every run must choose the same. Partitions are visited by rank, so equal heads stay as they are.
 */
function comesBefore(a: Head, b: Head): boolean {
  const order = comparePositions(a.position, b.position);
  return order < 0 || (order === 0 && isDelete(a) && !isDelete(b));
}

/** What comes after its place in the order was given away can not be applied as the source committed it. */
function assertNotLate({ topic, partition, offset, event: { source } }: LaneEvent, through: Position): void {
  if (compareTransactions(source, through) > 0) return;
  const name = partitionName(topic, partition);
  throw new Fault(
    'gap',
    'EVENT_BEHIND_WATERMARK',
    `An event in ${name} lies at or below the position up to which this lane was said to be complete. The progress records of this source can not be trusted.`,
    { partition: name, offset, generation: source.generation, lsn: source.lsn, throughLsn: through.lsn },
  );
}

function isDelete(head: Head): boolean {
  return head.kind === 'event' && head.event.event.recordType === 'delete';
}
