import { quoteIdentifier } from '../../source/sql.ts';
import { textOf } from '../../source/chunk-query.ts';
import type { CatalogColumn } from '../../source/table-catalog.ts';
import { stampColumns } from './store-table.ts';

/** The SQL with which a lane reads and writes one mirrored table: a handful of statements a batch. */
export interface MirrorStatements {
  /**
   * `$1` …: an array of texts for each column of the key. Answers with the number of the key from 1, generation, LSN,
   * ordinal, unsent columns as JSON, then the columns as texts. The rows are locked: keys that differ as text may be one key.
   */
  readonly load: string;
  /** `$1` … as in `load`, then arrays of what ended each row: into history, and out of the table. */
  readonly end: string;
  readonly copyCurrent: string;
  /** Versions that came and went within one batch. */
  readonly copyHistory: string;
  /** `$1` source, `$2` lane, `$3` … what ended them. */
  readonly truncate: string;
}

export const endingColumns = ['generation_to', 'lsn_to', 'ordinal_to', 'xid_to'] as const;

export interface WrittenTable {
  readonly current: string;
  readonly history: string;
  readonly columns: readonly CatalogColumn[];
  readonly key: readonly string[];
}

export function statementsOf({ current, history, columns, key }: WrittenTable): MirrorStatements {
  const own = columns.map(({ name }) => quoteIdentifier(name));
  const versioned = [...own, ...stampColumns];
  const keys = key.map((name, index) => ({ name: quoteIdentifier(name), type: typeOf(columns, name), n: index + 1 }));
  const arrays = keys.map(({ n }) => `$${n}::text[]`).join(', ');
  const names = keys.map(({ n }) => `k${n}`).join(', ');
  const same = keys.map(({ name, type, n }) => `p.${name} = k.k${n}::${type}`).join(' AND ');
  const endingArrays = endingColumns.map((_, index) => `$${keys.length + index + 1}::bigint[]`).join(', ');
  const past = [...versioned, 'applied_at'];
  const insert = `INSERT INTO ${history} (${[...past, ...endingColumns].join(', ')})`;
  return {
    load: `SELECT k.n::int, p.generation, p.lsn, p.ordinal, to_json(p.unsent)::text, ${columns.map((column) => textOf(column, `p.${quoteIdentifier(column.name)}`)).join(', ')}
      FROM unnest(${arrays}) WITH ORDINALITY AS k(${names}, n) JOIN ${current} p ON ${same} FOR UPDATE OF p`,
    end: `WITH k AS MATERIALIZED (SELECT * FROM unnest(${arrays}, ${endingArrays}) AS k(${names}, ${endingColumns.join(', ')})),
      kept AS (${insert} SELECT ${past.map((name) => `p.${name}`).join(', ')}, ${endingColumns.map((name) => `k.${name}`).join(', ')}
        FROM k JOIN ${current} p ON ${same})
      DELETE FROM ${current} p USING k WHERE ${same}`,
    copyCurrent: `COPY ${current} (${versioned.join(', ')}) FROM STDIN`,
    copyHistory: `COPY ${history} (${[...versioned, ...endingColumns].join(', ')}) FROM STDIN`,
    truncate: `WITH gone AS (DELETE FROM ${current} WHERE source = $1 AND lane = $2 RETURNING *)
      ${insert} SELECT ${past.join(', ')}, ${endingColumns.map((_, index) => `$${index + 3}`).join(', ')} FROM gone`,
  };
}

function typeOf(columns: readonly CatalogColumn[], name: string): string {
  return columns.find((column) => column.name === name)?.type ?? 'text';
}
