import { formatLsn, parseLsn } from '../../avro/position.ts';
import type { FailoverReadiness } from './report.ts';

/** What the server says that decides it; a column of the query below each. */
export interface FailoverFacts {
  /** The slot's row. */
  readonly slot: Readonly<Record<string, unknown>>;
  /** The setting `synchronized_standby_slots`; null before PostgreSQL 17. */
  readonly synchronized: string | null;
  /** Names in it that are no active physical slot. */
  readonly missing: readonly string[] | null;
  readonly standbys: number;
  /** How far the most advanced standby has written WAL to disk; null if we may not see it. */
  readonly flushed: string | null;
  /** A standby's worker that copies slots is connected. */
  readonly copying: boolean;
}

/** The facts of slot `s`, as a list of select expressions. */
export const failoverFactsSql = `to_jsonb(s) AS slot, current_setting('synchronized_standby_slots', true) AS synchronized,
  (SELECT array_agg(name) FROM (SELECT trim(both ' "' FROM n) AS name
     FROM unnest(string_to_array(nullif(current_setting('synchronized_standby_slots', true), ''), ',')) n) named
   WHERE NOT EXISTS (SELECT FROM pg_replication_slots p WHERE p.slot_name = name AND p.slot_type = 'physical' AND p.active)) AS missing,
  (SELECT count(*)::int FROM pg_stat_replication WHERE pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)) AS standbys,
  (SELECT max(flush_lsn)::text FROM pg_stat_replication WHERE pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)) AS flushed,
  EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE '%slotsync worker') AS copying`;

/** `endLsn`: what is published, which a standby must have to take over without a gap. */
export function readinessOf(facts: FailoverFacts, endLsn: number): FailoverReadiness {
  const { slot, synchronized, missing, standbys, flushed, copying } = facts;
  const because: string[] = [];
  const follows = slot['failover'] === true;
  if (!('failover' in slot)) because.push('before PostgreSQL 17 a slot does not follow to a standby');
  else if (!follows) because.push('the slot was made without `failover`');
  if (standbys === 0) because.push('no standby is connected');
  else if (flushed === null) because.push('how far the standby is can not be seen without the role pg_monitor');
  else if (parseLsn(flushed) < endLsn) {
    because.push(`the standby has WAL up to ${flushed}, and ${formatLsn(endLsn)} is published already`);
  }
  if (standbys > 0 && follows && !copying) {
    because.push('no standby copies the slot (there, `sync_replication_slots` must be on)');
  }
  if (standbys > 0 && (synchronized ?? '') === '') {
    because.push('synchronized_standby_slots is empty, so what the standby lacks may be published at any moment');
  }
  if (missing !== null && missing.length > 0) {
    because.push(
      `synchronized_standby_slots names ${missing.join(', ')}, which no standby streams from: nothing is sent to us until one does`,
    );
  }
  return { safe: because.length === 0, because };
}
