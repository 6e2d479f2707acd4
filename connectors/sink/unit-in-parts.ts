import type { Position } from '../../avro/position.ts';
import type { EventHead, Head } from './lane-partition.ts';
import { compareTransactions } from './sequence.ts';
import type { DeadLetter } from './settings.ts';

/** A source transaction that is too large to be given away at once, while its parts are merged. */
export class UnitInParts {
  readonly position: Position;
  /** The largest position given away. */
  last: Position;
  sourceTime = 0;
  private events: readonly EventHead[];
  private letters: readonly DeadLetter[];

  /** `events` and `letters` are what was taken of it before its size was known. */
  constructor(position: Position, events: readonly EventHead[] = [], letters: readonly DeadLetter[] = []) {
    this.position = position;
    this.last = { generation: position.generation, lsn: position.lsn, ordinal: 0 };
    this.events = events;
    this.letters = letters;
  }

  /** Whether what stands at `position` is given away with it: its own events, and records that can not be read. */
  covers(position: Position): boolean {
    return compareTransactions(position, this.position) <= 0;
  }

  /** What was taken before its size was known, and the heads that follow, as long as they are its own. */
  cut(heads: Iterable<Head>): { events: readonly EventHead[]; letters: readonly DeadLetter[] } {
    const events = [...this.events];
    const letters = [...this.letters];
    this.events = [];
    this.letters = [];
    for (const head of heads) {
      if (head.kind === 'letter') letters.push(head.letter);
      else events.push(head);
    }
    for (const { event } of events) {
      const { source } = event.event;
      if (source.ordinal > this.last.ordinal) this.last = source;
      this.sourceTime = Math.max(this.sourceTime, source.sourceTime);
    }
    return { events, letters };
  }
}
