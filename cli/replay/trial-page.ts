import { formatLsn } from '../../avro/position.ts';
import { print, printTable } from '../output.ts';
import { shown, shownKey } from '../shown.ts';
import { printNotJudged } from './dry-run-page.ts';
import type { Both, TrialCounts } from './trial-tally.ts';

/** With what was found while reading. */
export interface TrialDocument extends TrialCounts {
  readonly unreadable: number;
  readonly cut: boolean;
  /** Topics of mirrored tables. */
  readonly notJudged: readonly string[];
  /** What was before it has expired from some topics; null when everything was there. */
  readonly completeFrom: { readonly generation: number; readonly lsn: number } | null;
}

export function isSameByBoth({ rules }: TrialCounts): boolean {
  return rules.every(
    ({ more, fewer, held, warned }) =>
      more === 0 && fewer === 0 && held.live === held.other && warned.live === warned.other,
  );
}

export function maskedTrial(document: TrialDocument, reveal: boolean): TrialDocument {
  const samples = document.samples.map((sample) => ({
    ...sample,
    key: shownKey(sample.key, sample.entity === 'metering_point', reveal) ?? '',
    mpan: shownKey(sample.mpan, true, reveal),
    texts: shown(sample.texts, reveal),
  }));
  return { ...document, samples };
}

export function printTrial(document: TrialDocument, file: string): void {
  const { events, rejected, more, fewer, held, rules, samples, unreadable, cut, interrupted, completeFrom } = document;
  printTable(
    ['rule', 'refused live', 'by the file', 'more', 'fewer', 'held', 'warned'],
    rules.map((rule) => [
      rule.code,
      rule.rejected.live,
      rule.rejected.other,
      rule.more === 0 ? '' : `+${number(rule.more)}`,
      rule.fewer === 0 ? '' : `-${number(rule.fewer)}`,
      change(rule.held),
      change(rule.warned),
    ]),
    'No rule has anything to say of these events, by either rule book.',
  );
  if (samples.length > 0) {
    print('');
    printTable(
      ['sample', 'key', 'MPAN', 'at', 'live → by the file', 'says'],
      samples.map((sample) => [
        sample.entity,
        sample.key,
        sample.mpan ?? '',
        formatLsn(sample.lsn),
        `${codes(sample.live)} → ${codes(sample.other)}`,
        sample.texts.join(' '),
      ]),
      '',
    );
  }
  print('');
  if (completeFrom !== null) {
    print(
      `What was before ${formatLsn(completeFrom.lsn)} (generation ${completeFrom.generation}) has expired from some topics: both rule books judged without it, and may both refuse for want of it.`,
    );
  }
  if (unreadable > 0) print(`${number(unreadable)} records can not be decoded: \`concord dead-letters list\`.`);
  printNotJudged(document.notJudged);
  if (cut) print('There are more events than --limit: the rest was left out.');
  if (interrupted) print(`Interrupted: only ${number(events)} events were judged.`);
  print(
    `Of ${number(events)} events ${file} would reject ${number(more)} more and ${number(fewer)} fewer than the live rules: ${number(rejected.other)} instead of ${number(rejected.live)}; hold ${number(held.other)} instead of ${number(held.live)}.`,
  );
  print(
    isSameByBoth(document)
      ? 'Both rule books come to the same. (Dry run: judged in memory, nothing was written.)'
      : 'Judged in memory; nothing was written. `concord replay --into NAME --rules FILE` shows what the store would be.',
  );
}

function codes(all: readonly string[]): string {
  return all.length === 0 ? 'not refused' : all.join(', ');
}

function change({ live, other }: Both): string {
  if (live === 0 && other === 0) return '';
  return live === other ? number(live) : `${number(live)} → ${number(other)}`;
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}
