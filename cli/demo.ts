import { Command } from 'commander';
import { alone, bringUpSteps, takeDown, type Step } from '../local/bring-up.ts';
import { configurationFile } from '../local/configuration-file.ts';
import { liveOn, liveOnRegardless } from '../local/living.ts';
import { describer, readiness } from '../local/sides.ts';
import { readAddresses, type StackAddresses } from '../local/stack.ts';
import { demandNoSupervisor, stopSidesSupervisor, supervise } from '../local/supervisor.ts';
import { untilThrough } from '../local/through.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { printBalance, readBalance, type Balance } from './balance.ts';
import { whereToLook } from './env.ts';
import { untilInterrupted } from './interruption.ts';
import { placeOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, UsageError } from './output.ts';
import { readSettings } from './settings.ts';
import { showSteps } from './steps.ts';

const samplePoints = 30_000;
const furtherChanges = 2_000;
const livingRowsPerSecond = 25;
const throughTimeoutMs = 10 * 60_000;
const balanceTimeoutMs = 60_000;

interface DemoOptions extends CommonOptions {
  readonly once?: boolean;
}

/** What `npm run demo` runs when everything is installed and built. */
export function demoCommand(): Command {
  return withCommonOptions(
    new Command('demo').description('the whole of Concord on a sample, then a living stream of changes'),
  )
    .option('--once', `end when the sample and ${furtherChanges.toLocaleString('en-GB')} changes are accounted for`)
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  if (options.config !== undefined)
    throw new UsageError('The demo starts an embedded stack of its own: give --data-dir.');
  const { dataDir } = placeOf(options);
  const signal = untilInterrupted();
  await stopSidesSupervisor(dataDir);
  demandNoSupervisor(dataDir);
  let balance: Balance | null = null;
  const account = (found: Balance): void => {
    balance = found;
  };
  const first = bringUpSteps(dataDir, { sample: samplePoints, ports: {}, signal });
  const steps = options.once === true ? [...first, ...accountingSteps(dataDir, signal, account)] : first;
  try {
    await alone(dataDir, 'running the demo', () => showSteps(steps, false));
    if (options.once !== true) await live(dataDir, signal);
  } catch (error) {
    if (!signal.aborted) {
      await takeDown(dataDir, () => undefined);
      throw error;
    }
  }
  if (balance !== null) process.exitCode = conclude(balance);
  else if (options.once === true) process.exitCode = exit.fault;
  print('\nStopping everything …');
  await takeDown(dataDir, print);
  print('\nThe data stays: `npx concord up` starts it again, `npm run demo` goes on with it.');
}

function accountingSteps(dataDir: string, signal: AbortSignal, account: (balance: Balance) => void): readonly Step[] {
  return [
    {
      title: `${furtherChanges.toLocaleString('en-GB')} further changes`,
      run: async (report) => {
        const tell = (made: { changes: number; seconds: number }): void => report(rate(made));
        return rate(
          await liveOn(addressesOf(dataDir).registrationUrl, { count: furtherChanges, signal, onProgress: tell }),
        );
      },
    },
    {
      title: 'Every event accounted for',
      run: async (report) => {
        const through = await untilThrough(dataDir, addressesOf(dataDir), report, throughTimeoutMs, signal);
        const found = await closedBalance(dataDir, signal);
        account(found);
        return through && found.closes ? 'yes' : 'NO';
      },
    },
  ];
}

/** Receipts are events too and travel all the time: the balance is read until it closes, or does not for a long time. */
async function closedBalance(dataDir: string, signal: AbortSignal): Promise<Balance> {
  const settings = readSettings(configurationFile(dataDir));
  const untilMs = monotonicMs() + balanceTimeoutMs;
  for (;;) {
    const balance = await readBalance(settings);
    if (balance.closes || monotonicMs() > untilMs) return balance;
    await pause(200, signal);
    signal.throwIfAborted();
  }
}

function conclude(balance: Balance): number {
  print('');
  printBalance(balance);
  return balance.closes ? exit.done : exit.found;
}

/** A living stream of changes, with a line of figures that is always new, until Ctrl-C. Whatever dies is started again. */
async function live(dataDir: string, signal: AbortSignal): Promise<void> {
  const addresses = addressesOf(dataDir);
  print(whereToLook(dataDir, addresses));
  print('\nNow a living stream: switches, agent changes, corrections, dirty records. Ctrl-C stops everything.\n');
  let made = 0;
  let madeBefore = 0;
  const describe = describer();
  const say = (line: string): void => print(`${process.stdout.isTTY ? '\r\u001B[K' : ''}${line}`);
  const show = async (): Promise<void> => {
    while (!signal.aborted) {
      await pause(process.stdout.isTTY ? 1_000 : 10_000, signal);
      const line = `${made.toLocaleString('en-GB')} changes made · ${describe(await readiness(dataDir))}`;
      if (signal.aborted) return;
      if (process.stdout.isTTY) process.stdout.write(`\r\u001B[K${line.slice(0, process.stdout.columns - 1)}`);
      else print(line);
    }
  };
  const onProgress = (summary: { changes: number }): void => {
    // A stream that was interrupted counts from 0 again.
    if (madeBefore + summary.changes < made) madeBefore = made;
    made = madeBefore + summary.changes;
  };
  await Promise.all([
    liveOnRegardless(addresses.registrationUrl, { rate: livingRowsPerSecond, onProgress }, say, signal),
    show(),
    supervise(dataDir, say, signal),
  ]);
}

function rate(made: { readonly changes: number; readonly seconds: number }): string {
  const perSecond = Math.round(made.changes / Math.max(made.seconds, 0.001));
  return `${made.changes.toLocaleString('en-GB')} rows changed, ${perSecond.toLocaleString('en-GB')} a second`;
}

function addressesOf(dataDir: string): StackAddresses {
  const addresses = readAddresses(dataDir);
  if (addresses === null) throw new Error('the servers are started first');
  return addresses;
}
