import { type Decoder, UnknownSchemaId } from '../../avro/codec.ts';
import type { DecodedEvent } from '../../avro/envelope.ts';
import { formatLsn, type Position } from '../../avro/position.ts';
import { partitionName, type ProgressRecord } from '../../avro/progress.ts';
import { Fault } from '../../runtime/fault.ts';
import type { FetchedBatch } from '../../topics/contract.ts';
import { ProgressLog } from './progress-log.ts';
import { ReferenceLog } from './reference-log.ts';
import type { SinkReport } from './report.ts';
import { compareTransactions } from './sequence.ts';
import type { SinkSettings } from './settings.ts';
import { deadLetterOf, rethrowSystemic } from './undecodable.ts';

interface Decoders {
  readonly eventDecoder: Decoder<DecodedEvent>;
  readonly progressDecoder: Decoder<ProgressRecord>;
  readonly report: SinkReport;
}

/** What all lanes know of the source: its progress records and its reference events, read from the start and followed. */
export class SourceView {
  readonly progress: ProgressLog;
  readonly references: readonly ReferenceLog[];
  private readonly settings: SinkSettings;
  private readonly decoders: Decoders;
  private readonly onChange: () => void;
  private readonly onFault: (cause: unknown) => void;
  private readonly waiting: FetchedBatch[] = [];
  private draining = false;
  /** The progress topic was read to where it ended when it was fetched. */
  private progressRead = false;

  constructor(settings: SinkSettings, decoders: Decoders, onChange: () => void, onFault: (cause: unknown) => void) {
    this.settings = settings;
    this.decoders = decoders;
    this.onChange = onChange;
    this.onFault = onFault;
    this.references = settings.referenceTopics.map((topic, rank) => new ReferenceLog(topic, rank));
    const lanes = Array.from({ length: settings.partitions }, (_, lane) => lane);
    this.progress = new ProgressLog([
      ...this.references.map(({ name }) => name),
      ...settings.laneTopics.flatMap((topic) => lanes.map((lane) => partitionName(topic, lane))),
    ]);
  }

  receive(batch: FetchedBatch): void {
    this.waiting.push(batch);
    if (this.draining) return;
    this.draining = true;
    this.drain().catch(this.onFault);
  }

  /** Whether everything at or below the position is read here, so that a lane that stands there can be primed. */
  covers(through: Position): boolean {
    if (compareTransactions(this.progress.watermark, through) < 0) return false;
    return this.references.every((log) => log.fetchedOffset >= this.progress.newestOffset(log.name));
  }

  /**
   * Throws the fault PROGRESS_BEHIND_STORE when the progress topic ends before the position. To be asked only after
   * some waiting: what another process has just applied may be read here a moment later.
   */
  assertReaches(through: Position): void {
    const newest = this.progress.watermark;
    if (!this.progressRead || compareTransactions(newest, through) >= 0) return;
    throw new Fault(
      'gap',
      'PROGRESS_BEHIND_STORE',
      `The store has changes up to ${formatLsn(through.lsn)}, but ${this.settings.progressTopic} ends at ${formatLsn(newest.lsn)}: topics were lost or made anew.`,
      { throughLsn: through.lsn, newestLsn: newest.lsn, generation: through.generation },
    );
  }

  /** Runs to its end at once but where a schema must be fetched first. */
  private async drain(): Promise<void> {
    for (let batch = this.waiting.shift(); batch !== undefined; batch = this.waiting.shift()) {
      const { topic } = batch;
      const log = this.references.find((reference) => reference.topic === topic);
      if (log !== undefined) await this.addReferences(log, batch);
      else if (topic === this.settings.progressTopic) await this.addProgress(batch);
      this.onChange();
    }
    this.draining = false;
  }

  private async addReferences(log: ReferenceLog, batch: FetchedBatch): Promise<void> {
    for (const { offset, key, value } of batch.records) {
      if (value === null || offset < log.fetchedOffset) continue;
      try {
        const event = await this.decode(this.decoders.eventDecoder, log.topic, value);
        log.addEvent(offset, key?.toString('utf8') ?? '', event, value.length);
      } catch (error) {
        rethrowSystemic(error);
        log.addLetter(
          deadLetterOf({ source: this.settings.source, topic: log.topic, partition: 0, offset, key, value }, error),
        );
      }
    }
    log.fetchedOffset = Math.max(log.fetchedOffset, batch.nextOffset);
  }

  private async addProgress(batch: FetchedBatch): Promise<void> {
    const { report } = this.decoders;
    for (const { key, value } of batch.records) {
      // Other keys are gap records.
      if (value === null || key?.toString('utf8') !== this.settings.source) continue;
      const record = await this.decodeProgress(value);
      this.progress.add(record);
      report.newestSourceTime = record.sourceTime;
      report.newestPosition = record.position;
      report.captured = record.captured;
      report.loadCompleteAt = record.loadCompleteAt;
    }
    if (batch.nextOffset >= batch.highWatermark) this.progressRead = true;
  }

  private async decodeProgress(value: Buffer): Promise<ProgressRecord> {
    const { progressTopic } = this.settings;
    try {
      return await this.decode(this.decoders.progressDecoder, progressTopic, value);
    } catch (error) {
      rethrowSystemic(error);
      throw new Fault(
        'corrupt',
        'PROGRESS_UNREADABLE',
        `A record of ${progressTopic} can not be read, and nothing is applied without knowing what it covers.`,
        { topic: progressTopic },
        error,
      );
    }
  }

  /** Waits only where the writer's schema is seen for the first time. */
  private decode<Value>(decoder: Decoder<Value>, topic: string, value: Buffer): Value | Promise<Value> {
    try {
      return decoder.decode(topic, value);
    } catch (error) {
      if (!(error instanceof UnknownSchemaId)) throw error;
      return decoder.prepare([error.id]).then(() => decoder.decode(topic, value));
    }
  }
}
