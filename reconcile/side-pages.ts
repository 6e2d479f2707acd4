import { createHash } from 'node:crypto';
import pg from 'pg';
import { type HeapFile, readHeapFiles } from './heap-files.ts';
import { type KeptPages, type PagesToKeep, readKeptDigests, readKeptPages, type SideName } from './kept-pages.ts';
import { pagesPerRange, RangeDigests } from './range-digests.ts';
import { marksOf, readWalMark, summariesRefusal, type WalMark, type Written, writtenSince } from './wal-summaries.ts';

/** A table that is to be read by its pages. */
export interface PagedTable {
  readonly entity: string;
  /** As SQL. */
  readonly name: string;
  /** Whatever makes other digests of the same rows. */
  readonly meaning: readonly (string | null)[];
}

/** A side as a snapshot has it. */
export interface SideView {
  /** A session in the snapshot, which has the tables locked. */
  readonly client: pg.Client;
  /** The snapshot's. */
  readonly xmin: number;
  /** The registration source's. */
  readonly generation: number;
}

export interface SidePagesSettings {
  readonly source: string;
  /** Of sessions that see what is committed, not a snapshot. */
  readonly registration: pg.Client;
  readonly metering: pg.Client;
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/**
 * The pages of one side's tables in one run. What an earlier run saw on a page is still what is there when nobody has written
 * the page since the marks that it kept: so only pages that were written are read, and the digests of the others are known.
 */
export class SidePages {
  readonly #settings: SidePagesSettings;
  readonly #side: SideName;
  readonly #server: pg.Client;
  readonly #kept: KeptPages | null;
  /** The last checkpoint before the snapshot of this run. */
  readonly #newest: WalMark;
  #generation = 0;
  #marks: readonly WalMark[] = [];
  #stamps: Record<string, string> = {};
  #ranges: ReadonlyMap<string, RangeDigests> = new Map();

  constructor(settings: SidePagesSettings, side: SideName, server: pg.Client, kept: KeptPages | null, newest: WalMark) {
    this.#settings = settings;
    this.#side = side;
    this.#server = server;
    this.#kept = kept;
    this.#newest = newest;
  }

  /** Which ranges of which tables are known, and which must be read; and why nothing is known, if so. */
  async plan(view: SideView, tables: readonly PagedTable[], isWhole: boolean): Promise<string | null> {
    const heaps = await readHeapFiles(
      view.client,
      tables.map(({ name }) => name),
    );
    const paged = tables.flatMap((table) => {
      const heap = heaps.get(table.name);
      return heap === undefined ? [] : [{ ...table, heap, stamp: this.#stampOf(table, heap) }];
    });
    this.#stamps = Object.fromEntries(paged.map(({ entity, stamp }) => [entity, stamp]));
    this.#generation = view.generation;
    const kept = this.#kept?.generation === view.generation ? this.#kept : null;
    this.#marks = marksOf(kept?.marks ?? [], this.#newest, view.xmin);
    const usable = paged.filter(({ entity, stamp }) => !isWhole && kept?.tables[entity] === stamp);
    const from = kept?.marks[0];
    const written: Written =
      kept === null || from === undefined
        ? 'no run has kept digests of pages yet'
        : usable.length === 0
          ? 'every table is another, or another file, than the digests of pages are of'
          : await this.#written(
              from,
              usable.map(({ heap }) => heap),
            );
    const because = typeof written === 'string' ? written : null;
    const known =
      kept === null || because !== null
        ? new Map<string, ReadonlyMap<number, Buffer>>()
        : await readKeptDigests(
            this.#settings.metering,
            this.#settings.source,
            this.#side,
            kept.runId,
            usable.map(({ entity }) => entity),
          );
    this.#ranges = new Map(
      paged.map(({ entity, heap }) => [entity, rangesOf(heap, known.get(entity) ?? new Map(), written)]),
    );
    return isWhole ? null : because;
  }

  /** Of a table that can be read by its pages. */
  rangesOf(entity: string): RangeDigests | null {
    return this.#ranges.get(entity) ?? null;
  }

  /** Ranges that were read, and all there are, in pages. */
  get pages(): { readonly read: number; readonly of: number } {
    const all = [...this.#ranges.values()];
    const sum = (of: (ranges: RangeDigests) => number): number =>
      all.reduce((total, ranges) => total + of(ranges) * pagesPerRange, 0);
    return { read: sum(({ missing }) => missing.length), of: sum(({ count }) => count) };
  }

  /** What is left to a later run, once everything is read; null when a transaction is open that began too long ago. */
  toKeep(): PagesToKeep | null {
    if (this.#marks.length === 0) return null;
    return {
      side: this.#side,
      instead: this.#kept?.runId ?? null,
      generation: this.#generation,
      marks: this.#marks,
      tables: this.#stamps,
      digests: new Map(
        [...this.#ranges].map(([entity, ranges]) => [entity, { parts: ranges.parts, changed: ranges.changedParts }]),
      ),
    };
  }

  #stampOf({ meaning }: PagedTable, { id, columns }: HeapFile): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#newest.cluster, this.#newest.timeline, id, columns, meaning, pagesPerRange]))
      .digest('hex');
  }

  async #written(from: WalMark, files: readonly HeapFile[]): Promise<Written> {
    const { patienceMs, signal } = this.#settings;
    try {
      return await writtenSince(this.#server, from, files, { patienceMs, ...(signal && { signal }) });
    } catch (error) {
      // A summary that was removed just then, or a checkpoint that takes too long: it only costs the reading of everything.
      if (error instanceof pg.DatabaseError) return `the server says: ${error.message}`;
      throw error;
    }
  }
}

function rangesOf({ id, pages }: HeapFile, known: ReadonlyMap<number, Buffer>, written: Written): RangeDigests {
  const count = Math.ceil(pages / pagesPerRange);
  const own = typeof written === 'string' ? undefined : written.get(id);
  return new RangeDigests(count, known, (range) => own === undefined || range >= own.cutAt || own.ranges.has(range));
}

/** Both sides' pages. The marks are read here, before any snapshot is taken. */
export interface BothPages {
  readonly source: SidePages;
  readonly store: SidePages;
}

/** Both, or why pages tell nothing: both servers must be able to say which ones were written. */
export async function openPages(settings: SidePagesSettings): Promise<BothPages | string> {
  const { registration, metering, source } = settings;
  const [kept, there, here] = await Promise.all([
    readKeptPages(metering, source),
    markOrRefusal(registration, 'the registration database'),
    markOrRefusal(metering, 'the metering store'),
  ]);
  if (typeof there === 'string') return there;
  if (typeof here === 'string') return here;
  return {
    source: new SidePages(settings, 'source', registration, kept.get('source') ?? null, there),
    store: new SidePages(settings, 'store', metering, kept.get('store') ?? null, here),
  };
}

async function markOrRefusal(client: pg.Client, name: string): Promise<WalMark | string> {
  try {
    return (await summariesRefusal(client, name)) ?? (await readWalMark(client));
  } catch (error) {
    // Everybody may ask, unless somebody has taken that away.
    if (error instanceof pg.DatabaseError && error.code === '42501') return `${name} says: ${error.message}`;
    throw error;
  }
}
