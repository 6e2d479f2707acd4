import type { DecodedEvent } from '../../avro/envelope.ts';
import { beginning, comparePositions, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import type { Head, LanePartition, PartitionStart } from './lane-partition.ts';
import { compareTransactions, Sequence } from './sequence.ts';
import type { DeadLetter } from './settings.ts';

/** A reference topic, decoded once for all lanes and kept: reference data is small, and each lane needs all of it. */
export class ReferenceLog {
  readonly topic: string;
  readonly name: string;
  readonly rank: number;
  fetchedOffset = 0;
  readonly heads: Head[] = [];
  newest: Position | null = null;
  private readonly sequence = new Sequence(beginning);

  constructor(topic: string, rank: number) {
    this.topic = topic;
    this.name = partitionName(topic, 0);
    this.rank = rank;
  }

  addEvent(offset: number, key: string, event: DecodedEvent, bytes: number): void {
    if (!this.sequence.admit(event.source, key, event.recordType)) return;
    this.newest = event.source;
    this.heads.push({
      kind: 'event',
      position: event.source,
      rank: this.rank,
      value: null,
      event: { topic: this.topic, partition: 0, offset, key, event },
      bytes,
    });
  }

  addLetter(letter: DeadLetter): void {
    this.heads.push({ kind: 'letter', position: this.sequence.position, letter, bytes: letter.value.length });
  }
}

/** How far one lane is in a reference topic. */
export class ReferenceCursor implements LanePartition {
  readonly topic: string;
  readonly partition = 0;
  readonly name: string;
  readonly rank: number;
  readonly kept: boolean;
  readonly paused = false;
  readonly bytes = 0;
  taken: Position;
  private readonly log: ReferenceLog;
  private readonly released: Position;
  /** What was there when the lane began: its domain is primed with the events among it at or below `released`. */
  private readonly primedLength: number;
  private readonly lettersFrom: number;
  private index = 0;

  /** `start` is what the lane has kept; null for a lane that does not write this topic, and sends no letters of it. */
  constructor(log: ReferenceLog, released: Position, start: PartitionStart | null) {
    this.log = log;
    this.topic = log.topic;
    this.name = log.name;
    this.rank = log.rank;
    this.kept = start !== null;
    this.taken = start?.taken ?? beginning;
    this.lettersFrom = start?.nextOffset ?? Number.POSITIVE_INFINITY;
    this.released = released;
    this.primedLength = log.heads.length;
  }

  get fetchedOffset(): number {
    return this.log.fetchedOffset;
  }

  get nextOffset(): number {
    const head = this.peek();
    return head === undefined ? this.fetchedOffset : offsetOf(head);
  }

  newest(): Position | null {
    return this.log.newest;
  }

  peek(): Head | undefined {
    for (;;) {
      const head = this.log.heads[this.index];
      if (head === undefined) return undefined;
      if (!this.isPast(head)) return head;
      this.index += 1;
    }
  }

  take(): void {
    const head = this.peek();
    if (head?.kind === 'event') this.taken = head.position;
    this.index += 1;
  }

  private isPast(head: Head): boolean {
    if (head.kind === 'letter') return head.letter.offset < this.lettersFrom;
    return this.index < this.primedLength && compareTransactions(head.position, this.released) <= 0;
  }
}

function offsetOf(head: Head): number {
  return head.kind === 'event' ? head.event.offset : head.letter.offset;
}

/** All reference events at or below a position, in order. */
export function eventsUpTo(logs: readonly ReferenceLog[], position: Position) {
  return logs
    .flatMap((log) => log.heads.flatMap((head) => (head.kind === 'event' ? [head] : [])))
    .filter((head) => compareTransactions(head.position, position) <= 0)
    .sort((a, b) => comparePositions(a.position, b.position) || a.rank - b.rank || a.event.offset - b.event.offset)
    .map((head) => head.event);
}
