import type pg from 'pg';
import type { Logger } from 'pino';
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
  readonly report: SourceReport;
  readonly log: Logger;
}
