import type { Command } from 'commander';
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
import { pauseCommand, resumeCommand } from './pause.ts';
import { frameProgram } from './program-frame.ts';
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
import { snapshotCommand } from './snapshot.ts';
import { statusCommand } from './status.ts';
import { superviseCommand } from './supervise.ts';
import { tailCommand } from './tail.ts';
import { topicsCommand } from './topics.ts';
import { upCommand } from './up.ts';

/** The whole command line. Each command is a file of its own name. */
export function createProgram(): Command {
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
  return frameProgram([...embedded, ...running, ...looking, ...asCode], [documentCommand(), superviseCommand()]);
}
