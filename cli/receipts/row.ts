import type pg from 'pg';
import { formatLsn, parseLsn, type Position } from '../../avro/position.ts';
import { quoteIdentifier, quoteTable } from '../../connectors/source/sql.ts';
import { eventItems, itemOf, keySql, sourceItems, storeItems, textsSql } from '../../reconcile/canonical.ts';
import { readColumnTypes } from '../../reconcile/source-side.ts';
import { type ReconciledTable, reconciledTables } from '../../reconcile/tables.ts';
import { monotonicMs, pause } from '../../runtime/clock.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import { UsageError } from '../output.ts';
import type { Settings } from '../settings.ts';
import type { Answer, Reason } from './answer.ts';
import { covering, type Direction, readReceipts, readRejection, reasonsOf } from './direction.ts';

/** A row as the registration database has it now. */
interface SourceRow {
  readonly texts: readonly (string | null)[] | null;
  readonly laneKey: string | null;
  /** The WAL was here when it was read, or a little beyond. */
  readonly lsn: number;
}

type PositionRow = { readonly generation: number; readonly lsn: string; readonly ordinal: number };

/** What the store has of the key. */
interface StoreRow {
  readonly current:
    | (PositionRow & { readonly texts: readonly (string | null)[]; readonly lane_key: string | null })
    | null;
  readonly ended: (PositionRow & { readonly lane_key: string | null }) | null;
  /** The last received content, where it is not the accepted one. */
  readonly last: (PositionRow & { readonly texts: readonly (string | null)[]; readonly is_delete: boolean }) | null;
  readonly held: { readonly why: readonly Reason[]; readonly due: string | null } | null;
  readonly letter: Reason | null;
  readonly through: PositionRow | null;
}

/** Tables of which a row may be asked for. */
export function tablesOf(settings: Settings): readonly ReconciledTable[] {
  return reconciledTables(settings.registration.name, { tables: settings.registration.tables });
}

/**
 * What became of a row as it is now in the registration database: the event that carries its content is looked for in the
 * store by that content, so that no topic has to be read.
 */
export async function answerRow(
  settings: Settings,
  direction: Direction,
  entity: string,
  key: string,
): Promise<Answer> {
  const tables = tablesOf(settings);
  const table = tables.find((one) => one.entity === entity);
  if (table === undefined) {
    throw new UsageError(
      `There is no table ${entity}; the tables are ${tables.map((one) => one.entity).join(', ')}, rejection.`,
    );
  }
  const [there, receipts] = await withDatabase(direction.sender, 'concord receipts', async (client) => [
    await readSource(client, table, key),
    await readReceipts(client, direction),
  ]);
  return withDatabase(direction.receiver, 'concord receipts', async (client) => {
    const others = await isOthers(client, settings, table, there);
    const { here, lane, decided } = await untilDecided(settings, async () => {
      const here = await readStore(client, settings, table, key, there.laneKey);
      const laneKey = there.laneKey ?? here.current?.lane_key ?? here.ended?.lane_key ?? null;
      return { here, lane: laneOf(settings, table, laneKey), decided: decide(there, here, others) };
    });
    const { position } = decided;
    const rejection =
      decided.verdict === 'rejected' && position !== null
        ? await readRejection(client, 'metering.rejection', direction.source, position, entity, key)
        : null;
    return {
      outcome: decided.outcome,
      verdict: decided.verdict,
      source: direction.source,
      entity,
      key,
      lane,
      place: null,
      recordType: null,
      position,
      committedAt: null,
      why: rejection?.why ?? decided.why,
      due: decided.verdict === 'held' ? (here.held?.due ?? null) : null,
      acknowledged: position === null || lane === null ? null : covering(receipts, lane, position),
      note: decided.note,
    };
  });
}

const lookAgainMs = 250;

/**
 * An idle lane moves at the heartbeat only: what is not there yet is waited for until then, so that "not yet" is told of
 * a lane that is really behind.
 */
async function untilDecided<T extends { readonly decided: Decided }>(
  settings: Settings,
  look: () => Promise<T>,
): Promise<T> {
  const deadline = monotonicMs() + settings.limits.heartbeatIntervalMs + 2_000;
  for (;;) {
    const answer = await look();
    if (answer.decided.verdict !== 'not yet' || monotonicMs() > deadline) return answer;
    await pause(lookAgainMs);
  }
}

