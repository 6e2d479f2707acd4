import type pg from 'pg';
import type { Cause } from './agreement.ts';
import type { Finding } from './evidence.ts';
import type { StoreSide } from './store-side.ts';
import type { ReconciledTable } from './tables.ts';

/** Rows that do not agree, by who they concern: what the page drills down into. */
export interface BreakdownLine {
  readonly table: string;
  readonly standing: 'rejected' | 'held' | 'dead-lettered' | 'unsent' | 'unverified' | 'loading' | 'unexplained';
  /** Of unexplained rows. */
  readonly cause: Cause | null;
  /** Broken rules of refused rows. */
  readonly rules: readonly string[];
  readonly distributor: string | null;
  readonly supplier: string | null;
  /** The day of the refused event's source time in Europe/London, or on which the store's version was applied. */
  readonly day: string | null;
  readonly rows: number;
}

/** Of more combinations than this only the largest are told. */
const linesMax = 2_000;

/** Refused rows, counted in the store, but those that are told of otherwise: keys. */
export async function refusedBreakdown(
  client: pg.Client,
  store: StoreSide,
  without: readonly string[],
): Promise<readonly BreakdownLine[]> {
  const { rows } = await client.query<Omit<BreakdownLine, 'table' | 'cause'>>(store.refusedBreakdown(), [
    without,
    linesMax,
  ]);
  return rows.map((row) => ({ table: store.table.entity, cause: null, ...row }));
}

/** Unexplained rows by the same questions, the largest first. */
export function unexplainedBreakdown(table: ReconciledTable, findings: readonly Finding[]): readonly BreakdownLine[] {
  return linesOf(table, 'unexplained', findings);
}

/** Rows whose last change could not be decoded, or not be sent, and those of which the topics do not tell any more. */
export function explainedBreakdown(table: ReconciledTable, explained: readonly Finding[]): readonly BreakdownLine[] {
  const of = (by: Finding['by']): readonly Finding[] => explained.filter((finding) => finding.by === by);
  return [
    ...linesOf(table, 'dead-lettered', of('deadLettered')),
    ...linesOf(table, 'unsent', of('unsent')),
    ...linesOf(table, 'unverified', of('unverified')),
  ];
}

function linesOf(
  table: ReconciledTable,
  standing: 'unexplained' | 'dead-lettered' | 'unsent' | 'unverified',
  findings: readonly Finding[],
): readonly BreakdownLine[] {
  const lines = new Map<string, BreakdownLine>();
  for (const { cause: found, place, day } of findings) {
    const cause = standing === 'unexplained' ? found : null;
    const name = JSON.stringify([cause, place, day]);
    const rows = (lines.get(name)?.rows ?? 0) + 1;
    lines.set(name, { table: table.entity, standing, cause, rules: [], ...place, day, rows });
  }
  return [...lines.entries()]
    .sort(([a, one], [b, other]) => other.rows - one.rows || (a < b ? -1 : 1))
    .slice(0, linesMax)
    .map(([, line]) => line);
}
