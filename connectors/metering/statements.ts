import { decidedColumns, endingColumns, stampColumns } from './copy-text.ts';
import type { EntityTable } from './entities.ts';

/** The SQL of one replicated table: what a batch says of it, in a handful of statements. */
export interface TableStatements {
  /** Temporary tables of a connection; empty again after every transaction. */
  readonly createTemporary: readonly string[];
  readonly clearTemporary: string;
  /** Rows that are new: into the table itself. Of reference data as text, else in binary. */
  readonly copyNew: string;
  /** Keys that go, with what ended them. */
  readonly copyGone: string;
  /** Versions that came and went in one batch: into history itself. */
  readonly copyPast: string;
  readonly endGone: string;
  readonly remove: string;
  /**
   * The same for a few rows, which are `$1`, a JSON array of objects with the columns as text: in one statement, which fails
   * unless it meets `$2` rows (`rowsMet` tells how many it met), so that what comes after it need not wait for its answer.
   */
  readonly changeFew: string;
  readonly removeFew: string;
  readonly changedColumns: readonly string[];
  readonly goneColumns: readonly string[];
  /** State of `$1`, an array of lane keys: items, position, ctid (but of reference data), and of a metering point its timeline. */
  readonly select: string;
}

/** What a batch says of its changed rows: all else of them stays as it is in the store. */
export interface ChangeShape {
  /** The items in which any of them differs from the stored row, and not of the key. */
  readonly items: EntityTable['items'];
  readonly timeline: boolean;
  /** A decision let any of them go later than its own position. */
  readonly decided: boolean;
  /** Any of them ended a version at another position than its own. */
  readonly ending: boolean;
}

/** A batch of changed rows, of one shape: through the temporary table into history, then into the table. */
export interface ChangeStatements {
  /** In binary: place, stamp, key, items, decision, timeline, ending, each as far as the shape has it. */
  readonly copy: string;
  readonly end: string;
  readonly update: string;
}

export function changeStatements(table: EntityTable, shape: ChangeShape): ChangeStatements {
  const { entity, key } = table;
  const changed = `concord_${entity}_changed`;
  const items = shape.items.map(([name]) => name);
  const timeline = shape.timeline ? ['timeline'] : [];
  const decided = shape.decided ? decidedColumns : [];
  const sent = [...stampColumns, ...items, ...decided, ...timeline];
  const columns = [
    ...(table.laneKey === null ? [] : ['place']),
    ...stampColumns,
    ...key,
    ...items,
    ...decided,
    ...timeline,
    ...(shape.ending ? endingColumns : []),
  ];
  const none = shape.decided ? [] : decidedColumns.map((name) => `${name} = NULL`);
  const set = [...sent.map((name) => `${name} = t.${name}`), ...none, 'applied_at = now()'];
  return {
    copy: `COPY ${changed} (${columns.join(', ')}) FROM STDIN BINARY`,
    end: endVersions(table, changed, shape.ending ? endingColumns : ownPosition),
    update: `UPDATE metering.${entity} p SET ${set.join(', ')} FROM ${changed} t WHERE ${sameRow(table)}`,
  };
}

/** What says the same as the ending where a row ended the one before it at its own position. */
const ownPosition = ['generation', 'lsn', 'ordinal', 'xid', 'source_time'];

/** Copies the stored rows into history, with what ended them from the columns of `from`. */
function endVersions(table: EntityTable, from: string, ending: readonly string[]): string {
  const target = `metering.${table.entity}`;
  const versioned = [...table.items.map(([name]) => name), ...stampColumns, ...decidedColumns, 'applied_at'];
  return `INSERT INTO ${target}_history (${[...versioned, ...endingColumns].join(', ')})
     SELECT ${versioned.map((name) => `p.${name}`).join(', ')}, ${ending.map((name) => `t.${name}`).join(', ')}
     FROM ${from} t JOIN ${target} p ON ${sameRow(table)}`;
}

/**
 * A row is found where it was read: no index is asked again. Whoever wrote the row since has moved it, and whatever lies there
 * now has another key.
 */
function sameRow({ key, laneKey }: EntityTable): string {
  // Reference data may have a null in its key, which must be found again.
  const equals = laneKey === null ? 'IS NOT DISTINCT FROM' : '=';
  const sameKey = key.map((name) => `p.${name} ${equals} t.${name}`).join(' AND ');
  return laneKey === null ? sameKey : `p.ctid = t.place AND ${sameKey}`;
}

/** PostgreSQL has no statement that fails: what is no number is refused, and told as it stands. */
const demandMet = `SELECT CASE WHEN count(*) = $2::int THEN 0 ELSE ('met ' || count(*))::int END FROM met`;

