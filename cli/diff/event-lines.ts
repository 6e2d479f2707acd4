import { formatLsn } from '../../avro/position.ts';
import type { TimelineEntry } from './outcome-of.ts';
import { cut } from './row-lines.ts';

const fine: ReadonlySet<TimelineEntry['outcome']> = new Set(['applied', 'unchanged', 'superseded', 'not-ours']);
/** Outcomes without a rule have what changed one under the other; a rule is worth more than what stands behind it. */
const outcomeWidth = 'superseded'.length;
/** A device's id ends with what tells it from others of the same MPAN. */
const keyMax = 8;

/** One line an event, under a line with the day where they all have the same. `!`: it did not go into the store. */
export function eventLines(events: readonly TimelineEntry[], columns: number): readonly string[] {
  if (events.length === 0) return [];
  const days = [
    ...new Set(events.flatMap(({ committedAt }) => (committedAt === null ? [] : [committedAt.slice(0, 10)]))),
  ];
  const [day] = days;
  const isOneDay = days.length === 1 && day !== undefined;
  const cells = events.map((entry) => [
    `${fine.has(entry.outcome) ? ' ' : '!'} ${timeOf(entry, isOneDay)}`,
    entry.position === null ? '–' : formatLsn(entry.position.lsn),
    placeOf(entry),
    `${outcomeOf(entry).padEnd(outcomeWidth)} ${whatOf(entry)}`,
  ]);
  const widths = [0, 1, 2].map((at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return [
    isOneDay ? `Events (committed ${day}, UTC)` : 'Events (time committed, UTC)',
    ...cells.map((line) => cut(line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' '), columns).trimEnd()),
  ];
}

function timeOf({ committedAt }: TimelineEntry, isOneDay: boolean): string {
  if (committedAt === null) return '–';
  return isOneDay ? committedAt.slice(11, 19) : committedAt.slice(0, 19).replace('T', ' ');
}

/** As `concord tail` and `concord dead-letters` name it, without the source, which is always the same. */
function placeOf({ topic, partition, offset }: TimelineEntry): string {
  return `${topic.slice(topic.lastIndexOf('.') + 1)}/${partition}@${offset}`;
}

function outcomeOf({ outcome, why }: TimelineEntry): string {
  const codes = why.filter((text) => /^[A-Z0-9_]+$|^\(/.test(text));
  return [outcome, ...(outcome === 'applied' ? [] : codes)].join(' ');
}

function whatOf({ entity, key, recordType, changes }: TimelineEntry): string {
  const short = key.length <= keyMax ? key : `…${key.slice(1 - keyMax)}`;
  const changed = Object.entries(changes)
    .map(([name, [before, after]]) => `${name} ${textOf(before)}→${textOf(after)}`)
    .join(', ');
  // That something was updated is seen by what.
  const type = recordType === 'update' && changed !== '' ? '' : recordType;
  return [type, entity === 'metering_point' ? '' : short, changed].filter((text) => text !== '').join(' ');
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
