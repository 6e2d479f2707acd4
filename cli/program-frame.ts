import { Command } from 'commander';
import { programVersion } from './settings.ts';

/** The program with so many of its commands. */
export function frameProgram(commands: readonly Command[], hidden: readonly Command[] = []): Command {
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
  for (const command of commands) program.addCommand(command);
  for (const command of hidden) program.addCommand(command, { hidden: true });
  neverExits(program);
  return program;
}

/** What ends with an exit code is `perform`, however deep the command. */
function neverExits(command: Command): void {
  command.exitOverride();
  for (const one of command.commands) neverExits(one);
}
