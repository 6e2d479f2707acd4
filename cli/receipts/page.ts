import { formatLsn } from '../../avro/position.ts';
import { print, printTable } from '../output.ts';
import type { Answer } from './answer.ts';
import type { ReceiptRow } from './direction.ts';
import type { Overdue } from './overdue.ts';

/** All receipts, and what they say together. */
export function printReceipts(
  rows: readonly ReceiptRow[],
  throughs: readonly { receiver: string; source: string; lsn: string | null }[],
): void {
  printTable(
    ['receiver', 'source', 'lane', 'through LSN', 'at', 'counts'],
    rows.map((row) => [
      row.receiver,
      row.source,
      String(row.lane),
      formatLsn(Number(row.through_lsn)),
      row.at.toISOString().slice(0, 19),
      Object.entries(row.counts)
        .map(([outcome, events]) => `${outcome} ${events.toLocaleString('en-GB')}`)
        .join(', '),
    ]),
    'No receipt has arrived yet.',
  );
  print('');
  for (const { receiver, source, lsn } of throughs) {
    print(
      lsn === null
        ? `${receiver} has not signed for every lane of ${source} yet.`
        : `${receiver} has everything of ${source} through ${lsn}.`,
    );
  }
  print('`--lsn` and `--table` ask for one event or row, `--unacknowledged-for 10m` for what nobody has signed for.');
}

const sentences: Readonly<Record<Answer['verdict'], string>> = {
  delivered: 'Delivered',
  rejected: 'Rejected',
  held: 'Held',
  'dead-lettered': 'Dead-lettered: it could not be decoded. `concord dead-letters list` shows it',
  'not yet': 'Not yet: it has no outcome so far',
  'no trace': 'No trace: the receiver is past it, and holds nothing of it',
  unknown: 'Unknown',
};

/** One event or row after another, some lines each. */
export function printAnswers(answers: readonly Answer[]): void {
  answers.forEach((answer, at) => {
    if (at > 0) print('');
    printAnswer(answer);
  });
}

function printAnswer(answer: Answer): void {
  const { verdict, outcome, position, place, acknowledged } = answer;
  print(subjectOf(answer));
  const at =
    position === null
      ? null
      : `position ${formatLsn(position.lsn)} #${position.ordinal}, generation ${position.generation}`;
  const where = place === null ? null : `${place.topic}/${place.partition}@${place.offset}`;
  const lane = answer.lane === null ? null : `lane ${answer.lane}`;
  const committed = answer.committedAt === null ? null : `committed ${answer.committedAt}`;
  const facts = [at, lane, where, committed].filter((fact) => fact !== null);
  if (facts.length > 0) print(`  ${facts.join(', ')}`);
  const detail = outcome === null || outcome === verdict ? '' : `: ${outcome}`;
  print(`${sentences[verdict]}${detail}.`);
  for (const { code, text } of answer.why) print(`  ${code}${text === null ? '' : `: ${text}`}`);
  if (answer.due !== null) print(`  It waits until ${answer.due}, then it becomes an error.`);
  else if (verdict === 'held') print('  It waits for the end of the initial load.');
  if (acknowledged !== null) {
    print(
      `Acknowledged by ${acknowledged.receiver} at ${acknowledged.at}, through ${formatLsn(acknowledged.throughLsn)}.`,
    );
  } else if (position !== null && ['delivered', 'rejected', 'held'].includes(verdict)) {
    print('Its receipt has not come back yet.');
  }
  if (answer.note !== null) print(answer.note);
  if (answer.why.length > 0) print('`concord explain CODE` says what to do about a code.');
}

function subjectOf({ entity, key, recordType, source }: Answer): string {
  if (entity === '') return `Of ${source}`;
  return `${recordType === null ? 'Row' : recordType} of ${entity} ${key}`;
}

/** What waits for a receipt, source by source. */
export function printOverdue(both: readonly Overdue[], after: string): void {
  for (const { source, events, total, silentSince } of both) {
    if (silentSince !== null) {
      print(
        `${source} has published nothing since ${silentSince}, not even its heartbeat: whatever was committed since is neither published nor acknowledged. \`concord status\` shows why.`,
      );
    }
    if (total === 0) {
      print(`${source}: everything that was published more than ${after} ago is acknowledged.`);
      continue;
    }
    print(`${source}: ${total.toLocaleString('en-GB')} events have waited for a receipt for more than ${after}.\n`);
    printTable(
      ['committed', 'event', 'key', 'topic', 'lane', 'position'],
      events.map((one) => [
        one.committedAt.slice(0, 19),
        one.recordType,
        one.key,
        one.topic,
        String(one.lane),
        `${formatLsn(one.position.lsn)} #${one.position.ordinal}`,
      ]),
      '',
    );
    if (events.length < total)
      print(`… and ${(total - events.length).toLocaleString('en-GB')} more; --limit shows more.`);
    print(
      '\nThe receiver does not run or can not go on: `concord status` shows which, `concord explain CODE` what to do.\n',
    );
  }
}
