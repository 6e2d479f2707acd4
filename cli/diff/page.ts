import { formatLsn } from '../../avro/position.ts';
import { print, printTable } from '../output.ts';
import type { RowPair } from './both-rows.ts';
import type { TimelineEntry } from './outcome-of.ts';

/** What `concord diff` found; the document of `--json`. */
export interface MeteringPointDiff {
  readonly mpan: string;
  readonly verdict: 'agree' | 'differ' | 'unknown';
  readonly rows: readonly RowPair[];
  readonly events: readonly TimelineEntry[];
  /** From which time on topics were read; null for all that is there. */
  readonly eventsSince: string | null;
  readonly recordsRead: number;
}

/** Everything on one screen: `eventsMax` newest events. */
export function printDiff(diff: MeteringPointDiff, eventsMax: number): void {
  print(`Metering point ${diff.mpan}\n`);
  for (const row of diff.rows) printRow(row);
  printTimeline(diff, eventsMax);
  print('');
  print(verdictOf(diff));
}

function printRow({ entity, key, inRegistration, inMetering, items }: RowPair): void {
  const name = entity === 'metering_point' ? entity : `${entity} ${key}`;
  if (!inRegistration) print(`≠ ${name}: registration does not hold it`);
  if (!inMetering) print(`≠ ${name}: metering does not hold it`);
  const told = items.filter((item) => item.registration !== null || item.metering !== null);
  printTable(
    ['', name, 'registration', 'metering'],
    told.map((item) => [item.differs ? '≠' : ' ', item.name, item.registration ?? '–', item.metering ?? '–']),
    `  ${name}`,
  );
  print('');
}

function printTimeline({ events, eventsSince, recordsRead }: MeteringPointDiff, max: number): void {
  const shown = events.slice(-max);
  const left = events.length - shown.length;
  if (left > 0) print(`… ${left} earlier events; \`--events all\` shows them`);
  printTable(
    ['committed', 'position', 'what', 'event', 'outcome', 'why', 'says'],
    shown.map((entry) => [
      entry.committedAt?.slice(0, 19).replace('T', ' ') ?? '',
      entry.position === null
        ? `offset ${entry.offset}`
        : `${formatLsn(entry.position.lsn)} #${entry.position.ordinal}`,
      entry.entity === 'metering_point' ? entry.entity : `${entry.entity} ${entry.key}`,
      entry.recordType,
      entry.outcome,
      entry.why.join(' '),
      Object.entries(entry.changes)
        .map(([name, [before, after]]) => `${name} ${textOf(before)} → ${textOf(after)}`)
        .join(', '),
    ]),
    eventsSince === null ? 'The topics hold no event of it.' : `The topics hold no event of it since ${eventsSince}.`,
  );
  const since = eventsSince === null ? '' : ` since ${eventsSince}`;
  print(`(${events.length} events${since}, found among ${recordsRead.toLocaleString('en-GB')} records)`);
}

function verdictOf({ verdict, rows, events }: MeteringPointDiff): string {
  if (verdict === 'unknown') return 'Neither side holds it.';
  const waiting = events.filter(({ outcome }) => outcome === 'on its way').length;
  const lag = waiting === 0 ? '' : ` ${waiting} events are on their way: look again in a moment.`;
  if (verdict === 'agree') return `Both sides agree.${lag}`;
  const differing = rows.flatMap((row) => causeOf(row, events));
  return `They differ:${lag}\n${differing.map((line) => `  ${line}`).join('\n')}`;
}

/** Why a row differs, as far as its last event tells. */
function causeOf(
  { entity, key, inRegistration, inMetering, items }: RowPair,
  events: readonly TimelineEntry[],
): string[] {
  const differing = items.filter(({ differs }) => differs).map(({ name }) => name);
  if (differing.length === 0) return [];
  const name = entity === 'metering_point' ? entity : `${entity} ${key}`;
  const which =
    inRegistration && inMetering ? differing.join(', ') : inMetering ? 'only in metering' : 'only in registration';
  const last = events.findLast((one) => one.entity === entity && (entity === 'metering_point' || one.key === key));
  if (last === undefined) return [`${name} (${which}): the topics hold no event that says so`];
  const why = last.why.length === 0 ? '' : ` (${last.why.join(' ')})`;
  switch (last.outcome) {
    case 'rejected':
    case 'held':
    case 'dead-lettered':
    case 'not-ours':
    case 'on its way':
      return [`${name} (${which}): its last event is ${last.outcome}${why}`];
    case 'applied':
    case 'unchanged':
    case 'superseded':
    case 'no trace':
      return [
        `${name} (${which}): its last event is ${last.outcome}, so the store was changed by somebody else. \`concord reconcile --repair\` sends the row again`,
      ];
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
