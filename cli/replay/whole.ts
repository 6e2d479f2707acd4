import { UsageError } from '../output.ts';
import type { SelectionOptions } from './selection.ts';

/** What the building of a second store is told. */
export interface WholeOptions extends SelectionOptions {
  readonly dryRun?: boolean;
  readonly limit?: string;
  readonly into?: string;
  readonly rulesFrom?: string;
  readonly until?: string;
}

const judgesBesides =
  'an event is judged by what its store holds, so that a store of a part would refuse what was right, and differ from the live one in all the rest';

/**
 * A second store is built of everything, from the first record on (decision 0017). What would make a part of it is refused,
 * each with the way that there is.
 */
export function demandWhole(options: WholeOptions): void {
  const problems: string[] = [];
  const refuse = (option: string, why: string): void => {
    problems.push(`${option} does not go with --into: ${why}.`);
  };
  if (options.dryRun === true)
    refuse('--dry-run', 'a second store is written, beside the live one → leave one of the two out');
  if (options.topic !== undefined) refuse('--topic', `${judgesBesides} → to look at one topic, leave --into out`);
  if (options.partition !== undefined) {
    refuse('--partition', 'the stores are compared table by table, and tables hold all partitions → leave --into out');
  }
  if (options.offsets !== undefined) refuse('--offsets', `${judgesBesides} → leave --into out`);
  if (options.mpan !== undefined) {
    refuse('--mpan', 'the stores are compared table by table, with everything that is in them → leave --into out');
  }
  if (options.limit !== undefined) refuse('--limit', 'it ends at a place, and not after a number → give --until');
  const begins = options.from !== undefined || /^[^.]+(\.\.|$)/.test(options.lsn ?? '');
  if (begins) {
    refuse(
      options.from === undefined ? '--lsn with a begin' : '--from',
      `${judgesBesides} → it always begins with the first record; --rules-from says from when on other rules hold, and --until where it ends`,
    );
  }
  const ends = [options.until, options.to, endOfLsn(options)].filter((end) => end !== undefined);
  if (ends.length > 1) problems.push('--until, --to and --lsn ..B all say where it ends → give one of them.');
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

/** Where it ends: a time or an LSN, as it was written. */
export function endOf(options: WholeOptions): string | null {
  return options.until ?? options.to ?? endOfLsn(options) ?? null;
}

function endOfLsn({ lsn }: WholeOptions): string | undefined {
  return /^\.\.(.+)$/.exec(lsn ?? '')?.[1];
}
