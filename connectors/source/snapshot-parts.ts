import type pg from 'pg';
import type { Logger } from 'pino';
import type { Capture } from './capture.ts';
import type { CapturedTables } from './captured-tables.ts';
import type { Coverage } from './coverage.ts';
import type { SourceReport } from './report.ts';
import type { WriterContext } from './table-writer.ts';
import type { XidLog } from './xid-log.ts';

/** What reading tables shares with the rest of the leg. */
export interface SnapshotParts {
  readonly database: pg.ClientConfig;
  readonly context: WriterContext;
  readonly coverage: Coverage;
  readonly streamed: XidLog;
  readonly tables: CapturedTables;
  readonly capture: Capture;
  readonly report: SourceReport;
  readonly log: Logger;
}
