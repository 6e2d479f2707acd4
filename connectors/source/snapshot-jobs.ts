import pg from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import { nowMs, pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import { maskDigits } from '../../runtime/mask.ts';
import { databaseFault } from '../../runtime/postgres.ts';
import type { ChunkCopier, ChunkTask } from './chunk-copier.ts';
import { type ChunkQuery, keyChunks, keyFindings, tableChunks } from './chunk-query.ts';
import type { TableRoute } from './contract.ts';
import { secondsLeft } from './estimate.ts';
import { checkPredicate, endJob, jobChannel, nextJob, openJobs, showProgress, type SnapshotJob } from './job-table.ts';
import { isFit, isShapeGone } from './fit-table.ts';
import { type JobProgress, untouchedJob } from './load-state.ts';
import { identifyingColumns, missingTable, presentColumns, tableName } from './route-columns.ts';
import type { SnapshotParts } from './snapshot-parts.ts';
import { type CatalogTable, readTable } from './table-catalog.ts';
import { TableWriter } from './table-writer.ts';
import { Wakening } from './wakening.ts';
import type { Watermarks } from './watermarks.ts';

/** A request also notifies; this is for the one whose notification came at the wrong moment. */
const lookEveryMs = 1_000;
const committedEveryMs = 20;

/** Reads what is asked for in `concord.snapshot_job`, one job after the other, each going on where it was. */
export class SnapshotJobs {
  readonly #parts: SnapshotParts;
  readonly #watermarks: Watermarks;
  readonly #copier: ChunkCopier;
  readonly #wakening = new Wakening();

  constructor(parts: SnapshotParts, watermarks: Watermarks, copier: ChunkCopier) {
    this.#parts = parts;
    this.#watermarks = watermarks;
    this.#copier = copier;
  }

  async run(client: pg.Client, signal: AbortSignal): Promise<void> {
    if (signal.aborted || !(await this.#tableIsThere(client, signal))) return;
    const { name } = this.#parts.context.settings;
    client.on('notification', () => this.#wakening.wake());
    await client.query(`LISTEN ${jobChannel}`);
    while (!signal.aborted) {
      const open = await openJobs(client, name);
      for (const id of Object.keys(this.#parts.coverage.jobs)) if (!open.has(id)) this.#setProgress(id, null);
      const job = open.size === 0 ? null : await nextJob(client, name, Object.keys(this.#parts.coverage.parked));
      if (job === null) await this.#wakening.sleep(lookEveryMs, signal, () => true);
      else await this.#take(client, job, signal);
    }
  }

  /** A database that was set up by an older version gets the table at the next `concord init`. */
  async #tableIsThere(client: pg.Client, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const { rows } = await client.query<{ there: boolean }>(
        `SELECT to_regclass('concord.snapshot_key') IS NOT NULL AS there`,
      );
      if (rows[0]?.there === true) return true;
      await pause(lookEveryMs * 10, signal);
    }
    return false;
  }

  async #take(client: pg.Client, job: SnapshotJob, signal: AbortSignal): Promise<void> {
    const { log, report } = this.#parts;
    try {
      if (!(await this.#read(client, job, signal)) || signal.aborted) return;
      await endJob(client, job.id, 'done', null);
      const { rows, deletes } = this.#progressOf(job);
      this.#setProgress(String(job.id), null);
      log.info({ job: job.id, table: job.table, rows, deletes }, `Snapshot ${job.id} of ${job.table} is done.`);
    } catch (error) {
      if (!signal.aborted && isShapeGone(error)) {
        // The table was altered while it was read: it goes on with what is there now.
        await client.query('ROLLBACK');
        return;
      }
      const problem = signal.aborted ? null : problemOf(error);
      if (problem === null) throw error;
      await client.query('ROLLBACK');
      await endJob(client, job.id, 'failed', problem);
      log.warn({ job: job.id, table: job.table, problem }, `Snapshot ${job.id} of ${job.table} has failed: ${problem}`);
    } finally {
      report.job = null;
    }
  }

  /** Resolves with true when all that the job asks for is on the topics. */
  async #read(client: pg.Client, job: SnapshotJob, signal: AbortSignal): Promise<boolean> {
    if (!this.#progressOf(job).done) {
      const task = await this.#taskOf(client, job, signal);
      if (task === null || !(await this.#copier.copy(client, task, signal))) return false;
      const done: { at: Position | null } = { at: null };
      await this.#watermarks.pass(client, (writeRows) => {
        writeRows((_batch, { generation, lsn }, ordinal) => {
          done.at = { generation, lsn, ordinal };
          this.#setProgress(String(job.id), { ...this.#progressOf(job), done: true });
        });
      });
      await showProgress(client, job.id, this.#progressOf(job));
      // The job is done when a committed progress record says so: whoever waits for it finds the events on the topics.
      const { report } = this.#parts;
      while (!signal.aborted && done.at !== null && comparePositions(report.position, done.at) < 0) {
        await pause(committedEveryMs, signal);
      }
    }
    return true;
  }

  /** Null for a table that is parked, because it can not be told as it is. */
  async #taskOf(client: pg.Client, job: SnapshotJob, signal: AbortSignal): Promise<ChunkTask | null> {
    const { context, report, tables } = this.#parts;
    const route = context.settings.routes.find((one) => tableName(one) === job.table);
    if (route === undefined) {
      throw new Fault('misconfigured', 'SNAPSHOT_REFUSED', `This source does not publish ${job.table}.`, {});
    }
    if (job.predicate !== null) await checkPredicate(client, route, job.predicate);
    const table = await readTable(client, route.schema, route.table);
    if (table === null) throw missingTable(route);
    if (!(await isFit(client, route, this.#parts, signal))) return null;
    const columns = presentColumns(route, table);
    const last = columns.length + 1;
    return {
      writer: new TableWriter(route, [...columns, ' n', ' finding'], context),
      query: queryOf(table, route, columns, job),
      after: () => this.#progressOf(job).after,
      find: (row) => {
        const finding = job.kind === 'keys' ? row.text(last) : keyFindings.here;
        if (finding === keyFindings.here) return 'read';
        if (finding === keyFindings.repeated) return 'repeated';
        return finding === keyFindings.gone ? 'delete' : 'untold';
      },
      finished: (after, counts) => {
        const sofar = this.#progressOf(job);
        this.#setProgress(String(job.id), {
          after,
          rows: sofar.rows + counts.rows,
          deletes: sofar.deletes + counts.deletes,
          untold: sofar.untold + counts.untold,
          done: false,
        });
      },
      goesOn: async () => {
        const { rows, deletes } = this.#progressOf(job);
        // Since it was first begun: paused time counts, so it is careful.
        const forMs = job.startedAt === null ? 0 : nowMs() - job.startedAt.getTime();
        const left = secondsLeft({ done: rows + deletes, estimate: job.estimate, forMs });
        report.job = { id: job.id, table: job.table, rows, deletes, estimate: job.estimate, secondsLeft: left };
        const state = await showProgress(client, job.id, this.#progressOf(job));
        // A job of a parked table waits until the table is resumed.
        return state === 'running' && !tables.isParked(job.table);
      },
    };
  }

  #progressOf(job: SnapshotJob): JobProgress {
    return this.#parts.coverage.jobs[job.id] ?? untouchedJob;
  }

  #setProgress(id: string, progress: JobProgress | null): void {
    const { coverage } = this.#parts;
    const { [id]: _old, ...others } = coverage.jobs;
    coverage.jobs = progress === null ? others : { ...others, [id]: progress };
  }
}

function queryOf(table: CatalogTable, route: TableRoute, columns: readonly string[], job: SnapshotJob): ChunkQuery {
  const { primaryKey } = route;
  if (job.kind !== 'keys') return tableChunks({ table, columns, primaryKey, predicate: job.predicate });
  return keyChunks({
    table,
    columns,
    primaryKey,
    identifying: identifyingColumns(route),
    messageKey: route.messageKey,
    job: job.id,
  });
}

/** What is wrong with the job itself; null for what is wrong with the server or with us. */
function problemOf(error: unknown): string | null {
  const fault = error instanceof pg.DatabaseError || error instanceof Fault ? databaseFault(error) : null;
  if (fault === null || fault.kind === 'unavailable' || fault.kind === 'fenced' || fault.kind === 'gap') return null;
  return maskDigits(fault.message);
}
