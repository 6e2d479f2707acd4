import type { ProgressRecord } from '../../avro/progress.ts';
import type { NextOffsets, PartitionRecords, TransactionalPublisher } from '../../topics/contract.ts';
import { nowMicros } from '../../runtime/clock.ts';
import type { Logger } from 'pino';
import type { Batch } from './batch.ts';
import type { SourceSettings } from './contract.ts';
import { noteProgress, type SourceReport } from './report.ts';
import { tableName } from './route-columns.ts';
import type { ServerState } from './server-state.ts';
import type { GatheredBatch, TransactionGatherer } from './transactions.ts';

/** Places at which a test ends the process. */
export type SourceFailpoint =
  | 'before-commit'
  | 'after-commit'
  | 'chunk-before-commit'
  | 'split-after-commit'
  | 'hand-over-before-commit'
  | 'hand-over-after-commit'
  | 'parked-before-commit'
  | 'parked-after-commit';

export interface PublishingParts {
  readonly settings: SourceSettings;
  readonly publisher: TransactionalPublisher;
  readonly gatherer: TransactionGatherer;
  readonly server: ServerState;
  readonly encodeProgress: (record: ProgressRecord) => Buffer;
  readonly lastProgress: ProgressRecord | null;
  readonly report: SourceReport;
  readonly log: Logger;
  /**
   * Asks for rows to be read again, durably. Before the commit of what makes it necessary: if the process dies between
   * the two, the rows are asked for twice, and never not at all.
   */
  readonly readAgain: (batch: Batch) => Promise<void>;
  /** Confirms to the slot what a committed progress record says. */
  readonly confirm: (endLsn: number) => void;
  readonly failpoint?: ((name: SourceFailpoint) => void) | undefined;
}

/** Sends one batch after the other, each in a Kafka transaction with its progress record last, until the signal aborts. */
export async function publishBatches(parts: PublishingParts, signal: AbortSignal): Promise<void> {
  const { gatherer, report } = parts;
  const nextOffsets = new Map(Object.entries(parts.lastProgress?.nextOffsets ?? {}));
  for (let gathered = await gatherer.next(signal); gathered !== null; gathered = await gatherer.next(signal)) {
    const progress = await publish(parts, gathered, nextOffsets);
    parts.confirm(progress.endLsn);
    noteProgress(report, progress);
    tellLeftOut(gathered.batch, report, parts.log);
    report.lastCommitAt = nowMicros();
    report.kafkaTransactions += 1;
    report.records += gathered.batch.records;
    report.bytes += gathered.batch.bytes;
    gatherer.release(gathered);
  }
}

function tellLeftOut({ tooLarge }: Batch, report: SourceReport, log: Logger): void {
  for (const { route, column, bytes } of tooLarge) {
    const text = `A value of ${tableName(route)}.${column} has ${bytes} bytes as text, which is more than a record can carry: it was left out, and receivers are told so.`;
    report.leftOut = { text, count: (report.leftOut?.count ?? 0) + 1, at: nowMicros() };
    log.error({ code: 'VALUE_TOO_LARGE', table: tableName(route), column, bytes }, text);
  }
}

async function publish(
  { settings, publisher, server, encodeProgress, report, readAgain, failpoint }: PublishingParts,
  { batch, covered }: GatheredBatch,
  nextOffsets: Map<string, number>,
): Promise<ProgressRecord> {
  await publisher.begin();
  const note = (offsets: NextOffsets): void => {
    for (const [partition, offset] of offsets) nextOffsets.set(partition, offset);
  };
  const key = Buffer.from(settings.name);
  const told: { progress: ProgressRecord | null } = { progress: null };
  const tell = (offsets: NextOffsets): PartitionRecords => {
    note(offsets);
    told.progress = {
      ...covered,
      source: settings.name,
      createdAt: nowMicros(),
      systemIdentifier: server.systemIdentifier,
      timeline: server.timeline,
      slot: settings.slot,
      publicationHash: server.publicationHash,
      nextOffsets: Object.fromEntries(nextOffsets),
    };
    return { topic: settings.progressTopic, partition: 0, keys: [key], values: [encodeProgress(told.progress)] };
  };
  for (const records of batch.sends.slice(0, -1)) note(await publisher.send(records));
  await publisher.sendAndTell(batch.sends.at(-1) ?? [], tell);
  const { progress } = told;
  if (progress === null) throw new Error('a batch was published without its progress record');
  // A table was, is or will be parked: this transaction parks it, or changes of it, or tells them.
  const parks = covered.parkedTables.length > 0 || report.parkedTables.length > 0;
  if (batch.again.size > 0) await readAgain(batch);
  failpoint?.('before-commit');
  if (parks) failpoint?.('parked-before-commit');
  if (covered.loadCompleteAt === null && batch.records > 0) failpoint?.('chunk-before-commit');
  // From the initial load to the stream alone.
  const handsOver = covered.loadCompleteAt !== null && !report.loadComplete;
  if (handsOver) failpoint?.('hand-over-before-commit');
  await publisher.commit();
  failpoint?.('after-commit');
  if (handsOver) failpoint?.('hand-over-after-commit');
  if (parks) failpoint?.('parked-after-commit');
  if (!covered.complete) failpoint?.('split-after-commit');
  return progress;
}
