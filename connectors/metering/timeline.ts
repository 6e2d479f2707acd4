import type { Items } from './versions.ts';

/**
 * What held of a metering point on which settlement date, as far as appointments are judged by it (P27): every
 * version says "from its EFD onward it is X" and replaces what was believed from there on. It is kept beside the
 * accepted row, so that judging an appointment needs no history; most points have only what their row says, and then
 * it is not kept at all.
 */
interface Timeline {
  /** First day of existence: the smallest EFD of the row that made the point; null for always. */
  readonly from: number | null;
  /** Ascending by EFD. */
  readonly suppliers: readonly (readonly [efd: number, mpid: string | null])[];
  /** Ascending; the first from minus infinity. A segment has no EFD: a change holds from the date of source time. */
  readonly segments: readonly (readonly [from: number | null, segment: string | null])[];
}

export interface PointOnDay {
  readonly supplier_mpid: string | null;
  readonly supplier_efd: number | null;
  readonly market_segment: string | null;
}

/** The timeline after an accepted version. `before` is null when the version makes the point. */
export function advanceTimeline(
  before: { readonly items: Items; readonly timeline: string | null } | null,
  items: Items,
  today: number,
): string | null {
  if (before === null || readingItems.every((name) => before.items[name] === items[name]))
    return before?.timeline ?? null;
  const old = read(before.items, before.timeline);
  let suppliers = old.suppliers;
  if (
    before.items['supplier_mpid'] !== items['supplier_mpid'] ||
    before.items['supplier_efd'] !== items['supplier_efd']
  ) {
    const efd = day(items['supplier_efd']) ?? today;
    suppliers = [...suppliers.filter(([from]) => from < efd), [efd, text(items['supplier_mpid'])]];
  }
  let segments = old.segments;
  if (before.items['market_segment'] !== items['market_segment']) {
    segments = [...segments.filter(([from]) => from === null || from < today), [today, text(items['market_segment'])]];
  }
  const kept: Timeline = { from: old.from, suppliers, segments };
  return isSame(kept, read(items, null)) ? null : JSON.stringify(kept);
}

function isSame(a: Timeline, b: Timeline): boolean {
  return a.from === b.from && arePairsSame(a.suppliers, b.suppliers) && arePairsSame(a.segments, b.segments);
}

function arePairsSame(a: readonly (readonly unknown[])[], b: readonly (readonly unknown[])[]): boolean {
  return a.length === b.length && a.every((pair, index) => pair[0] === b[index]?.[0] && pair[1] === b[index]?.[1]);
}

/** Flow 1 as it holds on a settlement date; null before the point existed. */
export function pointOn(items: Items, timeline: string | null, on: number): PointOnDay | null {
  const { from, suppliers, segments } = read(items, timeline);
  if (from !== null && on < from) return null;
  const supplier = suppliers.findLast(([efd]) => efd <= on);
  const segment = segments.findLast(([since]) => since === null || since <= on);
  return {
    supplier_mpid: supplier?.[1] ?? null,
    supplier_efd: supplier?.[0] ?? null,
    market_segment: segment?.[1] ?? null,
  };
}

const readingItems = ['supplier_mpid', 'supplier_efd', 'market_segment', 'data_service_efd', 'metering_service_efd'];

function read(items: Items, timeline: string | null): Timeline {
  if (timeline !== null) return JSON.parse(timeline) as Timeline;
  const efd = day(items['supplier_efd']);
  const efds = [efd, day(items['data_service_efd']), day(items['metering_service_efd'])].filter((one) => one !== null);
  return {
    from: efds.length === 0 ? null : Math.min(...efds),
    suppliers: efd === null ? [] : [[efd, text(items['supplier_mpid'])]],
    segments: [[null, text(items['market_segment'])]],
  };
}

function day(item: unknown): number | null {
  return typeof item === 'number' ? item : null;
}

function text(item: unknown): string | null {
  return typeof item === 'string' ? item : null;
}
