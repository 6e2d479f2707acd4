import type { Position } from '../../avro/position.ts';
import type { LaneEvent } from './contract.ts';
import type { Head } from './lane-partition.ts';
import { compareTransactions } from './sequence.ts';
import type { DeadLetter } from './settings.ts';

/** A source transaction that is too large to be judged in memory, while it is given away in slices. */
export class LargeUnit {
  readonly position: Position;
  /** The largest position given away. */
  last: Position;
  sourceTime = 0;
  private events: LaneEvent[];
  private letters: DeadLetter[];
  /** How much of `events` is given away. */
  private given = 0;

  /** `events` and `letters` are what was taken of it before its size was known. */
  constructor(position: Position, events: LaneEvent[] = [], letters: DeadLetter[] = []) {
    this.position = position;
    this.last = { generation: position.generation, lsn: position.lsn, ordinal: 0 };
    this.events = events;
    this.letters = letters;
  }

  get length(): number {
    return this.events.length - this.given;
  }

  /** Whether what stands at `position` is given away with it: its own events, and records that can not be read. */
  covers(position: Position): boolean {
    return compareTransactions(position, this.position) <= 0;
  }

  add(head: Head): void {
    if (head.kind === 'letter') this.letters.push(head.letter);
    else this.events.push(head.event);
  }

  /** Gives away at most `eventsMax` events, and all letters. */
  cut(eventsMax: number): { events: readonly LaneEvent[]; letters: readonly DeadLetter[] } {
    const events = this.events.slice(this.given, this.given + eventsMax);
    this.given += events.length;
    if (this.given === this.events.length) {
      this.events = [];
      this.given = 0;
    }
    const letters = this.letters;
    this.letters = [];
    for (const { event } of events) {
      if (event.source.ordinal > this.last.ordinal) this.last = event.source;
      this.sourceTime = Math.max(this.sourceTime, event.source.sourceTime);
    }
    return { events, letters };
  }
}
