import { Command } from 'commander';
import { entityTables } from '../connectors/metering/entities.ts';
import type { ReconcileSettings } from '../reconcile/settings.ts';
import type { ReconcileReport } from '../reconcile/report.ts';
import { endSoon, untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions } from './options.ts';
import { exit, printJson } from './output.ts';
import { printReport, ProgressLine } from './reconcile-page.ts';
import { historyCommand, pageCommand, repairsCommand } from './reconcile-history.ts';
import { checkTogether, durationMs, type ReconcileOptions, wantedOf } from './reconcile-options.ts';
import { writeFiles } from './reconcile-files.ts';
import { repair } from './reconcile-repair.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { compareAndKeep, runReconcile } from './reconcile-run.ts';
import type { Settings } from './settings.ts';

/** `concord reconcile`: are both sides in agreement at this very point, and if not, why. */
export function reconcileCommand(): Command {
  const command = withCommonOptions(
    new Command('reconcile').description('compare both sides exactly, at one point, while they keep changing'),
  )
    .option('--table <name>', `only one of ${Object.keys(entityTables).join(', ')}`)
    .option('--csv <file>', 'write the differences to a file of comma-separated values')
    .option('--html <file>', 'write a page about the run, complete in itself, for people')
    .option(
      '--every <time>',
      'again and again, each run so long after the last one began: 30s, 10m, 1h; a line for each, with --json a document',
    )
    .option('--since', 'look only at what was written on either side since the last run that passed')
    .option('--repair', 'show what sending the unexplained rows again would change; nothing is changed without --yes')
    .option('--yes', 'with --repair: send them, wait for them, and compare again')
    .option(
      '--limit <rows>',
      'list at most so many differences of each table; --repair sends no more than so many',
      '100',
    )
    .option('--workers <sessions>', 'sessions that read on each side', '2')
    .option(
      '--patience <seconds>',
      'give up when the store does not move, or a database says nothing, for so long',
      '30',
    )
    .option('--reveal', 'show MPAN cores unmasked')
    .action(async (options: ReconcileOptions) => {
      checkTogether(options);
      const settings = settingsOf(options);
      const wanted = await wantedOf(settings, options);
      const everyMs = options.every === undefined ? null : durationMs(options.every);
      const signal = untilInterrupted();
      endSoon(signal);
      process.exitCode =
        everyMs === null
          ? await runOnce(settings, wanted, options, signal)
          : await runLoop(settings, wanted, options, everyMs, signal);
    });
  for (const one of [historyCommand(), pageCommand(), repairsCommand()]) command.addCommand(one);
  return command;
}

async function runOnce(
  settings: Settings,
  wanted: ReconcileSettings,
  options: ReconcileOptions,
  signal: AbortSignal,
): Promise<number> {
  const line = new ProgressLine(options.json === true);
  try {
    const found = await runReconcile(settings, wanted, (text) => line.tell(text), signal);
    line.clear();
    if (options.repair === true) return await repair({ settings, wanted, options, line, signal }, found);
    const report = await writeFiles(wanted, options, found);
    if (options.json === true) printJson(report);
    else printReport(report);
    return codeOf(report);
  } finally {
    line.clear();
  }
}

async function runLoop(
  settings: Settings,
  wanted: ReconcileSettings,
  options: ReconcileOptions,
  everyMs: number,
  signal: AbortSignal,
): Promise<number> {
  const line = new ProgressLine(options.json === true || !process.stderr.isTTY);
  const loop = new ReconcileLoop(wanted, everyMs, options.json === true, signal);
  return loop.run({
    compare: () => compareAndKeep(settings, wanted, (text) => line.tell(text), signal).finally(() => line.clear()),
    async show(run) {
      const report = await writeFiles(wanted, options, run);
      if (options.json !== true && codeOf(report) !== exit.done) printReport(report);
      return report;
    },
  });
}

function codeOf({ verdict, closes }: ReconcileReport): number {
  return verdict === 'agree' && closes ? exit.done : exit.found;
}
