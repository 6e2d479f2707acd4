import type { DecodedEvent } from '../../../avro/envelope.ts';
import type { ReferenceView } from './contract.ts';
import { isDay } from './days.ts';

export type ReferenceEntity = 'participant' | 'distributor_gsp_group';

/** Decoded items by column name; dates as days since 1970-01-01. */
export type ReferenceItems = Readonly<Record<string, unknown>>;

/** Both ends inclusive; infinite where open. */
interface Period {
  readonly from: number;
  readonly to: number;
}

interface DistributorRow extends Period {
  readonly gspGroup: string;
  readonly distributor: string;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

// An absent begin or an unreadable one (`-infinity` travels in `invalid`) is open, like an absent end: the source has no
// checks, and a row that somebody left open is meant to be in force.
function periodOf(items: ReferenceItems): Period {
  const { effective_from: from, effective_to: to } = items;
  return {
    from: typeof from === 'number' && isDay(from) ? from : Number.NEGATIVE_INFINITY,
    to: typeof to === 'number' && isDay(to) ? to : Number.POSITIVE_INFINITY,
  };
}

function holds(periods: Iterable<Period>, day: number): boolean {
  for (const { from, to } of periods) if (from <= day && day <= to) return true;
  return false;
}

/** Group by group, and within a group from its begin: what the rows say does not depend on the order they came in. */
function compareRows(a: DistributorRow, b: DistributorRow): number {
  if (a.gspGroup !== b.gspGroup) return a.gspGroup < b.gspGroup ? -1 : 1;
  return a.from === b.from ? 0 : a.from - b.from;
}

/**
 * Reference data in memory: who holds which role, and which distributor works where, with dates. Fed with reference
 * events in the order of their positions, it is the reference as of the last of them. Small: all of Market Domain Data
 * is some thousand rows.
 */
export class ReferenceData implements ReferenceView {
  // Role, then MPID, then the row’s begin: a look-up makes no text, and a row comes again under its own key.
  readonly #roles = new Map<string, Map<string, Map<number, Period>>>();
  readonly #prefixes = new Map<string, readonly DistributorRow[]>();
  #version: number | null = null;

  /** Never goes back: a truncated or deleted edition has been seen all the same. */
  get version(): number | null {
    return this.#version;
  }

  everHeld(mpid: string, role: string): boolean {
    return this.#roles.get(role)?.has(mpid) === true;
  }

  holdsAt(mpid: string, role: string, day: number): boolean {
    const periods = this.#roles.get(role)?.get(mpid);
    return periods !== undefined && holds(periods.values(), day);
  }

  prefixOwnerAt(prefix: string, day: number): string | null {
    const rows = this.#prefixes.get(prefix);
    if (rows === undefined) return null;
    for (const row of rows) if (row.from <= day && day <= row.to) return row.distributor;
    return null;
  }

  groupValidAt(prefix: string, gspGroup: string, day: number): boolean {
    const rows = this.#prefixes.get(prefix);
    if (rows === undefined) return false;
    for (const row of rows) if (row.gspGroup === gspGroup && row.from <= day && day <= row.to) return true;
    return false;
  }

  /** Takes one decoded event of a reference topic. */
  applyEvent(entity: ReferenceEntity, event: DecodedEvent): void {
    switch (event.recordType) {
      case 'create':
      case 'read':
      case 'update':
        this.upsert(entity, event);
        return;
      case 'delete':
        this.delete(entity, event);
        return;
      case 'truncate':
        this.truncate(entity);
        return;
      case 'error':
      case 'rejection':
      case 'resolution':
      case 'withdrawal':
        // Flow 3 is of no reference topic.
        return;
    }
  }

  upsert(entity: ReferenceEntity, items: ReferenceItems): void {
    const { reference_version: version } = items;
    if (typeof version === 'number' && version > (this.#version ?? Number.NEGATIVE_INFINITY)) this.#version = version;
    if (entity === 'participant') this.#putRole(items);
    else this.#putDistributor(items);
  }

  delete(entity: ReferenceEntity, items: ReferenceItems): void {
    if (entity === 'participant') this.#dropRole(items);
    else this.#dropDistributor(items);
  }

  truncate(entity: ReferenceEntity): void {
    if (entity === 'participant') this.#roles.clear();
    else this.#prefixes.clear();
  }

  #putRole(items: ReferenceItems): void {
    const role = textOf(items.role);
    const mpid = textOf(items.mpid);
    const holders = this.#roles.get(role) ?? new Map<string, Map<number, Period>>();
    const periods = holders.get(mpid) ?? new Map<number, Period>();
    const period = periodOf(items);
    periods.set(period.from, period);
    holders.set(mpid, periods);
    this.#roles.set(role, holders);
  }

  #dropRole(items: ReferenceItems): void {
    const mpid = textOf(items.mpid);
    const holders = this.#roles.get(textOf(items.role));
    const periods = holders?.get(mpid);
    if (holders === undefined || periods === undefined) return;
    periods.delete(periodOf(items).from);
    if (periods.size === 0) holders.delete(mpid);
  }

  #putDistributor(items: ReferenceItems): void {
    const prefix = textOf(items.prefix);
    const row = {
      ...periodOf(items),
      gspGroup: textOf(items.gsp_group),
      distributor: textOf(items.distributor_mpid),
    };
    const others = this.#otherRows(prefix, row.gspGroup, row.from);
    this.#prefixes.set(prefix, [...others, row].sort(compareRows));
  }

  #dropDistributor(items: ReferenceItems): void {
    const prefix = textOf(items.prefix);
    const others = this.#otherRows(prefix, textOf(items.gsp_group), periodOf(items).from);
    if (others.length === 0) this.#prefixes.delete(prefix);
    else this.#prefixes.set(prefix, others);
  }

  #otherRows(prefix: string, gspGroup: string, from: number): readonly DistributorRow[] {
    const rows = this.#prefixes.get(prefix) ?? [];
    return rows.filter((row) => row.gspGroup !== gspGroup || row.from !== from);
  }
}
