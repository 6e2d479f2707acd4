import type { ProgressRecord } from '../../avro/progress.ts';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import { nowMs } from '../../runtime/clock.ts';
import { createLog } from '../../runtime/log.ts';
import { untilInterrupted } from '../interruption.ts';
import type { CommonOptions } from '../options.ts';
import { exit, print, printJson, UsageError } from '../output.ts';
import { readProgress } from '../progress.ts';
import { ProgressLine } from '../reconcile-page.ts';
import type { Settings } from '../settings.ts';
import { dryRun } from './dry-run.ts';
import { changesNothing, maskedDryRun, printDryRun } from './dry-run-page.ts';
import { logStarts } from './place-in-time.ts';
import { readRulesFile, rulesWith } from './rules-file.ts';
import { tryRules } from './rules-trial.ts';
import { type SelectedEvents, withSelected } from './selected-events.ts';
import { judgedTopics, mirroredTopics } from './selected-ranges.ts';
import { type SelectionOptions, selectionOf } from './selection.ts';
import { isSameByBoth, maskedTrial, printTrial } from './trial-page.ts';

export interface TryOutOptions extends CommonOptions, SelectionOptions {
  readonly limit?: string;
  readonly rules?: string;
  readonly rulesFrom?: string;
  readonly until?: string;
  readonly reveal?: boolean;
}

interface Trying {
  readonly settings: Settings;
  readonly options: TryOutOptions;
  readonly progress: ProgressRecord | null;
  readonly line: ProgressLine;
  readonly signal: AbortSignal;
}

/** Judges what is selected once more, and writes nothing: against the live store, or by other rules. */
export async function tryOut(settings: Settings, options: TryOutOptions): Promise<void> {
  if (options.until !== undefined)
    throw new UsageError('--until goes with --into NAME. Without it, --to or --lsn ..B ends what is judged.');
  if (options.rulesFrom !== undefined) {
    throw new UsageError(
      '--rules-from goes with --into NAME. Without it, --from says from when on events are judged by other rules.',
    );
  }
  const rules = options.rules === undefined ? null : rulesWith(settings.metering.rules, readRulesFile(options.rules));
  const max = options.limit === undefined ? Number.MAX_SAFE_INTEGER : Number(options.limit);
  if (!Number.isInteger(max) || max < 1) throw new UsageError(`--limit ${options.limit} is no number of events.`);
  for (const topic of options.topic ?? []) {
    if (!mirroredTopics(settings).includes(topic)) continue;
    throw new UsageError(
      `${topic} is of a table that is mirrored: no rule judges it, so there is nothing to try out → \`concord reconcile\` compares the table with its source, \`concord replay --into NAME\` builds it anew.`,
    );
  }
  const selection = selectionOf(options, judgedTopics(settings), nowMs());
  const { registration: progress } = await readProgress(settings, createLog('replay', 'fatal'));
  const line = new ProgressLine(options.json === true);
  const trying = { settings, options, progress, line, signal: untilInterrupted() };
  const tell = (text: string): void => line.tell(text);
  try {
    tell('reading the topics');
    await withSelected(settings, { selection, isWhole: rules !== null, max }, tell, trying.signal, async (events) => {
      if (events.count === 0 && !trying.signal.aborted) sayNothing(trying, events);
      else if (rules === null) await againstStore(trying, events);
      else await byRules(trying, events, rules);
    });
  } finally {
    line.clear();
  }
}

async function againstStore(
  { settings, options, progress, line, signal }: Trying,
  events: SelectedEvents,
): Promise<void> {
  const counts = await dryRun(settings, events, progress?.loadCompleteAt ?? null, (text) => line.tell(text), signal);
  line.clear();
  const document = {
    ...counts,
    selected: events.count,
    unreadable: events.unreadable,
    cut: events.cut,
    notJudged: mirroredTopics(settings),
    truncates: new Set(events.truncates.map(({ event }) => `${event.source.generation}/${event.source.lsn}`)).size,
  };
  const seen = maskedDryRun(document, options.reveal === true);
  if (options.json === true) printJson(seen);
  else printDryRun(seen);
  process.exitCode = changesNothing(counts) && !counts.interrupted ? exit.done : exit.found;
}

async function byRules(
  { settings, options, progress, line, signal }: Trying,
  events: SelectedEvents,
  rules: RuleParameters,
): Promise<void> {
  const { completeFrom } = await logStarts(settings);
  const moment = { loadCompleteAt: progress?.loadCompleteAt ?? null, sourceTime: progress?.sourceTime ?? 0 };
  const counts = await tryRules(settings, events, rules, moment, (text) => line.tell(text), signal);
  line.clear();
  const place = completeFrom === null ? null : { generation: completeFrom.generation, lsn: completeFrom.lsn };
  const document = {
    ...counts,
    unreadable: events.unreadable,
    cut: events.cut,
    notJudged: mirroredTopics(settings),
    completeFrom: place,
  };
  const seen = maskedTrial(document, options.reveal === true);
  if (options.json === true) printJson(seen);
  else printTrial(seen, options.rules ?? '');
  process.exitCode = isSameByBoth(counts) && !counts.interrupted ? exit.done : exit.found;
}

function sayNothing({ options, line }: Trying, { unreadable }: SelectedEvents): void {
  line.clear();
  if (options.json === true) printJson({ events: 0, selected: 0, unreadable });
  else {
    print('No event was selected: nothing was judged.');
    print('`concord topics describe` shows what is on the topics; of what you gave, leave something out, or widen it.');
    if (unreadable > 0)
      print(`${unreadable.toLocaleString('en-GB')} records can not be decoded: \`concord dead-letters list\`.`);
  }
  process.exitCode = exit.done;
}
