import type pg from 'pg';
import { monotonicMs, pause } from '../../runtime/clock.ts';
import type { ChunkCopier } from './chunk-copier.ts';
import { tableChunks } from './chunk-query.ts';
import type { TableRoute } from './contract.ts';
import { secondsLeft } from './estimate.ts';
import { isFit } from './fit-table.ts';
import { type TableLoad, untouchedTable } from './load-state.ts';
import { mirrorLoadOrder } from './mirror-route.ts';
import { missingTable, presentColumns, tableName } from './route-columns.ts';
import type { SnapshotParts } from './snapshot-parts.ts';
import { readTable } from './table-catalog.ts';
import { TableWriter } from './table-writer.ts';
import type { Watermarks } from './watermarks.ts';

const parkedEveryMs = 200;

/** Reads every routed table once, in order of dependency. A table that is routed later is loaded then. */
export class InitialLoad {
  readonly #parts: SnapshotParts;
  readonly #watermarks: Watermarks;
  readonly #copier: ChunkCopier;
  /** Table → when this process began to read it, and how far it was then. */
  readonly #begun = new Map<string, { readonly atMs: number; readonly rows: number }>();

  constructor(parts: SnapshotParts, watermarks: Watermarks, copier: ChunkCopier) {
    this.#parts = parts;
    this.#watermarks = watermarks;
    this.#copier = copier;
    this.#reportLoad();
  }

  /** Resolves when all of it is gathered. */
  async run(client: pg.Client, signal: AbortSignal): Promise<void> {
    const { coverage, log, context } = this.#parts;
    const routes = context.settings.routes.toSorted((a, b) => a.loadOrder - b.loadOrder);
    if (coverage.loadCompleteAt !== null && routes.every((route) => this.#loadOf(tableName(route)).done)) return;
    // Rules wait for the tables that they are about, and for no other.
    const isMirror = ({ loadOrder }: TableRoute): boolean => loadOrder >= mirrorLoadOrder;
    await this.#loadTables(
      client,
      routes.filter((route) => !isMirror(route)),
      signal,
    );
    if (signal.aborted) return;
    await this.#watermarks.pass(client, (writeRows) => {
      writeRows((_batch, stamp, ordinal) => {
        coverage.loadCompleteAt ??= { generation: stamp.generation, lsn: stamp.lsn, ordinal };
      });
    });
    await this.#loadTables(client, routes.filter(isMirror), signal);
    if (signal.aborted) return;
    log.info(
      { load: coverage.load },
      'The initial load is complete: every table has been read once and is followed from here.',
    );
  }

  async #loadTables(client: pg.Client, routes: readonly TableRoute[], signal: AbortSignal): Promise<void> {
    for (;;) {
      for (const route of routes) await this.#loadTable(client, route, signal);
      if (signal.aborted || routes.every((route) => this.#loadOf(tableName(route)).done)) return;
      // What is left is parked: it is loaded once it is resumed.
      await pause(parkedEveryMs, signal);
    }
  }

  async #loadTable(client: pg.Client, route: TableRoute, signal: AbortSignal): Promise<void> {
    const { context, log, tables } = this.#parts;
    const name = tableName(route);
    if (this.#loadOf(name).done || tables.isParked(name)) return;
    const table = await readTable(client, route.schema, route.table);
    if (table === null) throw missingTable(route);
    if (!(await isFit(client, route, this.#parts, signal))) return;
    const columns = presentColumns(route, table);
    this.#begun.set(name, { atMs: monotonicMs(), rows: this.#loadOf(name).rows });
    this.#setLoad(name, { ...this.#loadOf(name), estimate: table.estimate });
    const loaded = await this.#copier.copy(
      client,
      {
        writer: new TableWriter(route, columns, context),
        query: tableChunks({ table, columns, primaryKey: route.primaryKey }),
        after: () => this.#loadOf(name).after,
        find: () => 'read',
        finished: (after, { rows }, last) => {
          const load = this.#loadOf(name);
          this.#setLoad(name, { ...load, after, rows: load.rows + rows, done: last });
        },
        goesOn: () => Promise.resolve(!tables.isParked(name)),
      },
      signal,
    );
    if (!loaded) return;
    if (!this.#loadOf(name).done) this.#setLoad(name, { ...this.#loadOf(name), done: true });
    log.info({ table: name, rows: this.#loadOf(name).rows }, `The table ${name} is loaded.`);
  }

  #loadOf(name: string): TableLoad {
    return this.#parts.coverage.load[name] ?? untouchedTable;
  }

  #setLoad(name: string, load: TableLoad): void {
    const { coverage } = this.#parts;
    coverage.load = { ...coverage.load, [name]: load };
    this.#reportLoad();
  }

  #reportLoad(): void {
    const { report, coverage } = this.#parts;
    report.load = Object.fromEntries(
      Object.entries(coverage.load).map(([name, { rows, estimate, done }]) => {
        const begun = this.#begun.get(name);
        // What was read before this process began says nothing of the rate.
        const read = begun === undefined ? 0 : rows - begun.rows;
        const rest = estimate === null || begun === undefined ? null : estimate - begun.rows;
        const left = secondsLeft({ done: read, estimate: rest, forMs: monotonicMs() - (begun?.atMs ?? 0) });
        return [name, { rows, estimate, done, secondsLeft: done ? null : left }];
      }),
    );
  }
}
