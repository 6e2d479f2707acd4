import type pg from 'pg';
import type { Logger } from 'pino';
import { monotonicMs } from '../../runtime/clock.ts';
import { type FailoverFacts, failoverFactsSql, readinessOf } from './failover.ts';
import type { SourceReport, WalProblem } from './report.ts';
import { RetainedWal } from './retained-wal.ts';

export interface WalLimits {
  /** From so much retained WAL on it is a matter for people. */
  readonly retainedWalWarnBytes: number;
  /** The last resort: over so much the source gives its slot up. Absent: never. */
  readonly retainedWalMaxBytes?: number | undefined;
}

interface SlotRow extends FailoverFacts {
  readonly retained: string | null;
  readonly safe: string | null;
  readonly status: string | null;
}

/** Sooner than this the end of the WAL budget is a matter for people. */
const warningSeconds = 3_600;

/**
 * Asks how much WAL the slot makes the server keep, how fast that grows, when the slot would be given up (by the server,
 * or by us as the last resort), and whether a failover would be safe. Nothing is done about it but telling.
 */
export class WalBudget {
  readonly #slot: string;
  readonly #limits: WalLimits;
  readonly #report: SourceReport;
  readonly #log: Logger;
  readonly #trend = new RetainedWal(monotonicMs);
  #told = '';

  constructor(slot: string, limits: WalLimits, report: SourceReport, log: Logger) {
    this.#slot = slot;
    this.#limits = limits;
    this.#report = report;
    this.#log = log;
  }

  async look(client: pg.Client): Promise<void> {
    const { rows } = await client.query<SlotRow>(
      `SELECT pg_current_wal_lsn() - s.restart_lsn AS retained, s.safe_wal_size AS safe, s.wal_status AS status, ${failoverFactsSql}
       FROM pg_replication_slots s WHERE s.slot_name = $1`,
      [this.#slot],
    );
    const row = rows[0] ?? null;
    const report = this.#report;
    report.retainedWalBytes = numberOrNull(row?.retained ?? null);
    report.safeWalBytes = numberOrNull(row?.safe ?? null);
    report.walStatus = row?.status ?? null;
    report.walGrowthBytesPerSecond = this.#trend.growth(report.retainedWalBytes);
    report.walExhaustedInSeconds = secondsLeft(report, this.#limits);
    report.failover = row === null ? null : readinessOf(row, report.endLsn);
    this.#tell(problemOf(this.#slot, report, this.#limits));
  }

  /** The server can not be asked: old figures would be taken for new ones. */
  unknown(): void {
    const report = this.#report;
    report.retainedWalBytes = null;
    report.safeWalBytes = null;
    report.walStatus = null;
    report.walGrowthBytesPerSecond = null;
    report.walExhaustedInSeconds = null;
    report.failover = null;
  }

  /** In the log once when it gets serious, and once when it is over; in the report for as long as it lasts. */
  #tell(problem: WalProblem | null): void {
    const report = this.#report;
    report.walProblem = problem;
    const state = problem?.code ?? '';
    if (state === this.#told) return;
    this.#told = state;
    const { retainedWalBytes, safeWalBytes, walStatus, walGrowthBytesPerSecond, walExhaustedInSeconds } = report;
    const figures = {
      slot: this.#slot,
      retainedWalBytes,
      safeWalBytes,
      walStatus,
      walGrowthBytesPerSecond,
      walExhaustedInSeconds,
    };
    if (problem === null) this.#log.info(figures, 'The WAL that the server keeps for us is within its budget again.');
    else this.#log.warn({ code: problem.code, ...figures }, problem.text);
  }
}

/** Until the server gives the slot up, or we do; the nearer of the two. */
function secondsLeft(
  { walGrowthBytesPerSecond: growth, safeWalBytes, retainedWalBytes }: SourceReport,
  { retainedWalMaxBytes }: WalLimits,
): number | null {
  if (growth === null || growth <= 0) return null;
  const left = [
    ...(safeWalBytes === null ? [] : [safeWalBytes]),
    ...(retainedWalMaxBytes === undefined || retainedWalBytes === null ? [] : [retainedWalMaxBytes - retainedWalBytes]),
  ];
  return left.length === 0 ? null : Math.max(0, Math.min(...left) / growth);
}

export function problemOf(slot: string, report: SourceReport, limits: WalLimits): WalProblem | null {
  const { retainedWalBytes, walStatus, walExhaustedInSeconds: end } = report;
  const keeps = `The server keeps ${mebibytes(retainedWalBytes ?? 0)} of WAL for the slot ${slot}`;
  if (walStatus === 'lost') {
    return { code: 'SLOT_LOST', text: `The server has given up the slot ${slot}: changes are lost to us.` };
  }
  if (walStatus === 'unreserved') {
    return {
      code: 'WAL_RUNNING_OUT',
      text: `${keeps}, which is more than max_slot_wal_keep_size, and may give the slot up at the next checkpoint: changes would be lost to us.`,
    };
  }
  if (end !== null && end < warningSeconds) {
    return {
      code: 'WAL_RUNNING_OUT',
      text: `${keeps}, and if it goes on growing like that the slot is given up in about ${Math.round(end)} s: changes would be lost to us.`,
    };
  }
  if (retainedWalBytes !== null && retainedWalBytes > limits.retainedWalWarnBytes) {
    const last =
      limits.retainedWalMaxBytes === undefined
        ? ''
        : ` At ${mebibytes(limits.retainedWalMaxBytes)} the slot is given up.`;
    return {
      code: 'WAL_BUDGET_EXCEEDED',
      text: `${keeps}, which is more than the ${mebibytes(limits.retainedWalWarnBytes)} of retainedWalWarnBytes; its disk may fill.${last}`,
    };
  }
  return null;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toLocaleString('en-GB', { maximumFractionDigits: 1 })} MiB`;
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}
