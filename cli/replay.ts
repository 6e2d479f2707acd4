import { Command } from 'commander';
import { type Position, parseLsn } from '../avro/position.ts';
import { nowMs } from '../runtime/clock.ts';
import { endSoon, untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';
import { ProgressLine } from './reconcile-page.ts';
import { readProgress } from './progress.ts';
import { createLog } from '../runtime/log.ts';
import { type IntoOptions, type ReplayReport, replayInto } from './replay/into.ts';
import { maskedReplay, printReplay } from './replay/page.ts';
import { positionAt } from './replay/place-in-time.ts';
import { readRulesFile, rulesWith } from './replay/rules-file.ts';
import {
  changeRun,
  dropSecondStore,
  findRun,
  listRuns,
  type ReplayRun,
  type SecondStore,
  secondStoreOf,
} from './replay/second-store.ts';
import { tryOut, type TryOutOptions } from './replay/try-out.ts';
import { demandWhole, endOf, type WholeOptions } from './replay/whole.ts';
import type { Settings } from './settings.ts';
import { parseTime } from './tail-range.ts';

interface ReplayOptions extends TryOutOptions, WholeOptions {
  readonly rulesFrom?: string;
}

/** `concord replay`: what is on the topics, judged once more, beside the live store. */
export function replayCommand(): Command {
  const command = withCommonOptions(
    new Command('replay').description(
      'judge what is on the topics once more: against the live store, changing nothing, or into a store beside it',
    ),
  )
    .option(
      '--dry-run',
      'judge what is selected against the live store, in transactions that are rolled back; the default',
    )
    .option('--topic <topics...>', 'dry run: only events of these topics')
    .option('--partition <number>', 'dry run: only of this partition')
    .option('--offsets <range>', 'dry run: only offsets A..B, in each partition that is selected')
    .option('--from <time>', 'dry run: only what was published from then on, such as 2h or 2026-03-01')
    .option('--to <time>', 'and until then; with --into it is where building ends')
    .option('--lsn <range>', 'dry run: only what was committed at A..B, such as 0/1A2B3C..0/2A2B3C')
    .option('--mpan <mpan>', 'dry run: only of this metering point')
    .option('--limit <events>', 'dry run: at most so many events')
    .option(
      '--into <name>',
      'build the second store of this name from the start of the topics, or go on with it, and compare',
    )
    .option(
      '--rules <file>',
      'judge by other rules, too: YAML of the form of `metering.rules` (disabled, dispositions, parameters), only what is to be other. A dry run says what they would refuse more or fewer',
    )
    .option(
      '--rules-from <time>',
      'with --into: by those rules only what was published from then on, such as 30d or 2026-03-01; before, by the live ones',
    )
    .option(
      '--until <place>',
      'with --into: end at a time or an LSN, and compare with what the history of the live store tells of it. Kept until that is done, whatever is killed; the next --into NAME without it goes on to the live end',
    )
    .option('--reveal', 'show MPAN cores unmasked')
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  concord replay --mpan 1012345678903                    would the events of one metering point change the store?' +
        '\n  concord replay --rules new.yaml --from 30d             what would these rules have refused in the last month?' +
        '\n  concord replay --into spring --rules new.yaml          the whole store by these rules, compared with the live one' +
        '\n\nA rules file, for instance:  dispositions: {LLF_CLASS_FORMAT: warn}  (`concord rules list` has the codes)' +
        '\n\nThe live store, its positions and the offsets of its group are never touched. Ctrl-C and kill -9 lose nothing: the same command goes on.' +
        '\nMirrored tables (`kind: mirror`) are built and compared by --into; no rule is about them, and a dry run leaves them out.' +
        '\nExit code 0 when nothing would change (or both stores are the same), 3 when something would.',
    )
    .action(replay);
  withCommonOptions(command.command('list').description('list the second stores')).action(list);
  const acts = [
    ['drop', 'remove a second store', drop],
    ['pause', 'let the building of a second store wait', pauseBuilding],
    ['resume', 'let it go on; where no process waits for it, this one builds', resume],
  ] as const;
  for (const [word, description, act] of acts) {
    withCommonOptions(command.command(word).description(description).argument('<name>', 'as list shows it'))
      .option('--reveal', 'show MPAN cores unmasked')
      .action((name: string, _options: ReplayOptions, self: Command) => act(name, self.optsWithGlobals()));
  }
  return command;
}

async function replay(options: ReplayOptions): Promise<void> {
  const settings = settingsOf(options);
  if (options.into === undefined) {
    await tryOut(settings, options);
    return;
  }
  demandWhole(options);
  const rules = options.rules === undefined ? null : readRulesFile(options.rules);
  if (rules !== null) rulesWith(settings.metering.rules, rules);
  if (options.rulesFrom !== undefined && rules === null) throw new UsageError('--rules-from goes with --rules.');
  const rulesFromMs = options.rulesFrom === undefined ? null : parseTime(options.rulesFrom, nowMs());
  const end = endOf(options);
  const until = end === null ? null : { text: end, position: await placeOf(settings, end) };
  await build(settings, secondStoreOf(settings, options.into), { rules, rulesFromMs, until }, options);
}

