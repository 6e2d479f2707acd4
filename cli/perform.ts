import { type Command, CommanderError } from 'commander';
import { exit, explainFailure } from './output.ts';
import { frameProgram } from './program-frame.ts';

/** Does what the words say, and leaves the exit code in the process. `words`: without the names of Node and program. */
export async function perform(words: readonly string[]): Promise<void> {
  try {
    const program = await programFor(words);
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exit.done : exit.usage;
    else process.exitCode = explainFailure(error);
  }
}

/** A side runs for weeks, and begins sooner without what only the other commands need. */
async function programFor([first]: readonly string[]): Promise<Command> {
  if (first === 'run') {
    const { runCommand } = await import('./run.ts');
    return frameProgram([runCommand()]);
  }
  if (first === 'supervise') {
    const { superviseCommand } = await import('./supervise.ts');
    return frameProgram([superviseCommand()]);
  }
  const { createProgram } = await import('./program.ts');
  return createProgram();
}
