import type { ClientBase } from 'pg';
import type { DecodedEvent } from '../../avro/envelope.ts';

/** A row of inbox.rejection as it travels between here and PostgreSQL. Times are epoch microseconds. */
export interface RejectionRow {
  readonly rejection_id: string | null;
  readonly mpan_core: string | null;
  readonly record_type: string | null;
  readonly flow: number | null;
  readonly entity: string;
  readonly entity_key: string;
  readonly source: string;
  readonly generation: number;
  readonly lsn: number;
  readonly ordinal: number;
  readonly revision: number;
  readonly rule_codes: readonly string[] | null;
  /** JSON. */
  readonly details: string | null;
  readonly reference_version: number | null;
  readonly receiver: string;
  readonly status: string | null;
  readonly raised_at: number | null;
  readonly resolved_by_generation: number | null;
  readonly resolved_by_lsn: number | null;
  readonly resolved_at: number | null;
  readonly acknowledged_by: string | null;
  readonly note: string | null;
  /** Of an event: what it does not carry because it did not change. */
  readonly unchanged?: readonly string[];
}

/** The row that an event of `metering.rejection` carries; null when it does not say which event was refused. */
export function rejectionOf(event: DecodedEvent): RejectionRow | null {
  // The item `source` of the table travels as `event_source`: the envelope has the name already.
  const row = { ...event, source: event['event_source'] } as unknown as RejectionRow;
  const { entity, entity_key, source, generation, lsn, ordinal, revision, receiver } = row;
  const identity: readonly unknown[] = [entity, entity_key, source, generation, lsn, ordinal, revision, receiver];
  return identity.some((part) => part === null || part === undefined) ? null : row;
}

export function rejectionKey(row: RejectionRow): string {
  const { source, generation, lsn, ordinal, entity, entity_key, receiver, revision } = row;
  return JSON.stringify([source, generation, lsn, ordinal, entity, entity_key, receiver, revision]);
}

/**
 * What the inbox says after `incoming`, given what it says; null when nothing changes.
 *
 * A rejection that was resolved or withdrawn stays so: a store restored from a backup raises it again before it
 * resolves it again (P18), and a renewed rejection has a revision of its own. Who acknowledged it here, and the note,
 * are kept unless the other side says otherwise.
 */
export function foldRejection(current: RejectionRow | undefined, incoming: RejectionRow): RejectionRow | null {
  if (current === undefined) return incoming;
  if (isOpen(incoming) && !isOpen(current)) return null;
  const kept = incoming.unchanged ?? [];
  const next: RejectionRow = {
    ...incoming,
    ...Object.fromEntries(Object.entries(current).filter(([column]) => kept.includes(column))),
    rejection_id: current.rejection_id,
    acknowledged_by: incoming.acknowledged_by ?? current.acknowledged_by,
    note: incoming.note ?? current.note,
  };
  return comparedColumns.every((column) => same(current[column], next[column])) ? null : next;
}

const comparedColumns = [
  'mpan_core',
  'record_type',
  'flow',
  'rule_codes',
  'details',
  'reference_version',
  'status',
  'raised_at',
  'resolved_by_generation',
  'resolved_by_lsn',
  'resolved_at',
  'acknowledged_by',
  'note',
] as const;

function isOpen(row: RejectionRow): boolean {
  return row.status === null || row.status === 'open';
}

function same(a: RejectionRow[(typeof comparedColumns)[number]], b: typeof a): boolean {
  if (typeof a !== 'object' || a === null) return a === b;
  return typeof b === 'object' && b !== null && a.length === b.length && a.every((code, index) => code === b[index]);
}

const identityTypes = `source text, generation int, lsn bigint, ordinal int, entity text, entity_key text, receiver text,
  revision int`;

/** The rows of these identities, locked. */
export async function readRejections(client: ClientBase, wanted: readonly RejectionRow[]): Promise<RejectionRow[]> {
  const { rows } = await client.query<{ row: RejectionRow }>(
    `SELECT to_jsonb(r) || jsonb_build_object('details', r.details::text, 'raised_at', ${micros('r.raised_at')},
        'resolved_at', ${micros('r.resolved_at')}) AS row
      FROM jsonb_to_recordset($1::jsonb) AS w(${identityTypes})
      JOIN inbox.rejection r USING (source, generation, lsn, ordinal, entity, entity_key, receiver, revision)
      FOR UPDATE OF r`,
    [JSON.stringify(wanted.map(identityOf))],
  );
  return rows.map(({ row }) => row);
}

export async function writeRejections(client: ClientBase, rows: readonly RejectionRow[]): Promise<void> {
  await client.query(
    `INSERT INTO inbox.rejection
      SELECT rejection_id, mpan_core, record_type, flow, entity, entity_key, source, generation, lsn, ordinal, revision,
        rule_codes, details::jsonb, reference_version, receiver, status, ${timestamp('raised_at')},
        resolved_by_generation, resolved_by_lsn, ${timestamp('resolved_at')}, acknowledged_by, note
      FROM jsonb_to_recordset($1::jsonb) AS row(rejection_id uuid, mpan_core text, record_type text, flow int,
        rule_codes text[], details text, reference_version int, status text, raised_at bigint,
        resolved_by_generation int, resolved_by_lsn bigint, resolved_at bigint, acknowledged_by text, note text,
        ${identityTypes})
      ON CONFLICT ON CONSTRAINT rejection_identity DO UPDATE SET
        mpan_core = excluded.mpan_core, record_type = excluded.record_type, flow = excluded.flow,
        rule_codes = excluded.rule_codes, details = excluded.details, reference_version = excluded.reference_version,
        status = excluded.status, raised_at = excluded.raised_at,
        resolved_by_generation = excluded.resolved_by_generation, resolved_by_lsn = excluded.resolved_by_lsn,
        resolved_at = excluded.resolved_at, acknowledged_by = excluded.acknowledged_by, note = excluded.note`,
    [JSON.stringify(rows)],
  );
}

function identityOf({ source, generation, lsn, ordinal, entity, entity_key, receiver, revision }: RejectionRow) {
  return { source, generation, lsn, ordinal, entity, entity_key, receiver, revision };
}

function micros(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000000)::bigint`;
}

function timestamp(column: string): string {
  return `timestamptz 'epoch' + ${column} * interval '1 microsecond'`;
}
