import { Command, InvalidArgumentError } from 'commander';
import { bringUpSteps, alone, takeDown } from '../local/bring-up.ts';
import { livePids } from '../local/processes.ts';
import { readAddresses } from '../local/stack.ts';
import { portNames, readState, type PortName } from '../local/state.ts';
import { demandNoSupervisor, startSupervisor, stopSidesSupervisor, supervise } from '../local/supervisor.ts';
import { untilInterrupted } from './interruption.ts';
import { placeOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, UsageError } from './output.ts';
import { whereToLook } from './env.ts';
import { showSteps } from './steps.ts';

interface UpOptions extends CommonOptions {
  readonly detach?: boolean;
  readonly sample?: number;
  readonly port: Partial<Record<PortName, number>>;
}

/** `concord up`: starts what is missing of the embedded stack and of both sides. */
export function upCommand(): Command {
  return withCommonOptions(
    new Command('up').description('start what is missing of the embedded stack and of both sides'),
  )
    .option('--detach', 'return when everything is ready, and leave it running')
    .option(
      '--sample <points>',
      'fill a new data directory with that many metering points (default: none)',
      wholeNumber,
    )
    .option('--port <name=number>', `use this port (${portNames.join(', ')}); may be repeated`, collectPort, {})
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  if (options.config !== undefined) {
    throw new UsageError(
      '`concord up` starts the embedded stack: give --data-dir. For servers of your own use `concord run --config`.',
    );
  }
  const { dataDir } = placeOf(options);
  const quiet = options.json === true;
  if (readState(dataDir)?.populated === true && options.sample !== undefined && !quiet)
    print('--sample is ignored: this data directory has its data already.');
  const signal = untilInterrupted();
  const steps = bringUpSteps(dataDir, {
    sample: options.sample ?? 0,
    ports: options.port,
    signal: signal,
  });
  const start = (): Promise<void> => alone(dataDir, 'starting the stack', () => showSteps(steps, quiet));
  const report = (line: string): void => {
    if (!quiet) print(line);
  };
  try {
    if (options.detach === true) {
      await start();
      startSupervisor(dataDir);
      tell(dataDir, quiet);
      return;
    }
    await stopSidesSupervisor(dataDir);
    demandNoSupervisor(dataDir);
    await start();
    tell(dataDir, quiet);
    report('\nCtrl-C stops everything.');
    await supervise(dataDir, report, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (options.detach === true) {
      process.stderr.write(
        'Interrupted. What has started keeps running; `concord down` stops it, `concord up` goes on.\n',
      );
      process.exitCode = exit.fault;
      return;
    }
  }
  report('Stopping everything …');
  await takeDown(dataDir, report);
}

function tell(dataDir: string, quiet: boolean): void {
  const addresses = readAddresses(dataDir);
  if (addresses === null) return;
  const databasesDirectory = readState(dataDir)?.databasesDirectory ?? dataDir;
  if (quiet) printJson({ ready: true, dataDir, databasesDirectory, ...addresses, pids: livePids(dataDir) });
  else print(whereToLook(dataDir, addresses));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number of metering points, 0 or more.');
  return Number(text);
}

function collectPort(text: string, ports: Partial<Record<PortName, number>>): Partial<Record<PortName, number>> {
  const [name, number] = text.split('=');
  const known = portNames.find((one) => one === name);
  if (
    known === undefined ||
    number === undefined ||
    !/^\d{1,5}$/.test(number) ||
    Number(number) > 65_535 ||
    number === '0'
  ) {
    throw new InvalidArgumentError(`Give NAME=NUMBER with one of the names ${portNames.join(', ')}.`);
  }
  return { ...ports, [known]: Number(number) };
}
