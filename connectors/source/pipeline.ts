import type pg from 'pg';
import type { Logger } from 'pino';
import type { ProgressRecord } from '../../avro/progress.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import type { TransactionalPublisher } from '../../topics/contract.ts';
import type { DeleteRecords } from '../../topics/delete-records.ts';
import { Capture } from './capture.ts';
import { CapturedTables } from './captured-tables.ts';
import type { SourceSettings } from './contract.ts';
import { Coverage } from './coverage.ts';
import { SettledShapes } from './evolution.ts';
import { parkingBetween } from './fit-table.ts';
import { resumeFrom } from './gap.ts';
import { beatHeart } from './heartbeat.ts';
import { publishBatches, type SourceFailpoint } from './publishing.ts';
import { pauseOver } from './queue-pressure.ts';
import type { ReadParked } from './parked-reader.ts';
import { ReleaseMarks } from './release-marks.ts';
import { noteProgress, type SourceReport } from './report.ts';
import { askToReadAgain } from './read-again.ts';
import { ShapeBook } from './shape-book.ts';
import { readServerState } from './server-state.ts';
import { askingSession } from './session.ts';
import { demandFreeSlot } from './slot-holder.ts';
import { Snapshots } from './snapshot.ts';
import { type LookAtMirrors, watchTables } from './table-watch.ts';
import { TableWishes } from './table-wishes.ts';
import { runTogether } from './together.ts';
import { partitionsOf } from './topic-partitions.ts';
import { TransactionGatherer } from './transactions.ts';
import { WalStream } from './wal-stream.ts';
import { XidLog } from './xid-log.ts';
import { XidWidener } from './xid.ts';

export interface SourceDependencies {
  readonly database: pg.ClientConfig;
  /** Opens the transactional id of the settings, which fences every older instance. */
  readonly openPublisher: () => Promise<TransactionalPublisher>;
  /** The last committed progress record, read up to the real high watermark (P6); called after fencing. */
  readonly readProgress: () => Promise<ProgressRecord | null>;
  readonly readParked: ReadParked;
  readonly deleteRecords: DeleteRecords;
  readonly encodeProgress: (record: ProgressRecord) => Buffer;
  readonly schemaOf: (topic: string) => RecordSchema;
  readonly schemaIdOf: (topic: string) => number;
  readonly log: Logger;
  readonly report: SourceReport;
  /** Shapes of mirrored tables that the schemas given here have been made for; absent: schemas stay as they are. */
  readonly settled?: SettledShapes;
  /** Looks at mirrored tables now and then; throws `TableEvolves` for one whose schema may follow. */
  readonly lookAtMirrors?: LookAtMirrors;
  readonly failpoint?: (name: SourceFailpoint) => void;
}

/** The whole leg: PostgreSQL's WAL to topics, exactly once. Resolves when the signal aborts, rejects with a Fault. */
export async function runSource(
  settings: SourceSettings,
  deps: SourceDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { database, report, log, settled = new SettledShapes(), lookAtMirrors = () => Promise.resolve([]) } = deps;
  const asking = askingSession(database, settings.limits.silenceMaxMs);
  await demandFreeSlot(asking, settings.slot);
  const publisher = await deps.openPublisher();
  try {
    const lastProgress = await deps.readProgress();
    if (lastProgress !== null) noteProgress(report, lastProgress);
    const server = await readServerState(asking, settings);
    const checkpoint = resumeFrom(lastProgress, server, settings);

    const coverage = new Coverage(checkpoint);
    const pressure = pauseOver(settings.limits.queueBytesMax, report, (paused) => stream.pause(paused));
    const gatherer = new TransactionGatherer(settings.limits, coverage, pressure);
    const context = {
      settings,
      partitions: partitionsOf(settings),
      schemaOf: deps.schemaOf,
      schemaIdOf: deps.schemaIdOf,
      captured: coverage.captured,
    };
    const streamed = new XidLog();
    const { shapes, parked } = await ShapeBook.open(database, settings, coverage.parked);
    coverage.parked = parked;
    const tables = new CapturedTables({ context, coverage, shapes, settled, report, log });
    const capture = new Capture({
      context,
      gatherer,
      coverage,
      xids: new XidWidener(server.xidAnchor),
      streamed,
      tables,
    });
    const snapshots = new Snapshots({ database, context, coverage, streamed, report, log, tables, capture });
    const marks = new ReleaseMarks();
    capture.onRelease(marks.reached);
    const { readParked, deleteRecords } = deps;
    const wishes = new TableWishes(
      {
        database,
        context,
        coverage,
        streamed,
        report,
        log,
        tables,
        capture,
        gatherer,
        shapes,
        marks,
        readParked,
        deleteRecords,
      },
      capture,
    );
    const stream = new WalStream(
      {
        ...settings,
        ...settings.limits,
        database,
        startLsn: checkpoint.endLsn,
        statusIntervalMs: server.statusIntervalMs,
      },
      capture,
    );
    capture.observe(snapshots.watermarks);

    log.info(
      { source: settings.name, ...checkpoint.position, fresh: lastProgress === null },
      `The source ${settings.name} starts.`,
    );
    await runTogether(signal, [
      (stopped) => stream.run(stopped),
      (stopped) =>
        publishBatches(
          {
            ...deps,
            settings,
            publisher,
            gatherer,
            server,
            lastProgress,
            readAgain: (batch) => askToReadAgain({ database, source: settings.name, log }, batch),
            confirm: (lsn) => stream.confirm(lsn),
          },
          stopped,
        ),
      (stopped) => snapshots.run(stopped),
      (stopped) => (settings.parkedTopic === null ? Promise.resolve() : wishes.run(stopped)),
      (stopped) =>
        settings.parkedTopic === null
          ? Promise.resolve()
          : watchTables(
              { database, settings, report, log, lookAtMirrors, park: parkingBetween({ capture, tables }) },
              stopped,
            ),
      (stopped) =>
        beatHeart(
          { database: asking, source: settings.name, intervalMs: settings.limits.heartbeatIntervalMs },
          report,
          stopped,
        ),
    ]);
  } finally {
    await publisher.close();
  }
}
