import type pg from 'pg';
import type { Logger } from 'pino';
import { formatLsn, parseLsn } from '../../avro/position.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import type { FailoverReadiness, SourceReport } from './report.ts';
import { RetainedWal } from './retained-wal.ts';

interface SlotRow {
  readonly retained: string | null;
  readonly safe: string | null;
  readonly status: string | null;
  readonly slot: Readonly<Record<string, unknown>>;
  readonly synchronized: string | null;
  readonly standbys: number;
  readonly flushed: string | null;
}

/** Sooner than this the end of the WAL budget is a matter for people. */
const warningSeconds = 3_600;

/**
 * Asks how much WAL the slot makes the server keep, how fast that grows, when the server would give the slot up
 * (`max_slot_wal_keep_size`), and whether a failover would be safe. Nothing is done about it but telling.
 */
export class WalBudget {
  readonly #slot: string;
  readonly #report: SourceReport;
  readonly #log: Logger;
  readonly #trend = new RetainedWal(monotonicMs);
  #told = '';

  constructor(slot: string, report: SourceReport, log: Logger) {
    this.#slot = slot;
    this.#report = report;
    this.#log = log;
  }

  async look(client: pg.Client): Promise<void> {
    const { rows } = await client.query<SlotRow>(
      `SELECT pg_current_wal_lsn() - s.restart_lsn AS retained, s.safe_wal_size AS safe, s.wal_status AS status, to_jsonb(s) AS slot,
              current_setting('synchronized_standby_slots', true) AS synchronized, r.standbys, r.flushed::text AS flushed
       FROM pg_replication_slots s, (SELECT count(*)::int AS standbys, max(flush_lsn) AS flushed FROM pg_stat_replication
         WHERE pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)) r
       WHERE s.slot_name = $1`,
      [this.#slot],
    );
    const [row] = rows;
    if (row === undefined) return;
    const report = this.#report;
    report.retainedWalBytes = numberOrNull(row.retained);
    report.safeWalBytes = numberOrNull(row.safe);
    report.walStatus = row.status;
    report.walGrowthBytesPerSecond = this.#trend.growth(report.retainedWalBytes);
    report.walExhaustedInSeconds = secondsLeft(report);
    report.failover = readinessOf(row, report.endLsn);
    this.#tell();
  }

  /** Once when it gets serious, and once when it is over. */
  #tell(): void {
    const { retainedWalBytes, safeWalBytes, walStatus, walGrowthBytesPerSecond, walExhaustedInSeconds } = this.#report;
    const soon = walExhaustedInSeconds !== null && walExhaustedInSeconds < warningSeconds;
    const state = walStatus === 'unreserved' || walStatus === 'lost' ? walStatus : soon ? 'soon' : '';
    if (state === this.#told) return;
    this.#told = state;
    const figures = {
      slot: this.#slot,
      retainedWalBytes,
      safeWalBytes,
      walStatus,
      walGrowthBytesPerSecond,
      walExhaustedInSeconds,
    };
    if (state === '') this.#log.info(figures, 'The WAL that the server keeps for us is within its budget again.');
    else {
      this.#log.warn(
        figures,
        `The server keeps ${String(retainedWalBytes)} bytes of WAL for the slot ${this.#slot}, and ${
          state === 'soon'
            ? `gives it up in about ${Math.round(walExhaustedInSeconds ?? 0)} s if that goes on`
            : 'may give it up at the next checkpoint'
        }: changes would be lost to us. Raise max_slot_wal_keep_size, or let the source catch up.`,
      );
    }
  }
}

function secondsLeft({ walGrowthBytesPerSecond: growth, safeWalBytes: safe }: SourceReport): number | null {
  return growth === null || growth <= 0 || safe === null ? null : Math.max(0, safe / growth);
}

/** `endLsn`: what is published, which a standby must have to take over without a gap. */
export function readinessOf(
  { slot, synchronized, standbys, flushed }: Pick<SlotRow, 'slot' | 'synchronized' | 'standbys' | 'flushed'>,
  endLsn: number,
): FailoverReadiness {
  const because: string[] = [];
  if (!('failover' in slot)) because.push('before PostgreSQL 17 a slot does not follow to a standby');
  else if (slot['failover'] !== true) because.push('the slot was made without `failover`');
  if (standbys === 0) because.push('no standby is connected');
  else if (flushed === null) because.push('how far the standby is can not be seen without the role pg_monitor');
  else if (parseLsn(flushed) < endLsn) {
    because.push(`the standby has WAL up to ${flushed}, and ${formatLsn(endLsn)} is published already`);
  }
  if (standbys > 0 && (synchronized ?? '') === '') {
    because.push('synchronized_standby_slots is empty, so what the standby lacks may be published at any moment');
  }
  return { safe: because.length === 0, because };
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}
