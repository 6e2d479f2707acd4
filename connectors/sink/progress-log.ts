import { beginning, type Position } from '../../avro/position.ts';
import { type ProgressRecord, watermark } from '../../avro/progress.ts';
import { compareTransactions } from './sequence.ts';

/** Beyond this, every second of the older half is forgotten: what is known then moves in larger steps, and stays true. */
const entriesMax = 2_048;

interface Entry {
  /** Every change at or below it is on the topics before `nextOffsets`. */
  readonly watermark: Position;
  /** Source time at the watermark, epoch microseconds; 0 in the middle of a transaction. */
  sourceTime: number;
  /** By the index of the partition's name; 0 where nothing was ever written. */
  readonly nextOffsets: Float64Array;
}

/**
 * The recent progress records of a source, in order. The newest may be far ahead of what a lane has fetched, so the
 * older ones are kept too.
 */
export class ProgressLog {
  newest: ProgressRecord | null = null;
  private readonly indexes: ReadonlyMap<string, number>;
  private entries: Entry[] = [];

  constructor(partitionNames: readonly string[]) {
    this.indexes = new Map(partitionNames.map((name, index) => [name, index]));
  }

  add(record: ProgressRecord): void {
    this.newest = record;
    const lsn = watermark(record);
    const mark: Position = {
      generation: record.position.generation,
      lsn,
      ordinal: record.complete ? record.position.ordinal : 0,
    };
    const sourceTime = record.complete ? record.sourceTime : 0;
    const last = this.entries.at(-1);
    if (last !== undefined && compareTransactions(mark, last.watermark) <= 0) {
      // The older record of the same watermark asks for less and says as much: it stays.
      if (compareTransactions(mark, last.watermark) === 0) last.sourceTime = Math.max(last.sourceTime, sourceTime);
      return;
    }
    const nextOffsets = new Float64Array(this.indexes.size);
    for (const [name, index] of this.indexes) nextOffsets[index] = record.nextOffsets[name] ?? 0;
    this.entries.push({ watermark: mark, sourceTime: Math.max(sourceTime, last?.sourceTime ?? 0), nextOffsets });
    if (this.entries.length > entriesMax) this.thin();
  }

  /** The newest watermark; `beginning` before there is a record. */
  get watermark(): Position {
    return this.entries.at(-1)?.watermark ?? beginning;
  }

  /** The largest watermark that is covered for a partition by having fetched everything before `fetchedOffset`. */
  knownAt(partitionName: string, fetchedOffset: number): Position {
    const index = this.indexes.get(partitionName);
    if (index === undefined) throw new Error(`no partition of this source: ${partitionName}`);
    return this.lastWhere((entry) => (entry.nextOffsets[index] ?? 0) <= fetchedOffset)?.watermark ?? beginning;
  }

  /** Source time at a position, as far as records tell: never later than the truth. */
  sourceTimeAt(position: Position): number {
    return this.lastWhere((entry) => compareTransactions(entry.watermark, position) <= 0)?.sourceTime ?? 0;
  }

  /** What the newest record says was written to a partition; 0 when it says nothing. */
  newestOffset(partitionName: string): number {
    return this.newest?.nextOffsets[partitionName] ?? 0;
  }

  /** The last entry for which the condition holds; it must hold for none after the first for which it does not. */
  private lastWhere(holds: (entry: Entry) => boolean): Entry | undefined {
    const newest = this.entries.at(-1);
    if (newest === undefined || holds(newest)) return newest;
    let low = -1;
    let high = this.entries.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const entry = this.entries[middle];
      if (entry !== undefined && holds(entry)) low = middle;
      else high = middle;
    }
    return this.entries[low];
  }

  private thin(): void {
    const recent = this.entries.length >> 1;
    this.entries = this.entries.filter((_, index) => index >= recent || index % 2 === 0);
  }
}
