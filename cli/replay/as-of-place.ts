import type pg from 'pg';
import type { Position } from '../../avro/position.ts';
import { entityTables } from '../../connectors/metering/entities.ts';
import { quoteIdentifier } from '../../connectors/source/sql.ts';
import type { ComparedTable } from './compared-tables.ts';

/** A place in the source's history at which the live store is looked at, as its versions tell it. */
export interface Place {
  readonly position: Position;
  /** The newest source time up to there, as PostgreSQL writes it. */
  readonly sourceTime: string;
}

/** A table of which the live store does not keep how it was. */
export interface NotCompared {
  readonly table: string;
  readonly why: string;
}

/**
 * The newest source time that the second store, which has been brought to the place, knows. What a hold let go in the live
 * store ends the version before it at the event's own position, and later in time: the two together tell that it was after.
 */
export async function newestSourceTime(second: pg.Client): Promise<string> {
  const times = Object.values(entityTables).flatMap(({ entity }) => [
    `SELECT max(source_time) AS at FROM metering.${entity}`,
    `SELECT greatest(max(source_time), max(ended_at)) FROM metering.${entity}_history`,
  ]);
  const { rows } = await second.query<{ at: string }>(
    `SELECT coalesce(max(at), 'epoch')::text AS at FROM (SELECT max(source_time) AS at FROM metering.applied_position
       UNION ALL ${times.join(' UNION ALL ')}) t`,
  );
  return rows[0]?.at ?? 'epoch';
}

/** What of the live store can be told of the place. */
export function comparableAt(
  wanted: readonly ComparedTable[],
  place: Place,
  historyFrom: ReadonlyMap<string, string>,
): { readonly tables: readonly ComparedTable[]; readonly notCompared: readonly NotCompared[] } {
  const tables: ComparedTable[] = [];
  const notCompared: NotCompared[] = [];
  for (const table of wanted) {
    const since = table.entity === null ? undefined : historyFrom.get(table.entity);
    if (table.entity === null && table.mirror === null) {
      notCompared.push({ table: table.name, why: 'the live store keeps only how it is now' });
    } else if (since !== undefined && Date.parse(since) > Date.parse(place.sourceTime)) {
      notCompared.push({ table: table.name, why: `the live store keeps its history from ${since.slice(0, 19)} only` });
    } else tables.push(table);
  }
  return { tables, notCompared };
}

/** The rows of a table of an entity as they were at the place: to be put in the place of the table's name. */
export function rowsAt(table: ComparedTable, columns: readonly string[], place: Place): string {
  const { position, sourceTime } = place;
  const { generation, lsn, ordinal } = position;
  if (table.mirror !== null) return mirroredRowsAt(table, table.mirror, columns, position);
  const entity = table.entity ?? '';
  const list = [...new Set([...columns, 'source'])].map((name) => `"${name}"`).join(', ');
  const here = `(${generation}, ${lsn}, ${ordinal})`;
  const begun = `(coalesce(decided_generation, generation), coalesce(decided_lsn, lsn), coalesce(decided_ordinal, ordinal)) <= ${here}`;
  const over = `(generation_to, lsn_to, ordinal_to) <= ${here} AND coalesce(ended_at <= '${sourceTime}', true)`;
  if (table.name !== entity) return `(SELECT ${list} FROM metering.${entity}_history WHERE ${begun} AND ${over}) t`;
  return `(SELECT ${list} FROM metering.${entity} WHERE ${begun}
    UNION ALL SELECT ${list} FROM metering.${entity}_history WHERE ${begun} AND NOT (${over})) t`;
}

/** Nothing is held back from a mirrored table: a version is from where it was told to where the next one was. */
function mirroredRowsAt(
  { relation }: ComparedTable,
  { current, history }: NonNullable<ComparedTable['mirror']>,
  columns: readonly string[],
  { generation, lsn, ordinal }: Position,
): string {
  const list = [...new Set([...columns, 'source'])].map(quoteIdentifier).join(', ');
  const here = `(${generation}, ${lsn}, ${ordinal})`;
  const begun = `(generation, lsn, ordinal) <= ${here}`;
  const over = `(generation_to, lsn_to, ordinal_to) <= ${here}`;
  if (relation === history) return `(SELECT ${list} FROM ${history} WHERE ${begun} AND ${over}) t`;
  return `(SELECT ${list} FROM ${current} WHERE ${begun}
    UNION ALL SELECT ${list} FROM ${history} WHERE ${begun} AND NOT (${over})) t`;
}
