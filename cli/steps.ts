import { Listr } from 'listr2';
import type { Step } from '../local/bring-up.ts';

/** Runs steps one after the other and shows them: alive in a terminal, as plain lines elsewhere, not at all with `--json`. */
export async function showSteps(steps: readonly Step[], quiet: boolean): Promise<void> {
  let failure: unknown;
  const tasks = steps.map((step) => ({
    title: step.title,
    task: async (_: unknown, task: { title: string; output: string }): Promise<void> => {
      try {
        const outcome = await step.run((line) => {
          task.output = line;
        });
        task.title = `${step.title}: ${outcome}`;
      } catch (error) {
        failure = error;
        // The command tells the failure once, with its remedy; the list of steps only shows where it was.
        throw new Error('see below', { cause: error });
      }
    },
  }));
  const list = new Listr(tasks, {
    renderer: 'default',
    fallbackRenderer: 'simple',
    silentRendererCondition: quiet,
    // Ctrl-C is ours: it stops what was started.
    registerSignalListeners: false,
    rendererOptions: { collapseErrors: false, showErrorMessage: false },
  });
  try {
    await list.run();
  } catch (error) {
    throw failure ?? error;
  }
}
