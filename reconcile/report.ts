import type { Cause, Explanation } from './agreement.ts';
import type { BreakdownLine } from './breakdown.ts';
import type { ItemValues } from './rows.ts';
import type { SideTally } from './tally.ts';

/** What a run says: the document of `concord reconcile --json`. LSNs as PostgreSQL prints them. */
export interface ReconcileReport {
  readonly verdict: 'agree' | 'differ';
  readonly point: { readonly snapshot: string; readonly lsn: string; readonly at: string; readonly generation: number };
  readonly tables: readonly TableReport[];
  /** The unexplained ones first; of each table at most so many as were asked for. */
  readonly differences: readonly Difference[];
  /** Rows that do not agree, by distributor, supplier, rule and day. */
  readonly breakdown: readonly BreakdownLine[];
  readonly events: EventsBalance;
  readonly closes: boolean;
  readonly seconds: number;
  /** Rows that were looked at again at a later point, because events had gone over them meanwhile. */
  readonly lookedAgain: number;
  readonly version: string;
  /** The run since which this one compared, and how many rows it looked at one by one; null for a run over everything. */
  readonly since?: {
    readonly run: number;
    readonly lsn: string;
    readonly at: string;
    readonly looked: number;
    /** Pages of both sides' tables that were read because they were written since; null where all were. */
    readonly pages?: { readonly read: number; readonly of: number } | null;
  } | null;
  /** Why it passed over every page. */
  readonly everyPageBecause?: string;
  /** Why everything was compared although only what has changed was asked for. */
  readonly wholeBecause?: string;
}

export interface TableReport {
  readonly table: string;
  readonly sourceRows: number;
  readonly storeRows: number;
  readonly agreeing: number;
  readonly explained: Readonly<Record<Explanation, number>>;
  readonly unexplained: number;
  /** The two equations: rows of each side by how they stand. */
  readonly source: SideTally;
  readonly store: SideTally;
  readonly closes: boolean;
  /** Refused rows by each of their broken rules. */
  readonly rules: Readonly<Record<string, number>>;
  /** How far this run proves the table equal; null when it does not. */
  readonly verifiedThrough: string | null;
}

export interface Difference {
  readonly table: string;
  readonly key: string;
  readonly cause: Cause | 'rejected' | 'held' | 'dead-lettered' | 'loading' | 'unverified';
  /** Names of the items that differ; none for a row that one side does not have. */
  readonly items: readonly string[];
  readonly values: Readonly<Record<string, ItemValues>>;
  /** Broken rules of a refused row. */
  readonly rules: readonly string[];
}

/** A difference that nothing explains. */
export type Unexplained = Difference & { readonly cause: Cause };

export function isUnexplained(difference: Difference): difference is Unexplained {
  switch (difference.cause) {
    case 'rejected':
    case 'held':
    case 'dead-lettered':
    case 'loading':
    case 'unverified':
      return false;
    case 'changed-in-store':
    case 'missing':
    case 'extra':
    case 'unknown':
      return true;
  }
}

/** captured = applied + unchanged + superseded + rejected + held + dead-lettered + not ours + in flight, over all topics. */
export interface EventsBalance {
  readonly captured: number;
  readonly applied: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly rejected: number;
  readonly held: number;
  readonly deadLettered: number;
  readonly notOurs: number;
  readonly inFlight: number;
  /** False when events are missing that are not on their way. */
  readonly closes: boolean;
}
