import type { OutcomeDelta } from '../../connectors/sink/contract.ts';
import type { KeyRows, Row } from './key-rows.ts';

export interface DryRunSample {
  readonly table: string;
  readonly key: string;
  readonly does: 'insert' | 'update' | 'delete';
  /** Column → [now, then]. */
  readonly columns: Readonly<Record<string, readonly [unknown, unknown]>>;
}

/** What a dry run would do. The document of `--json`. */
export interface DryRunCounts {
  readonly events: number;
  /** At the newest position that the store has of their key: it has them. */
  readonly known: number;
  /** Older than what the store has of their key. */
  readonly stale: number;
  /** Older than the history that the store keeps, of keys of which it has nothing: it can not be told whether it had them. */
  readonly forgotten: number;
  /** Topic → outcome → events. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly inserts: Readonly<Record<string, number>>;
  readonly deletes: Readonly<Record<string, number>>;
  /** Table → column → rows. */
  readonly updates: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Rule → events that would be rejected, or held. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly held: Readonly<Record<string, number>>;
  readonly samples: readonly DryRunSample[];
  readonly interrupted: boolean;
}

const samplesMax = 10;
/** They say where a version came from, and change with every event. */
const stamps = new Set(['generation', 'lsn', 'ordinal', 'xid', 'committed_at', 'source_time', 'source']);
type Counts = Record<string, number>;

/** Adds up what the chunks of a dry run did before they were rolled back. */
export class DryRunTally {
  events = 0;
  private known = 0;
  private stale = 0;
  private forgotten = 0;
  private readonly ended: Record<string, Counts> = {};
  private readonly inserts: Counts = {};
  private readonly deletes: Counts = {};
  private readonly updates: Record<string, Counts> = {};
  private readonly rejected: Counts = {};
  private readonly held: Counts = {};
  private readonly samples: DryRunSample[] = [];

  /** `order`: of the event against the newest position that the store has of its key. */
  see(order: number): void {
    this.events += 1;
    if (order === 0) this.known += 1;
    else if (order < 0) this.stale += 1;
  }

  forget(): void {
    this.events += 1;
    this.forgotten += 1;
  }

  outcomes(deltas: readonly OutcomeDelta[]): void {
    for (const { topic, outcome, delta } of deltas) add((this.ended[topic] ??= {}), outcome, delta);
  }

  changes(before: KeyRows, after: KeyRows): void {
    for (const name of new Set([...before.rows.keys(), ...after.rows.keys()])) {
      this.row(name, before.rows.get(name) ?? null, after.rows.get(name) ?? null);
    }
    for (const [id, { outcome, codes }] of after.refused) {
      if (before.refused.has(id)) continue;
      for (const code of codes) add(outcome === 'held' ? this.held : this.rejected, code, 1);
    }
  }

  counts(interrupted: boolean): DryRunCounts {
    const { events, known, stale, forgotten, inserts, deletes, updates, rejected, held, samples } = this;
    return {
      events,
      known,
      stale,
      forgotten,
      // Of several that judge side by side, any may be the first to end a topic's event.
      outcomes: Object.fromEntries(Object.entries(this.ended).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      inserts,
      deletes,
      updates,
      rejected,
      held,
      samples,
      interrupted,
    };
  }

  /** Those that come first by table and key, whatever was judged first. */
  private sample(sample: DryRunSample): void {
    const isBefore = (a: DryRunSample, b: DryRunSample): boolean =>
      a.table === b.table ? a.key < b.key : a.table < b.table;
    const last = this.samples.at(-1);
    if (this.samples.length >= samplesMax && last !== undefined && !isBefore(sample, last)) return;
    this.samples.push(sample);
    this.samples.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    if (this.samples.length > samplesMax) this.samples.pop();
  }

  private row(name: string, now: Row | null, then: Row | null): void {
    const [table = '', key = ''] = name.split('|');
    const columns = Object.fromEntries(
      Object.keys({ ...now, ...then })
        .filter((column) => !stamps.has(column) && !column.startsWith('decided_'))
        .filter((column) => JSON.stringify(now?.[column] ?? null) !== JSON.stringify(then?.[column] ?? null))
        .map((column) => [column, [now?.[column] ?? null, then?.[column] ?? null] as const]),
    );
    if (Object.keys(columns).length === 0) return;
    const does = now === null ? 'insert' : then === null ? 'delete' : 'update';
    if (does === 'insert') add(this.inserts, table, 1);
    else if (does === 'delete') add(this.deletes, table, 1);
    else for (const column of Object.keys(columns)) add((this.updates[table] ??= {}), column, 1);
    this.sample({ table, key, does, columns });
  }
}

function add(counts: Counts, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}
