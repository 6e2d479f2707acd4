import { Command } from 'commander';
import pg from 'pg';
import { generateChanges, type ChangeOptions } from '../local/generator/living/generate-changes.ts';
import type { ChangeSummary } from '../local/generator/living/tally.ts';
import { nowMs } from '../runtime/clock.ts';
import { clientConfigOf, databaseFault, type DatabaseSettings } from '../runtime/postgres.ts';
import { untilInterrupted } from './interruption.ts';
import { type CommonOptions, settingsOf, withCommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';

interface GenerateOptions extends CommonOptions {
  readonly rate?: string;
  readonly for?: string;
  readonly count?: string;
  readonly seed?: string;
  readonly bulk?: string;
}

const gentleRate = 20;

/** `concord generate`: writes changes of a living registration database, at a rate, for a time, with a seed. */
export function generateCommand(): Command {
  const command = new Command('generate').description(
    'write changes of a living registration database into the one that is configured; Ctrl-C ends it',
  );
  return withCommonOptions(command)
    .option('--rate <rows>', `row changes a second, or max (default: ${gentleRate}; max with --count and --bulk)`)
    .option('--for <time>', 'end after a time such as 30s, 5m or 1h')
    .option('--count <rows>', 'end after so many row changes, at the end of a transaction')
    .option('--seed <number>', 'the same seed on the same data makes the same changes (default: the time)')
    .option('--bulk <rows>', 'one transaction of so many rows, and nothing else')
    .action(generate);
}

async function generate(options: GenerateOptions): Promise<void> {
  const settings = settingsOf(options);
  const wanted = changeOptionsOf(options);
  const showProgress = options.json !== true && process.stderr.isTTY;
  const summary = await onRegistration(settings.registration.database, (client) =>
    generateChanges(client, {
      ...wanted,
      signal: untilInterrupted(),
      ...(showProgress ? { onProgress: progressLine() } : {}),
    }),
  );
  if (showProgress) process.stderr.write('\r\u001B[K');
  if (options.json === true) printJson({ seed: wanted.seed, ...summary });
  else printSummary(wanted.seed, summary);
}

/** What the options ask for. Throws a UsageError that names the option and what it takes. */
export function changeOptionsOf(options: GenerateOptions): ChangeOptions {
  const count = options.count === undefined ? undefined : wholeNumber('--count', options.count);
  const bulkRows = options.bulk === undefined ? undefined : wholeNumber('--bulk', options.bulk);
  const isHurried = count !== undefined || bulkRows !== undefined;
  const rate = options.rate ?? (isHurried ? 'max' : String(gentleRate));
  return {
    seed: options.seed === undefined ? Math.floor(nowMs() / 1000) : wholeNumber('--seed', options.seed, 0),
    ...(rate === 'max' ? {} : { rate: wholeNumber('--rate', rate) }),
    ...(options.for === undefined ? {} : { seconds: secondsOf(options.for) }),
    ...(count === undefined ? {} : { count }),
    ...(bulkRows === undefined ? {} : { bulkRows }),
  };
}

function wholeNumber(option: string, text: string, least = 1): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isSafeInteger(value) && value >= least) return value;
  const also = option === '--rate' ? ', or max' : '';
  throw new UsageError(`${option} ${text} is not understood: give a whole number from ${least} up${also}.`);
}

function secondsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text);
  const seconds = Number(match?.[1] ?? 0) * ({ s: 1, m: 60, h: 3600 }[match?.[2] ?? 's'] ?? 0);
  if (seconds > 0) return seconds;
  throw new UsageError(`--for ${text} is not understood: give a time such as 30s, 5m or 1h.`);
}

/** Many small transactions: with a pipeline each needs one round trip. */
async function onRegistration<T>(database: DatabaseSettings, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...clientConfigOf(database, 'concord generate'), pipeline: true });
  client.on('error', () => {
    // The statement under way fails as well, and that is what is told.
  });
  try {
    await client.connect();
    return await act(client);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function progressLine(): (summary: ChangeSummary) => void {
  let before = { changes: 0, seconds: 0 };
  return (summary) => {
    const seconds = summary.seconds - before.seconds;
    if (seconds < 0.5) return;
    const rate = Math.round((summary.changes - before.changes) / seconds);
    before = summary;
    const line = `${count(summary.changes)} rows in ${count(summary.transactions)} transactions, ${count(rate)} a second`;
    process.stderr.write(`\r\u001B[K${line}`);
  };
}

function printSummary(seed: number, summary: ChangeSummary): void {
  const rate = summary.changes / Math.max(summary.seconds, 0.001);
  print(
    `${count(summary.changes)} rows changed in ${count(summary.transactions)} transactions and ` +
      `${summary.seconds.toFixed(1)} s (${count(rate)} a second), seed ${seed}.\n`,
  );
  const descending = (of: Readonly<Record<string, number>>): [string, number][] =>
    Object.entries(of)
      .filter(([, times]) => times > 0)
      .toSorted(([, left], [, right]) => right - left);
  printTable(['table', 'rows'], descending(summary.byTable), 'No row was changed.');
  print('');
  printTable(['what happened', 'times'], descending(summary.byKind), 'Nothing happened.');
  print('');
  printTable(['broken on purpose', 'times'], descending(summary.dirty), 'No record was broken on purpose.');
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}
