import { Command } from 'commander';
import { takeDown } from '../local/bring-up.ts';
import { placeOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson } from './output.ts';

/** `concord down`: stops everything of the embedded stack in order and leaves no process. */
export function downCommand(): Command {
  return withCommonOptions(
    new Command('down').description('stop both sides and the embedded stack; the data stays'),
  ).action(async (options: CommonOptions) => {
    const { dataDir } = placeOf(options);
    const quiet = options.json === true;
    const stopped = await takeDown(dataDir, (line) => {
      if (!quiet) print(line);
    });
    if (quiet) printJson({ stopped });
    else if (stopped.length === 0) print('Nothing was running.');
    process.exitCode = exit.done;
  });
}
