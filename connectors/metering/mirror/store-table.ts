import { createHash } from 'node:crypto';
import { storedName } from '../../../avro/mirror-schema.ts';
import { itemFields, type RecordSchema } from '../../../avro/schemas.ts';
import { quoteIdentifier, quoteLiteral } from '../../source/sql.ts';

/** The tables of mirrored tables are in a schema of their own. */
export const mirrorStoreSchema = 'mirror';

/** Columns beside those of the source: where the version is from. */
export const stampColumns = [
  'source',
  'generation',
  'lsn',
  'ordinal',
  'xid',
  'committed_at',
  'source_time',
  'unsent',
  'lane',
] as const;

const stampTypes = `source text NOT NULL, generation int NOT NULL, lsn bigint NOT NULL, ordinal int NOT NULL, xid bigint NOT NULL,
  committed_at timestamptz NOT NULL, source_time timestamptz NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
  unsent text[], lane int NOT NULL`;

const endingTypes = `generation_to int NOT NULL, lsn_to bigint NOT NULL, ordinal_to int NOT NULL, xid_to bigint NOT NULL,
  superseded_at timestamptz NOT NULL DEFAULT now()`;

export interface StoredColumn {
  readonly item: string;
  readonly name: string;
  /** As SQL. */
  readonly type: string;
  /** What rows have in it that are older than the column, as text; null for NULL. */
  readonly missing: string | null;
}

/** A mirrored table in the store, as its schema on the topic says that it is to be. Names are quoted. */
export interface StoredTable {
  readonly current: string;
  readonly history: string;
  readonly columns: readonly StoredColumn[];
  /** The names of the primary key's columns. */
  readonly key: readonly string[];
}

/** A type of an extension that the store does not have is kept as text. */
export function storedTable(schema: RecordSchema, storeHas: (type: string) => boolean): StoredTable {
  const { postgres } = schema;
  if (postgres === undefined) throw new RangeError(`${schema.name} is not the schema of a mirrored table`);
  const columns = itemFields(schema).map(({ name, postgres: from }) => {
    const type = from?.stored ?? 'text';
    const known = storeHas(type) ? type : type.endsWith('[]') ? 'text[]' : 'text';
    return { item: name, name: storedName(from?.column ?? name), type: known, missing: from?.missing ?? null };
  });
  return {
    current: quotedTable(`${postgres.schema}.${postgres.table}`, ''),
    history: quotedTable(`${postgres.schema}.${postgres.table}`, ' history'),
    columns,
    key: postgres.key.map(storedName),
  };
}

/** The statements that make the table and its history where they are missing. */
export function storedTableSql({ current, history, columns, key }: StoredTable): string {
  const own = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ');
  const keys = key.map(quoteIdentifier).join(', ');
  return `CREATE SCHEMA IF NOT EXISTS ${mirrorStoreSchema};
CREATE TABLE IF NOT EXISTS ${current} (${own}, ${stampTypes}, PRIMARY KEY (${keys}));
CREATE TABLE IF NOT EXISTS ${history} (${own}, ${stampTypes}, ${endingTypes});
CREATE INDEX IF NOT EXISTS ${quoteIdentifier(indexName(history, 'key'))} ON ${history} (${keys});
CREATE INDEX IF NOT EXISTS ${quoteIdentifier(indexName(history, 'end'))} ON ${history} (xid_to);`;
}

/**
 * The statements that add columns which the source has since. Rows that are there get what the source's rows got, and so
 * do those of records from before the column, which name it nowhere: the default stays.
 */
export function addColumnsSql({ current, history }: StoredTable, columns: readonly StoredColumn[]): string {
  const added = columns
    .map(({ name, type, missing }) => {
      const filled = missing === null ? '' : ` DEFAULT ${quoteLiteral(missing)}::${type}`;
      return `ADD COLUMN IF NOT EXISTS ${quoteIdentifier(name)} ${type}${filled}`;
    })
    .join(', ');
  return `ALTER TABLE ${current} ${added}; ALTER TABLE ${history} ${added};`;
}

const nameBytesMax = 63;

/** Two names of 63 bytes do not fit into one: a digest tells apart what is cut off. */
function quotedTable(name: string, suffix: string): string {
  const room = nameBytesMax - ' history'.length;
  const fitting = Buffer.byteLength(name) <= room ? name : `${cut(name, room - 9)}~${digest(name)}`;
  return `${mirrorStoreSchema}.${quoteIdentifier(`${fitting}${suffix}`)}`;
}

function indexName(table: string, what: string): string {
  return `mirror_${digest(table)}_${what}`;
}

function cut(text: string, bytesMax: number): string {
  let fitting = '';
  for (const character of text) {
    if (Buffer.byteLength(fitting + character) > bytesMax) break;
    fitting += character;
  }
  return fitting;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
