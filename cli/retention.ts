import { Command } from 'commander';
import { historyMonthsDefault, removeHistory } from '../connectors/metering/retention.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { historyKeptFrom } from './as-of.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';

interface RetentionOptions extends CommonOptions {
  readonly months: string;
  readonly dryRun?: boolean;
}

/** `concord retention`: removes history that no answer within the time kept needs. To be run once a month. */
export function retentionCommand(): Command {
  return withCommonOptions(
    new Command('retention').description('remove superseded versions that are older than the time history is kept'),
  )
    .option('--months <months>', 'how long history is kept', String(historyMonthsDefault))
    .option('--dry-run', 'only count what would go')
    .action(async (options: RetentionOptions) => {
      const months = Number(options.months);
      if (!Number.isInteger(months) || months < 1) {
        throw new UsageError(`--months ${options.months} is not a number of months; give 1 or more.`);
      }
      await run(options, months);
    });
}

async function run(options: RetentionOptions, months: number): Promise<void> {
  const stop = untilInterrupted();
  const dryRun = options.dryRun === true;
  const quiet = options.json === true;
  const done = await withDatabase(settingsOf(options).metering.database, 'concord retention', async (client) => {
    const { rows } = await client.query<{ since: Date }>('SELECT now() - make_interval(months => $1) AS since', [
      months,
    ]);
    const since = rows[0]?.since ?? new Date();
    const removed: Record<string, number> = {};
    let toldAt = 0;
    for await (const { entity, rows: count } of removeHistory(client, since, { dryRun })) {
      if (!quiet && count >= toldAt + 100_000) {
        toldAt = count;
        print(`${entity}: ${count.toLocaleString('en-GB')} versions so far`);
      }
      removed[entity] = count;
      if (stop.aborted) break;
    }
    return { since: since.toISOString(), removed, historyKeptFrom: await historyKeptFrom(client) };
  });
  const document = { months, dryRun, interrupted: stop.aborted, ...done };
  if (quiet) {
    printJson(document);
    return;
  }
  print(
    `${dryRun ? 'Would be removed' : 'Removed'}: superseded versions that no answer about ${done.since} or later needs.`,
  );
  printTable(['table', 'versions'], Object.entries(done.removed), 'Nothing was looked at.');
  if (stop.aborted) print('Interrupted: what is removed stays removed. Run it again to go on.');
  for (const [entity, kept] of Object.entries(done.historyKeptFrom))
    print(`${entity}: history is whole from ${kept} on.`);
}
