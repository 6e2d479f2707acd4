import { Command } from 'commander';
import { readReport, readRuns, type RunSummary } from '../reconcile/history.ts';
import { readRepairs } from '../reconcile/repair-ledger.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { print, printJson, printTable, UsageError } from './output.ts';
import { writeFiles } from './reconcile-files.ts';
import { wholeNumber } from './reconcile-options.ts';

interface ListOptions extends CommonOptions {
  readonly last: string;
}

/** `concord reconcile history`: every run that is kept, and how it goes. */
export function historyCommand(): Command {
  return listing('history', 'list the runs that are kept, failed ones too, and show the trend').action(
    async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<ListOptions>();
      const { metering, registration } = settingsOf(options);
      const runs = await readRuns(metering.database, registration.name, lastOf(options));
      if (options.json === true) printJson(runs);
      else printRuns(runs);
    },
  );
}

/** `concord reconcile repairs`: the audit of what was sent again. */
export function repairsCommand(): Command {
  return listing('repairs', 'list the repairs: who sent which rows again, when, and what came of it').action(
    async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<ListOptions>();
      const { metering, registration } = settingsOf(options);
      const repairs = await readRepairs(metering.database, registration.name, lastOf(options));
      if (options.json === true) {
        printJson(repairs);
        return;
      }
      printTable(
        ['repair', 'asked', 'by', 'rows', 'snapshots', 'state', 'found by run', 'proved by run'],
        repairs.map((one) => [
          one.id,
          one.askedAt.toISOString().slice(0, 19),
          `${one.askedBy} (${one.databaseUser})`,
          one.rows,
          one.jobs.join(', '),
          one.problem === null ? one.state : `${one.state}: ${one.problem}`,
          one.runId,
          one.provedByRunId,
        ]),
        'Nothing was ever repaired.',
      );
      const endless = repairs.filter(({ state }) => state === 'asked').map(({ id }) => id);
      if (endless.length > 0) {
        print(
          `Repair ${endless.join(', ')} has no end: it is under way, or its process was killed. The source sends what it was asked for all the same; \`concord reconcile\` says whether the rows are right.`,
        );
      }
      if (repairs.length > 0) print('Each row with its values before and after is in metering.repair_row.');
    },
  );
}

/** `concord reconcile page`: the page of a run that is kept, to the letter as it was. */
export function pageCommand(): Command {
  return withCommonOptions(
    new Command('page')
      .description('write the page about a run that is kept')
      .argument('<run>', 'its number, as `concord reconcile history` shows it')
      .argument('<file>'),
  )
    .option('--reveal', 'show MPAN cores unmasked')
    .action(async (run: string, file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<CommonOptions & { reveal?: boolean }>();
      const { metering, registration } = settingsOf(options);
      const place = { metering: metering.database, source: registration.name };
      const runId = wholeNumber('<run>', run, 1, Number.MAX_SAFE_INTEGER);
      const report = await readReport(place.metering, place.source, runId);
      if (report === null) {
        throw new UsageError(
          `There is no run ${run} that could compare. \`concord reconcile history\` lists the runs.`,
        );
      }
      const files = { html: file, ...(options.reveal === true ? { reveal: true } : {}) };
      await writeFiles(place, files, { runId, proof: { report } });
      if (options.json === true) printJson({ run: runId, file });
      else print(`The page about run ${runId} is in ${file}.`);
    });
}

function listing(name: string, description: string): Command {
  return withCommonOptions(new Command(name).description(description)).option('--last <number>', 'so many', '30');
}

function lastOf({ last }: ListOptions): number {
  return wholeNumber('--last', last, 1, 10_000);
}

function printRuns(runs: readonly RunSummary[]): void {
  printTable(
    ['run', 'at', 'verdict', 'of', 'rows', 'explained', 'unexplained', 'seconds', 'LSN'],
    runs.map((run) => [
      run.id,
      run.at.slice(0, 19),
      run.problem ?? run.verdict,
      run.scope === 'full' ? 'all' : run.scope === 'table' ? 'one table' : 'what changed',
      run.sourceRows,
      run.explained,
      run.unexplained,
      Number(run.seconds.toFixed(1)),
      run.lsn,
    ]),
    'No run is kept yet: `concord reconcile` is one.',
  );
  if (runs.length === 0) return;
  const passed = runs.filter(({ verdict }) => verdict === 'agree').length;
  print('');
  print(`unexplained  ${sparkline(runs.map((run) => run.unexplained))}`);
  print(`seconds      ${sparkline(runs.map((run) => run.seconds))}`);
  print(`${passed} of ${runs.length} passed.`);
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Heights between nothing and the largest; what is not known is a cross. */
export function sparkline(values: readonly (number | null)[]): string {
  const largest = Math.max(0, ...values.map((value) => value ?? 0));
  return values
    .map((value) => {
      if (value === null) return '×';
      const height = largest === 0 ? 0 : Math.ceil((value / largest) * (bars.length - 1));
      return bars[height] ?? '▁';
    })
    .join('');
}
