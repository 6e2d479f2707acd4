import { CommanderError } from 'commander';
import { exit, explainFailure } from './output.ts';
import { programFor } from './program.ts';

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
