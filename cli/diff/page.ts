import { formatLsn } from '../../avro/position.ts';
import { print, printTable } from '../output.ts';
import type { RowPair } from './both-rows.ts';
import { eventLines, textOf } from './event-lines.ts';
import type { TimelineEntry } from './outcome-of.ts';
import { foldedLines, rowName } from './row-lines.ts';

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

/** How much is shown, and on how large a screen. */
export interface DiffView {
  /** Every item of every row, and every event in full. */
  readonly all: boolean;
  /** So many of the newest events; null for as many as the screen has room for. */
  readonly eventsMax: number | null;
  readonly columns: number;
  readonly lines: number;
}

/** At least so many events are shown, however much the rows take. */
const eventsMin = 8;
/** The prompt, and the command itself. */
const linesOfShell = 2;

export function printDiff(diff: MeteringPointDiff, view: DiffView): void {
  if (view.all) printEverything(diff, view.eventsMax ?? Number.POSITIVE_INFINITY);
  else for (const line of screenOf(diff, view)) print(line);
}

/** What differs, and the newest events, on one screen. Pure. */
export function screenOf(diff: MeteringPointDiff, { eventsMax, columns, lines }: DiffView): readonly string[] {
  const { events, rows } = diff;
  const head = [`Metering point ${diff.mpan}`, '', ...rows.flatMap((row) => foldedLines(row, columns))];
  if (rows.length > 0) head.push('');
  const verdict = verdictOf(diff)
    .split('\n')
    .flatMap((line) => wrapped(line, columns));
  const taken = head.length + verdict.length + ['events', 'earlier', 'read', ''].length + linesOfShell;
  const shown = events.slice(-(eventsMax ?? Math.max(eventsMin, lines - taken)));
  const left = events.length - shown.length;
  const [heading = noEvents(diff), ...entries] = eventLines(shown, columns);
  return [
    ...head,
    heading,
    ...(left > 0 ? [`  … ${left} earlier events; --all shows them`] : []),
    ...entries,
    readNote(diff),
    '',
    ...verdict,
  ];
}

/** Everything in full, one thing under the other. */
function printEverything(diff: MeteringPointDiff, eventsMax: number): void {
  print(`Metering point ${diff.mpan}\n`);
  for (const row of diff.rows) printRow(row);
  printTimeline(diff, eventsMax);
  print('');
  print(verdictOf(diff));
}

function printRow(row: RowPair): void {
  const name = rowName(row);
  if (!row.inRegistration) print(`≠ ${name}: registration does not hold it`);
  if (!row.inMetering) print(`≠ ${name}: metering does not hold it`);
  const told = row.items.filter((item) => item.registration !== null || item.metering !== null);
  printTable(
    ['', name, 'registration', 'metering'],
    told.map((item) => [item.differs ? '≠' : ' ', item.name, item.registration ?? '–', item.metering ?? '–']),
    `  ${name}`,
  );
  print('');
}

function printTimeline(diff: MeteringPointDiff, max: number): void {
  const shown = max === Number.POSITIVE_INFINITY ? diff.events : diff.events.slice(-max);
  const left = diff.events.length - shown.length;
  if (left > 0) print(`… ${left} earlier events`);
  printTable(
    ['committed', 'position', 'lies at', 'what', 'event', 'outcome', 'why', 'says'],
    shown.map((entry) => [
      entry.committedAt?.slice(0, 19).replace('T', ' ') ?? '',
      entry.position === null ? '' : `${formatLsn(entry.position.lsn)} #${entry.position.ordinal}`,
      `${entry.topic}/${entry.partition}@${entry.offset}`,
      rowName(entry),
      entry.recordType,
      entry.outcome,
      entry.why.join(' '),
      Object.entries(entry.changes)
        .map(([name, [before, after]]) => `${name} ${textOf(before)} → ${textOf(after)}`)
        .join(', '),
    ]),
    noEvents(diff),
  );
  print(readNote(diff));
}

function noEvents({ eventsSince }: MeteringPointDiff): string {
  return eventsSince === null
    ? 'The topics hold no event of it.'
    : `The topics hold no event of it since ${eventsSince}.`;
}

function readNote({ events, eventsSince, recordsRead }: MeteringPointDiff): string {
  const since = eventsSince === null ? '' : ` since ${eventsSince}`;
  return `(${events.length} events${since}, found among ${recordsRead.toLocaleString('en-GB')} records)`;
}

/** A sentence in lines no longer than the screen, the later ones indented. */
function wrapped(text: string, columns: number): readonly string[] {
  const indent = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = indent;
  for (const word of text.trim().split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line = line.trim() === '' ? `${line}${word}` : `${line} ${word}`;
  }
  return [...lines, line];
}

function verdictOf({ verdict, rows, events }: MeteringPointDiff): string {
  if (verdict === 'unknown') return 'Neither side holds it.';
  const waiting = events.filter(({ outcome }) => outcome === 'on its way').length;
  const lag = waiting === 0 ? '' : ` ${waiting} events are on their way: look again in a moment.`;
  if (verdict === 'agree') return `Both sides agree.${lag}`;
  const differing = rows.flatMap((row) => causeOf(row, events));
  const isRefused = differing.some((line) => /\([A-Z_]+\b/.test(line));
  const help = isRefused ? ['`concord explain CODE` says what a code means, and what to do.'] : [];
  return [`They differ:${lag}`, ...differing.map((line) => `  ${line}`), ...help].join('\n');
}

/** Why a row differs, as far as its last event tells. */
function causeOf(row: RowPair, events: readonly TimelineEntry[]): string[] {
  const { entity, key, inRegistration, inMetering, items } = row;
  const differing = items.filter(({ differs }) => differs).map(({ name }) => name);
  if (differing.length === 0) return [];
  const name = rowName(row);
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
