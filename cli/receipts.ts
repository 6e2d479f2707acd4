import { Command } from 'commander';
import { formatLsn, parseLsn } from '../avro/position.ts';
import { nowMs } from '../runtime/clock.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, printJson, UsageError } from './output.ts';
import type { Answer } from './receipts/answer.ts';
import { directionOf, directions, type ReceiptRow, readReceipts } from './receipts/direction.ts';
import { answerEvent } from './receipts/event.ts';
import { findOverdue, type Overdue } from './receipts/overdue.ts';
import { printAnswers, printOverdue, printReceipts } from './receipts/page.ts';
import { answerRejectionRow } from './receipts/rejection-row.ts';
import { answerRow } from './receipts/row.ts';
import { shown, shownKey } from './shown.ts';
import type { Settings } from './settings.ts';

interface ReceiptOptions extends CommonOptions {
  readonly source?: string;
  readonly lsn?: string;
  readonly ordinal?: string;
  readonly generation?: string;
  readonly table?: string;
  readonly key?: string;
  readonly unacknowledgedFor?: string;
  readonly limit: string;
  readonly reveal?: boolean;
}

/** `concord receipts`: what each receiver has acknowledged, what became of one event or row, and what nobody has signed for. */
export function receiptsCommand(): Command {
  return withCommonOptions(
    new Command('receipts').description('delivery receipts of both directions, and what became of one event or row'),
  )
    .option('--source <name>', 'of an event: the source that published it (default: the registration source)')
    .option('--lsn <lsn>', 'of an event: its commit LSN, as 16/B374D848 or as a number')
    .option('--ordinal <number>', 'of an event: its place in the transaction', '1')
    .option('--generation <number>', 'of an event: the generation of the source (default: the newest)')
    .option(
      '--table <name>',
      'of a row: metering_point, appointment, meter_asset, participant, distributor_gsp_group, rejection',
    )
    .option('--key <key>', 'of a row: its primary key, parts joined by |; of an event: one of several at a position')
    .option('--unacknowledged-for <time>', 'list what was committed longer ago and has no receipt: 30s, 10m, 2h, 1d')
    .option('--limit <events>', 'list at most so many events without a receipt', '50')
    .option('--reveal', 'show MPAN cores unmasked')
    .addHelpText(
      'after',
      '\nExit code 3 when something was refused, could not be read, left no trace, or is overdue; 0 when it was delivered, is held, or is on its way.',
    )
    .action(receipts);
}

async function receipts(options: ReceiptOptions): Promise<void> {
  checkTogether(options);
  const settings = settingsOf(options);
  if (options.lsn !== undefined) tellAnswers(await eventAnswers(settings, options), options);
  else if (options.table !== undefined) tellAnswers([await rowAnswer(settings, options)], options);
  else if (options.unacknowledgedFor !== undefined) await tellOverdue(settings, options);
  else await tellReceipts(settings, options.json === true);
}

function checkTogether({ lsn, table, key, unacknowledgedFor }: ReceiptOptions): void {
  const asked = [lsn, table, unacknowledgedFor].filter((one) => one !== undefined).length;
  if (asked > 1) throw new UsageError('Ask for one thing: an event (--lsn), a row (--table), or --unacknowledged-for.');
  if (table !== undefined && key === undefined) throw new UsageError('--table needs --key: which row?');
  if (key !== undefined && asked === 0)
    throw new UsageError('--key needs --table, or --lsn with a position that several events share.');
}

function eventAnswers(settings: Settings, options: ReceiptOptions): Promise<readonly Answer[]> {
  const direction = directionOf(settings, options.source ?? settings.registration.name);
  return answerEvent(settings, direction, {
    lsn: lsnOf(options.lsn ?? ''),
    ordinal: numberOf('--ordinal', options.ordinal ?? '1', 0),
    generation: options.generation === undefined ? null : numberOf('--generation', options.generation, 1),
    key: options.key ?? null,
  });
}

function rowAnswer(settings: Settings, { table = '', key = '' }: ReceiptOptions): Promise<Answer> {
  const [toMetering, toRegistration] = directions(settings);
  if (table === 'rejection') return answerRejectionRow(settings, toRegistration, key);
  return answerRow(settings, toMetering, table, key);
}

function lsnOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  try {
    return parseLsn(text);
  } catch {
    throw new UsageError(
      `--lsn ${text} is not an LSN; write one such as 16/B374D848, or the number that the store has.`,
    );
  }
}

function numberOf(option: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new UsageError(`${option} ${text} is not right; write a whole number from ${least} on.`);
  }
  return Number(text);
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationOf(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (match === null) {
    throw new UsageError(`--unacknowledged-for ${text} is no time; write a number and s, m, h or d, such as 10m.`);
  }
  return Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
}

const toActOn: readonly Answer['verdict'][] = ['rejected', 'dead-lettered', 'no trace', 'unknown'];

function tellAnswers(answers: readonly Answer[], options: ReceiptOptions): void {
  const reveal = options.reveal === true;
  const masked = answers.map((one) => ({
    ...shown(one, reveal),
    key: shownKey(one.key, one.entity === 'metering_point', reveal) ?? '',
  }));
  if (options.json === true) printJson({ answers: masked });
  else printAnswers(masked);
  process.exitCode = answers.some(({ verdict }) => toActOn.includes(verdict)) ? exit.found : exit.done;
}

async function tellOverdue(settings: Settings, options: ReceiptOptions): Promise<void> {
  const after = options.unacknowledgedFor ?? '';
  const sinceMs = nowMs() - durationOf(after);
  const limit = numberOf('--limit', options.limit, 0);
  const signal = untilInterrupted();
  const reveal = options.reveal === true;
  const both: Overdue[] = [];
  const wanted = options.source === undefined ? directions(settings) : [directionOf(settings, options.source)];
  for (const direction of wanted) {
    const found = await findOverdue(settings, direction, sinceMs, limit, signal);
    const isMpan = (topic: string): boolean => !topic.endsWith('.meter-asset');
    both.push({
      ...found,
      events: found.events.map((one) => ({ ...one, key: shownKey(one.key, isMpan(one.topic), reveal) ?? '' })),
    });
  }
  const isOverdue = both.some(({ total, silentSince }) => total > 0 || silentSince !== null);
  if (options.json === true) printJson({ unacknowledgedFor: after, overdue: isOverdue, sources: both });
  else printOverdue(both, after);
  process.exitCode = isOverdue ? exit.found : exit.done;
}

async function tellReceipts(settings: Settings, asJson: boolean): Promise<void> {
  const rows: ReceiptRow[] = [];
  for (const direction of directions(settings)) {
    rows.push(
      ...(await withDatabase(direction.sender, 'concord receipts', (client) => readReceipts(client, direction))),
    );
  }
  const through = throughs(rows, settings.kafka.partitions);
  if (asJson) printJson({ receipts: rows, through });
  else printReceipts(rows, through);
}

/** The smallest over the lanes: up to there nothing is outstanding. Null while a lane has never been signed for. */
function throughs(
  rows: readonly ReceiptRow[],
  lanes: number,
): readonly { receiver: string; source: string; through: number | null; lsn: string | null }[] {
  const groups = new Map<string, ReceiptRow[]>();
  for (const row of rows) {
    const name = `${row.receiver}|${row.source}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const through = group.length < lanes ? null : Math.min(...group.map((row) => Number(row.through_lsn)));
    return [
      { receiver: first.receiver, source: first.source, through, lsn: through === null ? null : formatLsn(through) },
    ];
  });
}
