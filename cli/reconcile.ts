import { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import type { SourceProgress } from '../reconcile/evidence.ts';
import { csvOf } from '../reconcile/csv.ts';
import { keepFailure, keepRun } from '../reconcile/ledger.ts';
import { maskedReport } from '../reconcile/masked.ts';
import type { ReconcileSettings } from '../reconcile/point-view.ts';
import { reconcile, type Proof } from '../reconcile/reconcile.ts';
import type { EventsBalance, ReconcileReport } from '../reconcile/report.ts';
import { entityTables, type StoredEntity } from '../connectors/metering/entities.ts';
import { monotonicMs, nowMs, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { createLog } from '../runtime/log.ts';
import { readBalance } from './balance.ts';
import { untilInterrupted } from './interruption.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, printJson, UsageError } from './output.ts';
import { readProgress } from './progress.ts';
import { printReport, ProgressLine } from './reconcile-page.ts';
import { programVersion, type Settings } from './settings.ts';

interface ReconcileOptions extends CommonOptions {
  readonly table?: string;
  readonly csv?: string;
  readonly every?: string;
  readonly limit: string;
  readonly workers: string;
  readonly patience: string;
  readonly reveal?: boolean;
}

/** `concord reconcile`: are both sides in agreement at this very point, and if not, why. */
export function reconcileCommand(): Command {
  return withCommonOptions(
    new Command('reconcile').description('compare both sides exactly, at one point, while they keep changing'),
  )
    .option('--table <name>', `only one of ${Object.keys(entityTables).join(', ')}`)
    .option('--csv <file>', 'write the differences to a file of comma-separated values')
    .option('--every <time>', 'again and again, so long apart: 30s, 10m, 1h')
    .option('--limit <rows>', 'list at most so many differences of each table', '100')
    .option('--workers <sessions>', 'sessions that read on each side', '2')
    .option('--patience <seconds>', 'give up when the store does not move for so long', '30')
    .option('--reveal', 'show MPAN cores unmasked')
    .action(async (options: ReconcileOptions) => {
      const settings = settingsOf(options);
      const wanted = wantedOf(settings, options);
      const everyMs = options.every === undefined ? null : durationMs(options.every);
      const signal = untilInterrupted();
      do {
        process.exitCode = await runOnce(settings, wanted, options, signal);
        if (everyMs !== null) await pause(everyMs, signal);
      } while (everyMs !== null && !signal.aborted);
    });
}

function wantedOf(settings: Settings, options: ReconcileOptions): ReconcileSettings {
  const { registration, metering, kafka } = settings;
  const { services, roles } = metering.rules;
  return {
    source: registration.name,
    registration: registration.database,
    metering: metering.database,
    mapping: { tables: registration.tables },
    lanes: kafka.partitions,
    played: [...services.MSS, ...services.MSA, ...services.UMSO],
    meteringService: roles.meteringService,
    only: tableOf(options.table),
    workers: wholeNumber('--workers', options.workers, 1, 32),
    listedMax: wholeNumber('--limit', options.limit, 0, 100_000),
    patienceMs: wholeNumber('--patience', options.patience, 1, 86_400) * 1_000,
    version: programVersion(),
  };
}

async function runOnce(
  settings: Settings,
  wanted: ReconcileSettings,
  options: ReconcileOptions,
  signal: AbortSignal,
): Promise<number> {
  const line = new ProgressLine(options.json === true);
  const startedAt = { wall: nowMs(), monotonic: monotonicMs() };
  let proof: Proof;
  try {
    proof = await reconcile(wanted, {
      progress: () => progressOf(settings),
      events: () => eventsOf(settings),
      tell: (text) => line.tell(text),
      signal,
    });
    // What is verified is verified of the whole: a run over one table moves that table only.
    await keepRun(wanted.metering, wanted.source, proof);
  } catch (error) {
    await keepFaulty(wanted, startedAt, error);
    throw error;
  } finally {
    line.clear();
  }
  const report = options.reveal === true ? proof.report : maskedReport(proof.report);
  if (options.csv !== undefined) writeFileSync(options.csv, csvOf(report));
  if (options.json === true) printJson(report);
  else printReport(report);
  return codeOf(report);
}

function codeOf({ verdict, closes }: ReconcileReport): number {
  return verdict === 'agree' && closes ? exit.done : exit.found;
}

/** A run that failed is kept where the store can be reached; that it can not is told by the failure itself. */
async function keepFaulty(
  { metering, source }: ReconcileSettings,
  startedAt: { readonly wall: number; readonly monotonic: number },
  error: unknown,
): Promise<void> {
  if (!(error instanceof Fault)) return;
  const seconds = (monotonicMs() - startedAt.monotonic) / 1000;
  const failure = { at: new Date(startedAt.wall), seconds, code: error.code, text: error.message };
  await keepFailure(metering, source, failure).catch(() => {});
}

async function progressOf(settings: Settings): Promise<SourceProgress> {
  const { registration } = await readProgress(settings, createLog('reconcile', 'error'));
  if (registration === null) {
    throw new Fault(
      'unavailable',
      'RECONCILE_NOTHING_CAPTURED',
      'The registration source has never written any progress: there is nothing to compare yet.',
    );
  }
  const { position, loadCompleteAt } = registration;
  const isOlder = loadCompleteAt !== null && loadCompleteAt.generation < position.generation;
  return { generation: position.generation, loadCompleteLsn: isOlder ? 0 : (loadCompleteAt?.lsn ?? null) };
}

/** Events that were captured and have no outcome are on their way as long as more keep coming. */
async function eventsOf(settings: Settings): Promise<EventsBalance> {
  const first = await sumOf(settings);
  if (first.inFlight === 0) return { ...first, closes: true };
  const second = await sumOf(settings);
  const isMoving = second.captured !== first.captured || second.inFlight !== first.inFlight;
  return { ...second, closes: second.inFlight === 0 || (second.inFlight > 0 && isMoving) };
}

async function sumOf(settings: Settings): Promise<Omit<EventsBalance, 'closes'>> {
  const { topics } = await readBalance(settings);
  const lines = topics.filter(({ source }) => source === settings.registration.name);
  const sum = (of: (line: (typeof lines)[number]) => number): number =>
    lines.reduce((total, one) => total + of(one), 0);
  return {
    captured: sum((one) => one.captured),
    applied: sum((one) => one.applied),
    unchanged: sum((one) => one.unchanged),
    superseded: sum((one) => one.superseded),
    rejected: sum((one) => one.rejected),
    held: sum((one) => one.held),
    deadLettered: sum((one) => one.deadLettered),
    notOurs: sum((one) => one.notOurs),
    inFlight: sum((one) => one.inFlight),
  };
}

function tableOf(name: string | undefined): StoredEntity | null {
  if (name === undefined) return null;
  if (isStored(name)) return name;
  throw new UsageError(`There is no table ${name}: choose one of ${Object.keys(entityTables).join(', ')}.`);
}

function isStored(name: string): name is StoredEntity {
  return name in entityTables;
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${option} is ${text}: write a whole number from ${min} to ${max}.`);
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationMs(text: string): number {
  const match = /^(\d+)([smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isFinite(ms) && ms > 0) return ms;
  throw new UsageError(`--every is ${text}: write a number and s, m, h or d, such as 10m.`);
}
