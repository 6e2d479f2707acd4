import { decidedColumns, endingColumns, stampColumns } from './copy-text.ts';
import type { EntityTable } from './entities.ts';

/** The SQL of one replicated table: what a batch says of it, in a handful of statements. */
export interface TableStatements {
  /** Temporary tables of a connection; empty again after every transaction. */
  readonly createTemporary: readonly string[];
  readonly clearTemporary: string;
  /** Rows that are new: into the table itself. */
  readonly copyNew: string;
  /** Rows that take the place of a stored one, with what ended that. */
  readonly copyChanged: string;
  /** Keys that go, with what ended them. */
  readonly copyGone: string;
  /** Versions that came and went in one batch: into history itself. */
  readonly copyPast: string;
  readonly endChanged: string;
  readonly update: string;
  readonly endGone: string;
  readonly remove: string;
  /** The same for a few rows, which are `$1`, a JSON array of objects with the columns as text: in one statement. */
  readonly changeFew: string;
  readonly removeFew: string;
  readonly changedColumns: readonly string[];
  readonly goneColumns: readonly string[];
  /** State of `$1`, an array of lane keys: items, position, ctid (but of reference data), and of a metering point its timeline. */
  readonly select: string;
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
  // Reference data may have a null in its key, which must be found again.
  const equals = table.laneKey === null ? 'IS NOT DISTINCT FROM' : '=';
  const sameKey = key.map((name) => `p.${name} ${equals} t.${name}`).join(' AND ');
  // Found where it was read: no index is asked again. Whoever wrote the row since has moved it, and whatever lies there now
  // has another key.
  const isPlaced = table.laneKey !== null;
  const on = isPlaced ? `p.ctid = t.place AND ${sameKey}` : sameKey;
  const placeTypes = isPlaced ? 'place tid, ' : '';
  const placeColumns = isPlaced ? ['place'] : [];
  const changedTypes = `${placeTypes}${itemTypes.join(', ')}, ${stampTypes}, ${decidedTypes}, ${timeline.length === 0 ? '' : 'timeline text, '}${endingTypes}`;
  const goneTypes = `${placeTypes}${keyTypes.join(', ')}, ${endingTypes}`;
  const few = (types: string): string =>
    `WITH few AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS t(${types})), ended AS (`;
  const change = (from: string): string =>
    `UPDATE ${target} p SET ${own
      .filter((name) => !key.includes(name))
      .map((name) => `${name} = t.${name}`)
      .join(', ')}, applied_at = now()
     FROM ${from} t WHERE ${on}`;
  const remove = (from: string): string => `DELETE FROM ${target} p USING ${from} t WHERE ${on}`;
  const end = (from: string): string =>
    `INSERT INTO ${history} (${[...versioned, 'applied_at', ...endingColumns].join(', ')})
     SELECT ${[...versioned, 'applied_at'].map((name) => `p.${name}`).join(', ')}, ${endingColumns.map((name) => `t.${name}`).join(', ')}
     FROM ${from} t JOIN ${target} p ON ${on}`;
  const changedColumns = [...placeColumns, ...own, ...endingColumns];
  const goneColumns = [...placeColumns, ...items.filter((name) => key.includes(name)), ...endingColumns];
  return {
    createTemporary: [
      `CREATE TEMPORARY TABLE IF NOT EXISTS ${changed} (${changedTypes}) ON COMMIT DELETE ROWS`,
      `CREATE TEMPORARY TABLE IF NOT EXISTS ${gone} (${goneTypes}) ON COMMIT DELETE ROWS`,
    ],
    clearTemporary: `TRUNCATE ${changed}, ${gone}`,
    copyNew: `COPY ${target} (${own.join(', ')}) FROM STDIN`,
    copyChanged: `COPY ${changed} (${changedColumns.join(', ')}) FROM STDIN`,
    copyGone: `COPY ${gone} (${goneColumns.join(', ')}) FROM STDIN`,
    copyPast: `COPY ${history} (${[...versioned, ...endingColumns].join(', ')}) FROM STDIN`,
    endChanged: end(changed),
    update: change(changed),
    endGone: end(gone),
    remove: remove(gone),
    changeFew: `${few(changedTypes)}${end('few')}) ${change('few')}`,
    removeFew: `${few(goneTypes)}${end('few')}) ${remove('few')}`,
    changedColumns,
    goneColumns,
    select: `SELECT ${table.items.map(([name, kind]) => selected(name, kind)).join(', ')}, generation, lsn, ordinal${isPlaced ? `, ${target}.ctid` : ''}${timeline.length === 0 ? '' : ', timeline'}
     FROM ${target}${table.laneKey === null ? '' : ` WHERE ${table.laneKey} = ANY($1)`}`,
  };
}
