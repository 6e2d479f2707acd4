import type { Logger } from 'pino';
import { partitionName } from '../../avro/progress.ts';
import { nowMs } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import type { DeleteRecords } from '../../topics/delete-records.ts';
import type { Coverage } from './coverage.ts';
import type { ParkedTable } from './parked-tables.ts';
import type { SourceReport } from './report.ts';

export interface ToldRecordsParts {
  readonly parkedTopic: string;
  readonly coverage: Coverage;
  readonly report: SourceReport;
  readonly deleteRecords: DeleteRecords;
  readonly log: Logger;
}

const againAfterMs = 60_000;

/**
 * Deletes from the parked topic what nobody needs any more: what lies below everything of the tables that are still
 * parked. Called when the release of a table is committed, and at a start, where what is parked is what the last
 * committed progress record says: killed between the two, the next start does it.
 */
export class ToldRecords {
  readonly #parts: ToldRecordsParts;
  #deletedBelow = 0;
  /** Epoch milliseconds of the last try that failed; null if none is to be made again. */
  #failedAt: number | null = null;

  constructor(parts: ToldRecordsParts) {
    this.#parts = parts;
  }

  /** A failure is no reason to end: the records only take room. */
  async delete(): Promise<void> {
    const { parkedTopic, coverage, report, deleteRecords, log } = this.#parts;
    const below = neededFrom(coverage.parked, report.nextOffsets[partitionName(parkedTopic, 0)] ?? 0);
    if (below <= this.#deletedBelow) return;
    try {
      await deleteRecords(parkedTopic, below);
      this.#deletedBelow = below;
      this.#failedAt = null;
      log.info(
        { topic: parkedTopic, below },
        `What was told of ${parkedTopic} is deleted there, below offset ${below}.`,
      );
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#failedAt = nowMs();
      log.warn(
        { code: error.code, topic: parkedTopic, below },
        `What was told of ${parkedTopic} could not be deleted there, and takes room until it is. It is tried again. ${error.message}`,
      );
    }
  }

  async retry(): Promise<void> {
    if (this.#failedAt !== null && nowMs() - this.#failedAt >= againAfterMs) await this.delete();
  }
}

/** The first offset that a release may still read; `end`: where the topic ends as far as the progress record knows. */
export function neededFrom(parked: Readonly<Record<string, ParkedTable>>, end: number): number {
  const firsts = Object.values(parked).map(({ next, from }) =>
    next === null ? (from ?? 0) : Math.min(next.offset, next.relationOffset),
  );
  return Math.min(end, ...firsts);
}
