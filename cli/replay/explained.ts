import type pg from 'pg';
import { comparePositions, formatLsn, type Position } from '../../avro/position.ts';
import { entityTables } from '../../connectors/metering/entities.ts';
import { partitionOf } from '../../topics/partitioner.ts';
import { quoteIdentifier } from '../../connectors/source/sql.ts';
import type { ComparedTable } from './compared-tables.ts';

/** What is no longer there, so that two stores may differ although both are right. */
export interface NoLongerThere {
  /** Lane → the first event that the topics still have of it, where something before it has expired. */
  readonly firstOfLane: ReadonlyMap<number, Position>;
  /** `topic/partition` → its first offset. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly partitions: number;
  /** Entity → from when on the live store keeps its history, as PostgreSQL writes it. */
  readonly historyFrom: ReadonlyMap<string, string>;
}

/** From when on the live store keeps history, where `concord retention` has removed some. */
export async function historyKeptFrom(live: pg.Client): Promise<ReadonlyMap<string, string>> {
  const { rows } = await live.query<{ entity: string; since: string }>(
    'SELECT entity, since::text FROM metering.history_kept_from',
  );
  return new Map(rows.map(({ entity, since }) => [entity, since]));
}

/** Does it explain anything of the table? Then every key that differs is looked at. */
export function mayExplain({ firstOfLane, historyFrom }: NoLongerThere, table: ComparedTable): boolean {
  return table.mirror === null && (firstOfLane.size > 0 || historyFrom.has(historyOf(table)));
}

/** Key → what is no longer there that explains why the stores differ in it; other keys are not in it. */
export async function explainedKeys(
  live: pg.Client,
  second: pg.Client,
  table: ComparedTable,
  source: string,
  keys: readonly string[],
  gone: NoLongerThere,
  isByRule: (key: string) => boolean,
): Promise<ReadonlyMap<string, string>> {
  if (!mayExplain(gone, table)) return new Map();
  const expiredOnes = await expired(live, second, table, keys, gone, isByRule);
  return new Map([...expiredOnes, ...(await removedByRetention(live, second, table, source, keys, gone))]);
}

function historyOf({ name, entity }: ComparedTable): string {
  return entity !== null && name === `${entity}_history` ? entity : '';
}

/** Versions that only the second store has, and that were over when the history begins that the live one keeps. */
async function removedByRetention(
  live: pg.Client,
  second: pg.Client,
  table: ComparedTable,
  source: string,
  keys: readonly string[],
  { historyFrom }: NoLongerThere,
): Promise<ReadonlyMap<string, string>> {
  const since = historyFrom.get(historyOf(table));
  if (since === undefined) return new Map();
  const key = keyText(table);
  const rowsOf = `SELECT ${key} AS key FROM metering.${table.name} WHERE source = $1 AND ${key} = ANY ($2)`;
  const there = await live.query<{ key: string }>(rowsOf, [source, keys]);
  const inLive = new Set(there.rows.map((row) => row.key));
  const over = await second.query<{ key: string }>(`${rowsOf} AND ended_at <= $3::timestamptz`, [source, keys, since]);
  const why = `removed from the live store by \`concord retention\`, which keeps history from ${since.slice(0, 19)}`;
  return new Map(over.rows.filter((row) => !inLive.has(row.key)).map((row) => [row.key, why]));
}

/**
 * Keys of which the live store has had events that the topics no longer have. Where it has removed history, it can not tell of
 * every key: then so is what the second store refuses otherwise in such a lane, for it lacks what was before.
 */