/** So long a building that is interrupted may take to end in order. */
const stopMaxMs = 10_000;

async function build(settings: Settings, store: SecondStore, into: IntoOptions, options: ReplayOptions): Promise<void> {
  const line = new ProgressLine(options.json === true);
  const how = `Interrupted. \`concord replay --into ${store.name}\` goes on where it was; \`concord replay drop ${store.name}\` clears up.`;
  const signal = untilInterrupted();
  signal.addEventListener('abort', () => (process.exitCode = exit.found));
  // What a comparison of whole stores, or a lane, waits for is not waited for.
  endSoon(signal, how, stopMaxMs);
  let report: ReplayReport | null;
  try {
    report = await replayInto(settings, store, into, (text) => line.tell(text), signal);
  } finally {
    line.clear();
  }
  if (report === null) {
    if (options.json === true) printJson({ store: store.name, verdict: 'interrupted' });
    else print(how);
    process.exitCode = exit.found;
    return;
  }
  const seen = maskedReplay(report, options.reveal === true);
  if (options.json === true) printJson(seen);
  else printReplay(seen);
  process.exitCode = report.verdict === 'differs' ? exit.found : exit.done;
}

/** An LSN, or the place before the first event that was published at a time. */
async function placeOf(settings: Settings, text: string): Promise<Position> {
  const { registration } = await readProgress(settings, createLog('replay', 'fatal'));
  const newest = registration?.position ?? { generation: 1, lsn: 0, ordinal: 0 };
  if (text.includes('/')) {
    try {
      return { generation: newest.generation, lsn: parseLsn(text), ordinal: 0 };
    } catch {
      throw new UsageError(`${text} is no LSN, such as 16/B374D848.`);
    }
  }
  const first = await positionAt(settings, parseTime(text, nowMs()));
  return first === null ? newest : { generation: first.generation, lsn: first.lsn - 1, ordinal: 0 };
}

async function list(_options: CommonOptions, self: Command): Promise<void> {
  const options = self.optsWithGlobals<CommonOptions>();
  const found = (await listRuns(settingsOf(options))).map(({ run, database, bytes }) => ({
    name: run.name,
    database,
    state: run.state,
    rules: run.rules,
    until: run.until?.text ?? null,
    begunAt: run.begunAt.toISOString(),
    comparedAt: run.reportedAt?.toISOString() ?? null,
    verdict: verdictOf(run),
    bytes,
  }));
  if (options.json === true) {
    printJson(found);
    return;
  }
  printTable(
    ['name', 'state', 'rules', 'until', 'begun', 'compared', 'verdict', 'MiB'],
    found.map((one) => [
      one.name,
      one.state,
      one.rules === null ? 'live' : 'of a file',
      one.until ?? '',
      one.begunAt.slice(0, 19).replace('T', ' '),
      one.comparedAt?.slice(0, 19).replace('T', ' ') ?? '',
      one.verdict ?? '',
      Math.ceil(one.bytes / 1_048_576),
    ]),
    'There is no second store. `concord replay --into NAME` builds one.',
  );
}

function verdictOf({ report }: ReplayRun): string | null {
  return report !== null && typeof report === 'object' && 'verdict' in report ? String(report.verdict) : null;
}

async function drop(name: string, options: ReplayOptions): Promise<void> {
  const { settings, store } = await known(name, options);
  await dropSecondStore(settings, store);
  say(options, { name, state: 'dropped' }, `The second store ${name} is dropped.`);
}

async function pauseBuilding(name: string, options: ReplayOptions): Promise<void> {
  const { store, run } = await known(name, options);
  if (run.state === 'done') throw new UsageError(`${name} is built: there is nothing that could wait.`);
  await changeRun(store, `state = 'paused'`);
  say(
    options,
    { name, state: 'paused' },
    `The building of ${name} waits. \`concord replay resume ${name}\` lets it go on.`,
  );
}

async function resume(name: string, options: ReplayOptions): Promise<void> {
  const { settings, store } = await known(name, options);
  await changeRun(store, `state = 'running'`);
  try {
    await build(settings, store, { rules: null, rulesFromMs: null, until: null }, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(options, { name, state: 'running' }, `The process that builds ${name} goes on.`);
  }
}

async function known(
  name: string,
  options: ReplayOptions,
): Promise<{ settings: Settings; store: SecondStore; run: ReplayRun }> {
  const settings = settingsOf(options);
  const store = secondStoreOf(settings, name);
  const run = await findRun(settings, store);
  if (run === null) throw new UsageError(`There is no second store ${name}. \`concord replay list\` lists them.`);
  return { settings, store, run };
}

function say(options: ReplayOptions, document: object, text: string): void {
  if (options.json === true) printJson(document);
  else print(text);
}
