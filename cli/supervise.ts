import { Command } from 'commander';
import { superviseSides } from '../local/supervisor.ts';
import { createLog } from '../runtime/log.ts';
import { untilInterrupted } from './interruption.ts';
import { placeOf, withCommonOptions, type CommonOptions } from './options.ts';

/** `concord supervise`: what `concord up --detach` leaves running. Hidden: nobody else starts it. */
export function superviseCommand(): Command {
  return withCommonOptions(
    new Command('supervise').description('start a side of the embedded stack again whenever it ends'),
  ).action(async (options: CommonOptions) => {
    const log = createLog('supervisor');
    await superviseSides(placeOf(options).dataDir, (line) => log.warn(line), untilInterrupted());
  });
}