async function expired(
  live: pg.Client,
  second: pg.Client,
  table: ComparedTable,
  keys: readonly string[],
  gone: NoLongerThere,
  isByRule: (key: string) => boolean,
): Promise<ReadonlyMap<string, string>> {
  if (gone.firstOfLane.size === 0) return new Map();
  if (table.name === 'dead_letter') return new Map(keys.flatMap((key) => expiredLetter(key, gone)));
  const laneKeys = await laneKeysOf(live, second, table, keys);
  const begins = await firstPositions(live, [...new Set(laneKeys.values())]);
  const found = new Map<string, string>();
  for (const [key, laneKey] of laneKeys) {
    const first = gone.firstOfLane.get(partitionOf(Buffer.from(laneKey), gone.partitions));
    const begin = begins.get(laneKey);
    const isTold = begin !== undefined && first !== undefined && comparePositions(begin, first) < 0;
    if (first === undefined || !(isTold || (gone.historyFrom.size > 0 && isByRule(key)))) continue;
    found.set(key, `what came before ${formatLsn(first.lsn)} has expired from its topics`);
  }
  return found;
}

function expiredLetter(key: string, { offsets }: NoLongerThere): readonly (readonly [string, string])[] {
  const [topic = '', partition = '', offset = ''] = key.split('|');
  const earliest = offsets.get(`${topic}/${partition}`) ?? 0;
  return Number(offset) < earliest ? [[key, `what came before offset ${earliest} has expired from its topic`]] : [];
}

/** Key → the key of its records: an MPAN core or a device id. Reference data has none, and never expires. */
async function laneKeysOf(
  live: pg.Client,
  second: pg.Client,
  { entity, key: columns }: ComparedTable,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (entity !== null) {
    const laneKey = Object.values(entityTables).find((one) => one.entity === entity)?.laneKey ?? null;
    const at = laneKey === null ? -1 : columns.indexOf(laneKey);
    return new Map(at < 0 ? [] : keys.map((key) => [key, key.split('|')[at] ?? '']));
  }
  const names = [...new Set(keys.map(identityOf))];
  const found = new Map<string, string>();
  for (const client of [live, second]) {
    const { rows } = await client.query<{ name: string; lane_key: string }>(
      `SELECT entity || '|' || entity_key AS name, lane_key FROM (
         SELECT entity, entity_key, lane_key FROM metering.rejection
         UNION SELECT entity, entity_key, lane_key FROM metering.held
         UNION SELECT entity, entity_key, lane_key FROM metering.last_received) t
       WHERE entity || '|' || entity_key = ANY ($1)`,
      [names],
    );
    for (const row of rows) found.set(row.name, row.lane_key);
  }
  return new Map(
    keys.flatMap((key): [string, string][] => {
      const laneKey = found.get(identityOf(key));
      return laneKey === undefined ? [] : [[key, laneKey]];
    }),
  );
}

function identityOf(key: string): string {
  return key.split('|').slice(0, 2).join('|');
}

/** The first position that the live store has of anything of the lane keys. */
async function firstPositions(live: pg.Client, laneKeys: readonly string[]): Promise<ReadonlyMap<string, Position>> {
  const parts = Object.values(entityTables).flatMap(({ entity, laneKey }) =>
    laneKey === null ? [] : [entity, `${entity}_history`].map((table) => [table, laneKey] as const),
  );
  const others = ['rejection', 'held', 'last_received'].map((table) => [table, 'lane_key'] as const);
  const { rows } = await live.query<{ key: string; generation: number; lsn: string }>(
    `SELECT DISTINCT ON (key) key, generation, lsn FROM (
       ${[...parts, ...others].map(([table, column]) => `SELECT ${column} AS key, generation, lsn FROM metering.${table} WHERE ${column} = ANY ($1)`).join(' UNION ALL ')}
     ) t ORDER BY key, generation, lsn`,
    [laneKeys],
  );
  return new Map(rows.map(({ key, generation, lsn }) => [key, { generation, lsn: Number(lsn), ordinal: 0 }]));
}

/** What names a row of a table, in SQL: the same as the comparison says. */
export function keyText({ key }: ComparedTable): string {
  return `concat_ws('|', ${key.map((name) => `coalesce(${quoteIdentifier(name)}::text, '')`).join(', ')})`;
}
