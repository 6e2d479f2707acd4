import type { ClientBase } from 'pg';
import type { EventSource } from '../../../avro/envelope.ts';
import type { Position } from '../../../avro/position.ts';
import type { LaneEvent, OutcomeDelta } from '../../sink/contract.ts';
import { CopyText } from '../copy-rows.ts';
import { copyField, copyNull, copyTextArray, timestampText } from '../copy-text.ts';
import { readRows } from '../read-rows.ts';
import { copyRows } from '../write.ts';
import { MirrorKey, type MirrorVersion } from './mirror-key.ts';
import type { MirrorTable } from './mirror-table.ts';

/** Whose rows they are. */
export interface MirrorOwner {
  readonly source: string;
  readonly lane: number;
}

/** The events of one mirrored table in one batch: read what is there, take event after event, write what changed. */
export class MirrorBatch {
  readonly #table: MirrorTable;
  readonly #owner: MirrorOwner;
  /** By the key as text. Two texts are one key where the column's type says so (`1.0` and `1.00`). */
  #keys = new Map<string, MirrorKey>();
  #applied = 0;
  #unchanged = 0;

  constructor(table: MirrorTable, owner: MirrorOwner) {
    this.#table = table;
    this.#owner = owner;
  }

  async apply(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
    let from = 0;
    while (from < events.length) {
      const found = events.findIndex(({ event }, index) => index >= from && event.recordType === 'truncate');
      const upTo = found < 0 ? events.length : found;
      await this.#changes(client, events.slice(from, upTo));
      const truncate = events[upTo];
      if (truncate !== undefined) await this.#truncate(client, truncate.event.source);
      from = upTo + 1;
    }
    const { topic } = this.#table;
    return [
      { topic, outcome: 'applied', delta: this.#applied },
      { topic, outcome: 'unchanged', delta: this.#unchanged },
    ];
  }

  async #changes(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#load(client, events);
    for (const { event } of events) {
      const key = this.#keyOf(this.#table.keyOfEvent(event));
      const row = event.recordType === 'delete' ? null : this.#table.rowOf(event, key.row);
      if (key.take(event.source, row)) this.#applied += 1;
      else this.#unchanged += 1;
    }
    await this.#write(client);
  }

  async #load(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    this.#keys = new Map();
    const wanted = new Map<string, readonly (string | null)[]>();
    for (const { event } of events) {
      const parts = this.#table.keyOfEvent(event);
      wanted.set(JSON.stringify(parts), parts);
    }
    const all = [...wanted.values()];
    const rows = await readRows(client, this.#table.statements.load, columnsOf(all));
    const byStored = new Map<string, MirrorKey>();
    for (const [n, generation, lsn, ordinal, unsent, ...texts] of rows) {
      const row = this.#table.loadedRow(texts, unsent ?? null);
      const stored = JSON.stringify(this.#table.keyOf(row));
      const position = { generation: Number(generation), lsn: Number(lsn), ordinal: Number(ordinal) };
      const key = byStored.get(stored) ?? new MirrorKey(this.#table.keyOf(row), { ...position, row });
      byStored.set(stored, key);
      this.#keys.set(JSON.stringify(all[Number(n) - 1]), key);
    }
  }

  #keyOf(parts: readonly (string | null)[]): MirrorKey {
    const name = JSON.stringify(parts);
    const key = this.#keys.get(name) ?? new MirrorKey(parts, null);
    this.#keys.set(name, key);
    return key;
  }

  /** What goes first, so that what comes in its place finds room. */
  async #write(client: ClientBase): Promise<void> {
    const keys = [...new Set(this.#keys.values())];
    const ended = keys.filter((key) => key.ending !== null);
    const { statements } = this.#table;
    if (ended.length > 0) {
      await client.query(statements.end, [
        ...columnsOf(ended.map(({ parts }) => parts)),
        ...columnsOf(ended.map(({ ending }) => (ending === null ? [] : endingOf(ending).map(String)))),
      ]);
    }
    const past = keys.flatMap((key) => key.past.map(({ version, ending }) => this.#copyRow(version, ending)));
    await copyRows(client, statements.copyHistory, CopyText.of(past));
    const made = keys.flatMap(({ made: version }) => (version === null ? [] : [this.#copyRow(version, null)]));
    await copyRows(client, statements.copyCurrent, CopyText.of(made));
  }

  #copyRow({ row, source }: MirrorVersion, ending: EventSource | null): string {
    return `${[
      ...row.values.map(copyField),
      copyField(source.name),
      source.generation,
      source.lsn,
      source.ordinal,
      source.xid,
      timestampText(source.committedAt),
      timestampText(source.sourceTime),
      row.unsent.length === 0 ? copyNull : copyTextArray(row.unsent),
      this.#owner.lane,
      ...(ending === null ? [] : endingOf(ending)),
    ].join('\t')}\n`;
  }

  async #truncate(client: ClientBase, source: EventSource): Promise<void> {
    await client.query(this.#table.statements.truncate, [this.#owner.source, this.#owner.lane, ...endingOf(source)]);
    // One truncate is in every partition, and is one event.
    if (this.#owner.lane === 0) this.#applied += 1;
  }
}

function endingOf({ generation, lsn, ordinal, xid }: Position & { readonly xid: number }): readonly number[] {
  return [generation, lsn, ordinal, xid];
}

/** Rows as one array for each column: parameters of `unnest`. */
function columnsOf(rows: readonly (readonly (string | null)[])[]): (string | null)[][] {
  const [first = []] = rows;
  return first.map((_, column) => rows.map((row) => row[column] ?? null));
}