interface Decided {
  readonly verdict: Answer['verdict'];
  readonly outcome: string | null;
  readonly position: Position | null;
  readonly why: readonly Reason[];
  readonly note: string | null;
}

/** Pure. */
function decide(there: SourceRow, here: StoreRow, isOthers: boolean): Decided {
  const nothing = { outcome: null, position: null, why: [], note: null };
  const { last, current, ended } = here;
  const isGone = there.texts === null;
  const saysSo = last !== null && (last.is_delete ? isGone : sameTexts(last.texts, there.texts));
  if (last !== null && saysSo) {
    const position = positionOf(last);
    return here.held === null
      ? { ...nothing, verdict: 'rejected', outcome: 'rejected', position }
      : { ...nothing, verdict: 'held', outcome: 'held', position, why: here.held.why };
  }
  if (current !== null && sameTexts(current.texts, there.texts)) {
    return { ...nothing, verdict: 'delivered', outcome: 'applied', position: positionOf(current) };
  }
  const isNowhere = isGone && current === null && ended === null;
  if (here.letter !== null && (isNowhere || !isGone || current !== null)) {
    return { ...nothing, verdict: 'dead-lettered', outcome: 'dead-lettered', why: [here.letter] };
  }
  if (isGone && current === null) {
    if (ended === null) return { ...nothing, verdict: 'unknown', note: 'Neither side has, or ever had, such a row.' };
    return {
      ...nothing,
      verdict: 'delivered',
      outcome: 'applied',
      position: positionOf(ended),
      note: 'The row was deleted.',
    };
  }
  const isPast = here.through !== null && Number(here.through.lsn) >= there.lsn;
  if (isOthers && current === null && isPast) return { ...nothing, verdict: 'delivered', outcome: 'not ours' };
  if (!isPast) {
    const through = here.through === null ? 'nowhere yet' : `at ${formatLsn(Number(here.through.lsn))}`;
    return {
      ...nothing,
      verdict: 'not yet',
      note: `The store is ${through}; the row is as of ${formatLsn(there.lsn)}.`,
    };
  }
  return {
    ...nothing,
    verdict: 'no trace',
    note: 'The store is past it and holds something else. `concord reconcile` compares the whole, and repairs.',
  };
}

function sameTexts(a: readonly (string | null)[], b: readonly (string | null)[] | null): boolean {
  return b !== null && a.length === b.length && a.every((text, at) => text === b[at]);
}

function positionOf({ generation, lsn, ordinal }: PositionRow): Position {
  return { generation, lsn: Number(lsn), ordinal };
}

function laneOf(settings: Settings, { laneKey }: ReconciledTable, key: string | null): number | null {
  if (laneKey === null) return 0;
  return key === null ? null : partitionOf(Buffer.from(key), settings.kafka.partitions);
}

async function readSource(client: pg.Client, table: ReconciledTable, key: string): Promise<SourceRow> {
  const types = await readColumnTypes(client, table);
  const items = sourceItems('s', types);
  const [only] = table.key;
  const column = table.key.length === 1 && only !== undefined ? itemOf(table, only).column : null;
  // By the column itself where the key has one, so that its index is used.
  const isNumber = column !== null && (types.get(column) ?? '').startsWith('int');
  if (isNumber && !/^\d{1,18}$/.test(key))
    throw new UsageError(`--key ${key} is not a number, as keys of ${table.entity} are.`);
  const condition = column === null ? `${keySql(table, items)} = $1` : `s.${quoteIdentifier(column)} = $1`;
  const laneKey = table.laneKey === null ? 'NULL' : items(itemOf(table, table.laneKey));
  const { rows } = await client.query<{ texts: (string | null)[]; lane_key: string | null }>(
    `SELECT ${textsSql(table, items)} AS texts, ${laneKey} AS lane_key FROM ${quoteTable(table.route)} s WHERE ${condition}`,
    [key],
  );
  const wal = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const [row] = rows;
  return { texts: row?.texts ?? null, laneKey: row?.lane_key ?? null, lsn: parseLsn(wal.rows[0]?.lsn ?? '0/0') };
}

