import type pg from 'pg';
import { comparePositions } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { nowMicros, pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import type { DeleteRecords } from '../../topics/delete-records.ts';
import type { TableRoute } from './contract.ts';
import { type ParkedChunk, ParkedReader, type ReadParked } from './parked-reader.ts';
import { columnNames, ParkedChanges, untellable } from './parked-changes.ts';
import type { ParkedRecord } from './parked-record.ts';
import type { ParkedTable } from './parked-tables.ts';
import type { ParkedTail } from './parked-writer.ts';
import { isOfKey, readKeyNote } from './key-judgement.ts';
import { readRelation } from './pgoutput.ts';
import { askForWholeTable } from './read-whole.ts';
import type { ReleaseMarks } from './release-marks.ts';
import { tableName } from './route-columns.ts';
import { readShape, type ShapeBook } from './shape-book.ts';
import type { SnapshotParts } from './snapshot-parts.ts';
import { judgeShape, type TableShape } from './shape-judgement.ts';
import { findStrangeKeys, strangeColumns, type StrangeKeys } from './strange-keys.ts';
import type { TransactionGatherer } from './transactions.ts';

export interface ReleaseParts extends SnapshotParts {
  readonly gatherer: TransactionGatherer;
  readonly shapes: ShapeBook;
  readonly marks: ReleaseMarks;
  readonly readParked: ReadParked;
  readonly deleteRecords: DeleteRecords;
}

interface Telling {
  readonly route: TableRoute;
  readonly entry: ParkedTable;
  readonly current: TableShape;
  readonly chunk: ParkedChunk;
  readonly strange: StrangeKeys;
  readonly tail: ParkedTail;
  /** The mark ends before it. */
  readonly lsn: number;
}

/** What comes while a release ends is kept in memory up to so many bytes, and told up to so many transactions. */
const tailBytesMax = 4_000_000;
const tailTransactionsMax = 4_096;
/** Chunks grow, so that a table which is written to all the time is overtaken. */
const doublingsMax = 5;
const committedEveryMs = 20;
const notUsableRetryMs = 100;

/**
 * Tells what was parked of a table, in the order in which it was parked, and ends the parking. The changes are told in
 * chunks, each at a mark in the stream, and in one Kafka transaction with the progress record that says how far the
 * release is: killed at any point, it goes on after the last chunk. Each source transaction gets an LSN of the mark of
 * its own, so that positions never go back and it is judged by itself; ordinals, xid and commit time stay.
 */
export class Release {
  readonly #parts: ReleaseParts;
  readonly #reader: ParkedReader;
  /** Deletes that do not say which row they deleted. */
  #blind = 0;

  constructor(parts: ReleaseParts) {
    this.#parts = parts;
    this.#reader = new ParkedReader(parts.readParked);
  }

  /** Resolves with null when all is told and committed, else with what stands against it. */
  async run(client: pg.Client, route: TableRoute, signal: AbortSignal): Promise<string | null> {
    const { coverage, tables, shapes, log } = this.#parts;
    const table = tableName(route);
    this.#blind = 0;
    for (let round = 0; !signal.aborted; round += 1) {
      const entry = coverage.parked[table];
      if (entry === undefined) {
        this.#tellBlind(route);
        return null;
      }
      await shapes.types.load(client);
      const current = await readShape(client, route.schema, route.table);
      if (current === null) return `The table ${table} does not exist. ${entry.fix}`;
      const { relationId } = entry;
      if (relationId !== null && relationId !== current.relationId && (await isThere(client, relationId)))
        return `What waits is of another table than the one that is called ${table} now. ${entry.fix}`;
      if (shapes.isReplaced(table, current.relationId)) {
        // Asked for before the table is taken: killed between the two, it is asked for once more.
        await this.#askToReadAgain(client, route, 'it is another table than before');
        shapes.accept(table, current);
      }
      const against = tables.judge(route, current) ?? (await readKeyNote(client, route));
      if (against !== null) return `${against.text} ${against.fix ?? ''}`;
      try {
        const refusal = await this.#round(client, route, entry, current.columns, Math.min(round, doublingsMax), signal);
        if (refusal !== null) return refusal;
      } finally {
        tables.endTail(entry);
      }
      log.info(
        { table, released: entry.released, parked: entry.changes },
        `${entry.released} of ${entry.changes} parked changes of ${table} are told.`,
      );
    }
    return null;
  }

  #tellBlind(route: TableRoute): void {
    if (this.#blind === 0) return;
    const table = tableName(route);
    this.#parts.log.error(
      { code: 'REPLICA_IDENTITY', table, deletes: this.#blind },
      `${this.#blind} deletes of ${table} were parked without saying which rows they deleted, and are not told: \`concord reconcile --table ${route.entity} --repair\` finds the rows, and deletes them in the store.`,
    );
  }

  /** One chunk; null when it is told, or could not be told just now. */
  async #round(
    client: pg.Client,
    route: TableRoute,
    entry: ParkedTable,
    current: TableShape,
    doublings: number,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { marks, tables, report, context } = this.#parts;
    const start = await marks.pass(client, 0, (lsn) => ({ lsn, tail: tables.startTail(route, entry, tailBytesMax) }));
    if (start === null) {
      await pause(notUsableRetryMs, signal);
      return null;
    }
    await this.#committed(start.lsn - 1, signal);
    if (signal.aborted) return null;
    const end = report.nextOffsets[partitionName(context.settings.parkedTopic ?? '', 0)] ?? 0;
    const chunk = await this.#read(entry, start.lsn, end, context.settings.limits.chunkRows * 2 ** doublings);
    if (typeof chunk === 'string') return chunk;
    if (isOfKey(entry.code))
      await this.#askToReadAgain(client, route, 'rows that shared a key may have hidden each other');
    const refusal = await this.#prepare(client, route, chunk, current);
    if (refusal !== null) return refusal;
    const strange = await findStrangeKeys(client, chunk.records, (columns) =>
      strangeColumns(route, columns, columnNames(route, columns, current), this.#parts.shapes.types),
    );
    const positions = chunk.transactions + tailTransactionsMax + 1;
    const told = await marks.pass(client, positions, (lsn) =>
      this.#tell({ route, entry, current, chunk, strange, tail: start.tail, lsn }),
    );
    if (told === null) await pause(notUsableRetryMs, signal);
    else if (typeof told === 'string') return told;
    else await this.#committed(told.lsn, signal);
    return null;
  }

  /** A text where what should be there is not. */
  async #read(...question: Parameters<ParkedReader['read']>): Promise<ParkedChunk | string> {
    try {
      return await this.#reader.read(...question);
    } catch (error) {
      if (error instanceof Fault && error.code === 'RECORDS_LOST') return error.message;
      throw error;
    }
  }

  /** Looks at the shapes before anything is told. */
  async #prepare(
    client: pg.Client,
    route: TableRoute,
    { records }: ParkedChunk,
    current: TableShape,
  ): Promise<string | null> {
    for (const { isRelation, message } of records) {
      if (!isRelation) continue;
      const { columns } = readRelation(message, 0);
      const refusal = untellable(route, columns, current);
      if (refusal !== null) return refusal;
      // Such changes do not tell all of their rows as the table has them now: they are read again when all is told.
      if (this.#parks(route, columns, current))
        await this.#askToReadAgain(client, route, 'some of them came while a column was missing or of another type');
    }
    return null;
  }

  #parks(route: TableRoute, columns: TableShape, current: TableShape): boolean {
    const { context, shapes } = this.#parts;
    const names = columnNames(route, columns, current);
    const after = columns.map((column, index) => ({ ...column, name: names[index] ?? column.name }));
    const { verdict } = judgeShape({ route, schemaOf: context.schemaOf, types: shapes.types, before: null, after });
    return verdict === 'parks';
  }

  /** Whether the table was not altered again since the tail began: else what is in it is prepared for like the rest. */
  #fits(route: TableRoute, { records }: ParkedTail, current: TableShape): boolean {
    let fits = true;
    return records.every(({ isRelation, message }) => {
      if (!isRelation) return fits;
      fits = !this.#parks(route, readRelation(message, 0).columns, current);
      return true;
    });
  }

  async #askToReadAgain(client: pg.Client, route: TableRoute, because: string): Promise<void> {
    const { context, log } = this.#parts;
    const table = tableName(route);
    const job = await askForWholeTable(client, context.settings.name, route);
    if (job !== null) log.info({ table, job }, `${table} is read again after its parked changes: ${because}.`);
  }

  /** At the mark, which ends before the given LSN. Returns where the telling ended, or what stands against it. */
  #tell({ route, entry, current, chunk, strange, tail, lsn }: Telling): { readonly lsn: number } | string {
    const { coverage, gatherer, tables, context, shapes } = this.#parts;
    const tailIsTold = !tail.overflown && transactionsOf(tail.records) <= tailTransactionsMax;
    const ends = chunk.all && tailIsTold && this.#fits(route, tail, current);
    const records = ends ? [...chunk.records, ...tail.records] : chunk.records;
    const changes = records.reduce((sum, { isRelation }) => sum + (isRelation ? 0 : 1), 0);
    if (ends && entry.released + changes !== entry.changes) {
      return `Of ${entry.changes} changes of ${tableName(route)} that were parked, ${entry.released + changes} can be read on the parked topic: somebody has deleted records there. The table stays parked, so that nothing is lost silently.`;
    }
    const isPartitioned = shapes.partitioned.has(tableName(route));
    const told = new ParkedChanges({ route, current, context, types: shapes.types, isPartitioned, strange });
    const { generation, sourceTime } = coverage;
    // The last one stands just below what the mark itself covers.
    const before = lsn - 2 - transactionsOf(records);
    let stamp = { generation, sourceTime, lsn: before, xid: 0, committedAt: 0, createdAt: nowMicros() };
    let original = 0;
    gatherer.beginSource();
    for (const record of records) {
      if (record.isRelation) {
        told.shape(record.message);
        continue;
      }
      if (record.lsn !== original) {
        original = record.lsn;
        const { xid, committedAt } = record;
        stamp = { ...stamp, lsn: stamp.lsn + 1, xid, committedAt };
      }
      told.tell(record, { batch: gatherer.batch, stamp, ordinal: record.ordinal });
      coverage.lsn = stamp.lsn;
      coverage.ordinal = record.ordinal;
    }
    this.#blind += told.blind;
    entry.released += changes;
    entry.next = chunk.next;
    if (ends) tables.release(route, { generation, lsn: coverage.lsn, ordinal: coverage.ordinal });
    gatherer.commitSource(true);
    return { lsn: coverage.lsn };
  }

  /** Waits until a committed progress record covers the LSN. */
  async #committed(lsn: number, signal: AbortSignal): Promise<void> {
    const { report, coverage } = this.#parts;
    const wanted = { generation: coverage.generation, lsn, ordinal: 0 };
    while (!signal.aborted && comparePositions(report.position, wanted) < 0) await pause(committedEveryMs, signal);
  }
}

async function isThere(client: pg.Client, relationId: number): Promise<boolean> {
  const { rows } = await client.query('SELECT 1 FROM pg_class WHERE oid = $1::int8::oid', [relationId]);
  return rows.length > 0;
}

function transactionsOf(records: readonly ParkedRecord[]): number {
  let count = 0;
  let last = 0;
  for (const { isRelation, lsn } of records) {
    if (!isRelation && lsn !== last) {
      last = lsn;
      count += 1;
    }
  }
  return count;
}
