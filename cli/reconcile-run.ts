import { decodeJobs } from '../connectors/source/load-state.ts';
import { keepFailure, keepRun } from '../reconcile/ledger.ts';
import type { SourceProgress } from '../reconcile/evidence.ts';
import type { ReconcileSettings } from '../reconcile/settings.ts';
import { type Proof, reconcile } from '../reconcile/reconcile.ts';
import type { EventsBalance } from '../reconcile/report.ts';
import { monotonicMs, nowMs } from '../runtime/clock.ts';
import { Fault } from '../runtime/fault.ts';
import { createLog } from '../runtime/log.ts';
import { maskDigits } from '../runtime/mask.ts';
import { readAppliedEvents } from './applied-events.ts';
import { readBalance } from './balance.ts';
import { Interrupted } from './interruption.ts';
import { readProgress } from './progress.ts';
import type { Settings } from './settings.ts';

/** A run that said something, as it is kept. */
export interface KeptRun {
  readonly runId: number;
  readonly proof: Proof;
}

/** A run that could say nothing, as it is kept. */
export interface FailedRun {
  /** When it began. */
  readonly at: Date;
  readonly seconds: number;
  readonly code: string;
  readonly text: string;
}

/** One comparison, which is kept whatever its end: one that failed where the store can be reached. */
export async function runReconcile(
  settings: Settings,
  wanted: ReconcileSettings,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<KeptRun> {
  const begin = beginning();
  try {
    return await compareAndKeep(settings, wanted, tell, signal);
  } catch (error) {
    // What can not be kept is told by the failure itself.
    if (error instanceof Fault) await keepFailed(wanted, failedRun(begin, error)).catch(() => {});
    throw error;
  }
}

/** One comparison, which is kept when it could say something. */
export async function compareAndKeep(
  settings: Settings,
  wanted: ReconcileSettings,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<KeptRun> {
  try {
    const proof = await reconcile(wanted, {
      progress: () => progressOf(settings),
      events: () => eventsOf(settings),
      applied: (events) => readAppliedEvents(settings, events),
      tell,
      signal,
    });
    // What is verified is verified of the whole: a run over one table moves that table only.
    const since = proof.report.since ?? null;
    const scope = wanted.only !== null ? 'table' : since === null ? 'full' : 'since';
    const runId = await keepRun(wanted.metering, wanted.source, scope, proof);
    return { runId, proof };
  } catch (error) {
    // Its sessions were cut under it, which looks like a server that went away.
    if (signal.aborted) throw new Interrupted('Interrupted: this comparison says nothing, and leaves nothing behind.');
    throw error;
  }
}

export interface Beginning {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function beginning(): Beginning {
  return { wallMs: nowMs(), monotonicMs: monotonicMs() };
}

/** Whatever ended it: what is no fault is a bug, and a loop goes on over that as well. */
export function failedRun(begin: Beginning, error: unknown): FailedRun {
  const [code, text] =
    error instanceof Fault
      ? [error.code, error.message]
      : ['RECONCILE_UNEXPECTED', error instanceof Error ? (error.stack ?? error.message) : String(error)];
  const seconds = (monotonicMs() - begin.monotonicMs) / 1000;
  return { at: new Date(begin.wallMs), seconds, code, text: maskDigits(text) };
}

export async function keepFailed({ metering, source }: ReconcileSettings, failed: FailedRun): Promise<void> {
  await keepFailure(metering, source, failed);
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
  const loads = Object.entries(decodeJobs(registration.jobs).load);
  return {
    generation: position.generation,
    loadCompleteLsn: isOlder ? 0 : (loadCompleteAt?.lsn ?? null),
    parked: new Set(registration.parkedTables),
    loaded: new Set(loads.filter(([, { done }]) => done).map(([table]) => table)),
  };
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