async function readStore(
  client: pg.Client,
  settings: Settings,
  table: ReconciledTable,
  key: string,
  laneKey: string | null,
): Promise<StoreRow> {
  const { entity } = table;
  const source = settings.registration.name;
  const items = storeItems('v');
  // An appointment is found by its MPAN core, which a deleted one can not tell: then all are looked through.
  const isFound = table.laneKey !== null && laneKey !== null;
  const condition = `${isFound ? `v.${table.laneKey ?? ''} = $2 AND ` : '$2::text IS NULL AND '}${keySql(table, items)} = $1`;
  const laneKeySql = table.laneKey === null ? 'NULL' : `v.${table.laneKey}`;
  const of = (name: string, suffix: string, order: string): string =>
    `SELECT v.generation${suffix} AS generation, v.lsn${suffix} AS lsn, v.ordinal${suffix} AS ordinal, ${textsSql(table, items)} AS texts,
       ${laneKeySql} AS lane_key FROM metering.${name} v WHERE ${condition} ${order} LIMIT 1`;
  const values = [key, isFound ? laneKey : null];
  const [current] = (await client.query<never>(of(entity, '', ''), values)).rows as StoreRow['current'][];
  const newest = 'ORDER BY v.generation_to DESC, v.lsn_to DESC, v.ordinal_to DESC';
  const [ended] = (await client.query<never>(of(`${entity}_history`, '_to', newest), values))
    .rows as StoreRow['ended'][];
  const known = laneKey ?? current?.lane_key ?? ended?.lane_key ?? null;
  const event = eventItems('l.event');
  const last = await client.query<never>(
    `SELECT l.generation, l.lsn, l.ordinal, ${textsSql(table, event)} AS texts, l.event ->> 'recordType' = 'delete' AS is_delete
       FROM metering.last_received l WHERE l.source = $1 AND l.entity = $2 AND l.entity_key = $3 AND ($4::text IS NULL OR l.lane_key = $4)
       ORDER BY l.generation DESC, l.lsn DESC, l.ordinal DESC LIMIT 1`,
    [source, entity, key, known],
  );
  const [lastRow] = last.rows as StoreRow['last'][];
  const held = await client.query<{
    details: { code: string; text: string }[] | null;
    rule_codes: string[];
    due: Date | null;
  }>(
    `SELECT details, rule_codes, due FROM metering.held
       WHERE source = $1 AND entity = $2 AND entity_key = $3 AND (generation, lsn, ordinal) = ($4::int, $5::bigint, $6::int)`,
    [source, entity, key, lastRow?.generation ?? null, lastRow?.lsn ?? null, lastRow?.ordinal ?? null],
  );
  const [hold] = held.rows;
  const letters = await client.query<{ code: string; reason: string }>(
    `SELECT code, reason FROM metering.dead_letter l WHERE source = $1 AND topic = ANY ($2) AND key = $3
         AND NOT EXISTS (SELECT FROM metering.redrive r WHERE r.result IS NOT NULL
           AND (r.source, r.topic, r.partition, r."offset") = (l.source, l.topic, l.partition, l."offset"))
       ORDER BY at DESC LIMIT 1`,
    [source, table.topics, Buffer.from(known ?? key)],
  );
  const [letter] = letters.rows;
  const lane = laneOf(settings, table, known);
  const through = await client.query<PositionRow>(
    'SELECT generation, lsn, ordinal FROM metering.applied_position WHERE source = $1 AND lane = $2',
    [source, lane],
  );
  return {
    current: current ?? null,
    ended: ended ?? null,
    last: lastRow ?? null,
    held:
      hold === undefined
        ? null
        : { why: reasonsOf(hold.details, hold.rule_codes), due: hold.due?.toISOString() ?? null },
    letter: letter === undefined ? null : { code: letter.code, text: letter.reason },
    through: through.rows[0] ?? null,
  };
}

/** Is it an appointment of another metering service that reference data knows? */
async function isOthers(
  client: pg.Client,
  settings: Settings,
  table: ReconciledTable,
  there: SourceRow,
): Promise<boolean> {
  if (table.entity !== 'appointment' || there.texts === null) return false;
  const { services, roles } = settings.metering.rules;
  const mpid = there.texts[table.items.findIndex(({ name }) => name === 'mpid')] ?? null;
  if (mpid === null || Object.values(services).flat().includes(mpid)) return false;
  const { rowCount } = await client.query('SELECT FROM metering.participant WHERE mpid = $1 AND role = $2', [
    mpid,
    roles.meteringService,
  ]);
  return (rowCount ?? 0) > 0;
}