/** Of the failure of a statement that did not meet all its rows; null for any other one. */
export function rowsMet(cause: unknown): number | null {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  if (code !== '22P02' || typeof message !== 'string') return null;
  const met = /"met (\d+)"/.exec(message)?.[1];
  return met === undefined ? null : Number(met);
}

const columnTypes: Readonly<Record<string, string>> = {
  text: 'text',
  date: 'date',
  boolean: 'boolean',
  millionths: 'numeric(12, 6)',
  integer: 'bigint',
};

function selected(name: string, kind: string): string {
  switch (kind) {
    case 'date':
      return `${name} - date '1970-01-01'`;
    case 'millionths':
      return `(${name} * 1000000)::bigint`;
    default:
      return name;
  }
}

export function statementsOf(table: EntityTable): TableStatements {
  const { entity, key } = table;
  const items = table.items.map(([name]) => name);
  const target = `metering.${entity}`;
  const history = `metering.${entity}_history`;
  const changed = `concord_${entity}_changed`;
  const gone = `concord_${entity}_gone`;
  const timeline = entity === 'metering_point' ? ['timeline'] : [];
  const own = [...items, ...stampColumns, ...decidedColumns, ...timeline];
  const versioned = [...items, ...stampColumns, ...decidedColumns];
  const itemTypes = table.items.map(([name, kind]) => `${name} ${columnTypes[kind] ?? 'text'}`);
  const keyTypes = itemTypes.filter((_, index) => key.includes(items[index] ?? ''));
  const stampTypes =
    'source text, generation int, lsn bigint, ordinal int, xid bigint, committed_at timestamptz, source_time timestamptz';
  const decidedTypes = 'decided_generation int, decided_lsn bigint, decided_ordinal int, decided_at timestamptz';
  const endingTypes = 'generation_to int, lsn_to bigint, ordinal_to int, xid_to bigint, ended_at timestamptz';
  const isPlaced = table.laneKey !== null;
  const on = sameRow(table);
  const placeTypes = isPlaced ? 'place tid, ' : '';
  const placeColumns = isPlaced ? ['place'] : [];
  const changedTypes = `${placeTypes}${itemTypes.join(', ')}, ${stampTypes}, ${decidedTypes}, ${timeline.length === 0 ? '' : 'timeline text, '}${endingTypes}`;
  const goneTypes = `${placeTypes}${keyTypes.join(', ')}, ${endingTypes}`;
  const few = (types: string): string =>
    `WITH few AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS t(${types})), ended AS (`;
  const change = `UPDATE ${target} p SET ${own
    .filter((name) => !key.includes(name))
    .map((name) => `${name} = t.${name}`)
    .join(', ')}, applied_at = now()
     FROM few t WHERE ${on}`;
  const remove = (from: string): string => `DELETE FROM ${target} p USING ${from} t WHERE ${on}`;
  const end = (from: string): string => endVersions(table, from, endingColumns);
  const changedColumns = [...placeColumns, ...own, ...endingColumns];
  const goneColumns = [...placeColumns, ...key, ...endingColumns];
  return {
    createTemporary: [
      `CREATE TEMPORARY TABLE IF NOT EXISTS ${changed} (${placeTypes}${stampTypes}, ${itemTypes.join(', ')}, ${decidedTypes}, timeline text, ${endingTypes}) ON COMMIT DELETE ROWS`,
      `CREATE TEMPORARY TABLE IF NOT EXISTS ${gone} (${goneTypes}) ON COMMIT DELETE ROWS`,
    ],
    clearTemporary: `TRUNCATE ${changed}, ${gone}`,
    copyNew: `COPY ${target} (${own.join(', ')}) FROM STDIN${isPlaced ? ' BINARY' : ''}`,
    copyGone: `COPY ${gone} (${goneColumns.join(', ')}) FROM STDIN`,
    copyPast: `COPY ${history} (${[...versioned, ...endingColumns].join(', ')}) FROM STDIN`,
    endGone: end(gone),
    remove: remove(gone),
    changeFew: `${few(changedTypes)}${end('few')}), met AS (${change} RETURNING 1) ${demandMet}`,
    removeFew: `${few(goneTypes)}${end('few')}), met AS (${remove('few')} RETURNING 1) ${demandMet}`,
    changedColumns,
    goneColumns,
    select: `SELECT ${table.items.map(([name, kind]) => selected(name, kind)).join(', ')}, generation, lsn, ordinal${isPlaced ? `, ${target}.ctid` : ''}${timeline.length === 0 ? '' : ', timeline'}
     FROM ${target}${table.laneKey === null ? '' : ` WHERE ${table.laneKey} = ANY($1)`}`,
  };
}
