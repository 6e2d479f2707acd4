import type { Command } from 'commander';
import { frameProgram } from './program-frame.ts';

/** How a command is loaded. Most of the time that a short command takes is the loading of modules. */
type Load = () => Promise<Command>;

/** Each command is a file of its own name. In the order in which the help shows them. */
const shown: Readonly<Record<string, Load>> = {
  up: async () => (await import('./up.ts')).upCommand(),
  down: async () => (await import('./down.ts')).downCommand(),
  env: async () => (await import('./env.ts')).envCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  generate: async () => (await import('./generate.ts')).generateCommand(),
  run: async () => (await import('./run.ts')).runCommand(),
  init: async () => (await import('./init.ts')).initCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  balance: async () => (await import('./balance.ts')).balanceCommand(),
  reconcile: async () => (await import('./reconcile.ts')).reconcileCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand(),
  retention: async () => (await import('./retention.ts')).retentionCommand(),
  pause: async () => (await import('./pause.ts')).pauseCommand(),
  resume: async () => (await import('./pause.ts')).resumeCommand(),
  tail: async () => (await import('./tail.ts')).tailCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  rejections: async () => (await import('./rejections.ts')).rejectionsCommand(),
  held: async () => (await import('./held.ts')).heldCommand(),
  'as-of': async () => (await import('./as-of.ts')).asOfCommand(),
  receipts: async () => (await import('./receipts.ts')).receiptsCommand(),
  'dead-letters': async () => (await import('./dead-letters.ts')).deadLettersCommand(),
  rules: async () => (await import('./rules.ts')).rulesCommand(),
  reference: async () => (await import('./reference.ts')).referenceCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  topics: async () => (await import('./topics.ts')).topicsCommand(),
  schemas: async () => (await import('./schemas.ts')).schemasCommand(),
};

const hidden: Readonly<Record<string, Load>> = {
  document: async () => (await import('./document.ts')).documentCommand(),
  supervise: async () => (await import('./supervise.ts')).superviseCommand(),
};

/** The whole command line. */
export async function createProgram(): Promise<Command> {
  return frameProgram(await loaded(shown), await loaded(hidden));
}

/**
 * The program with the one command that the words begin with, or the whole of it when they begin with none. A side runs for
 * weeks without what only the other commands need, and whoever asks for the status has it in half the time.
 */
export async function programFor([first = '']: readonly string[]): Promise<Command> {
  const load = Object.hasOwn(shown, first) ? shown[first] : Object.hasOwn(hidden, first) ? hidden[first] : undefined;
  return load === undefined ? await createProgram() : frameProgram([await load()]);
}

async function loaded(commands: Readonly<Record<string, Load>>): Promise<readonly Command[]> {
  return await Promise.all(Object.values(commands).map((load) => load()));
}
