import { Command, CommanderError } from 'commander';
import { asOfCommand } from './as-of.ts';
import { balanceCommand } from './balance.ts';
import { checkCommand } from './check.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { demoCommand } from './demo.ts';
import { diffCommand } from './diff.ts';
import { documentCommand } from './document.ts';
import { downCommand } from './down.ts';
import { envCommand } from './env.ts';
import { explainCommand } from './explain.ts';
import { generateCommand } from './generate.ts';
import { heldCommand } from './held.ts';
import { initCommand } from './init.ts';
import { exit, explainFailure } from './output.ts';
import { pauseCommand, resumeCommand } from './pause.ts';
import { receiptsCommand } from './receipts.ts';
import { reconcileCommand } from './reconcile.ts';
import { referenceCommand } from './reference.ts';
import { rejectionsCommand } from './rejections.ts';
import { reportCommand } from './report.ts';
import { retentionCommand } from './retention.ts';
import { replayCommand } from './replay.ts';
import { rulesCommand } from './rules.ts';
import { runCommand } from './run.ts';
import { schemasCommand } from './schemas.ts';
import { programVersion } from './settings.ts';
import { snapshotCommand } from './snapshot.ts';
import { statusCommand } from './status.ts';
import { tailCommand } from './tail.ts';
import { topicsCommand } from './topics.ts';
import { upCommand } from './up.ts';

/** The whole command line. Each command is a file of its own name. */
export function createProgram(): Command {
  const program = new Command('concord')
    .description(
      "Keeps a metering service's store in agreement with an electricity registration database, and proves it.",
    )
    .version(programVersion())
    .showHelpAfterError('(--help shows what is possible)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 fault, 2 bad usage or configuration, 3 it ran and found something to act on.' +
        '\nMPAN cores are masked unless --reveal is given.',
    );
  const embedded = [upCommand(), downCommand(), envCommand(), demoCommand(), generateCommand()];
  const running = [
    runCommand(),
    initCommand(),
    checkCommand(),
    statusCommand(),
    balanceCommand(),
    reconcileCommand(),
    replayCommand(),
    snapshotCommand(),
    retentionCommand(),
    pauseCommand(),
    resumeCommand(),
  ];
  const looking = [
    tailCommand(),
    diffCommand(),
    rejectionsCommand(),
    heldCommand(),
    asOfCommand(),
    receiptsCommand(),
    deadLettersCommand(),
    rulesCommand(),
    referenceCommand(),
    reportCommand(),
    explainCommand(),
  ];
  const asCode = [topicsCommand(), schemasCommand()];
  for (const command of [...embedded, ...running, ...looking, ...asCode]) program.addCommand(command);
  program.addCommand(documentCommand(), { hidden: true });
  neverExits(program);
  return program;
}

/** What ends with an exit code is `perform`, however deep the command. */
function neverExits(command: Command): void {
  command.exitOverride();
  for (const one of command.commands) neverExits(one);
}

/** Does what the words say, and leaves the exit code in the process. `words`: without the names of Node and program. */
export async function perform(words: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exit.done : exit.usage;
    else process.exitCode = explainFailure(error);
  }
}
