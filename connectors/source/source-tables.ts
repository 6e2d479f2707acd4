/** What a source keeps in its own database, in the schema `concord`: one step of the set-up each. */
export interface SourceTable {
  /** `schema.table`, whose absence means that the step is to be done. */
  readonly name: string;
  /** A column of it that older versions did not make: its absence means the same. */
  readonly column?: string;
  readonly what: string;
  readonly sql: string;
}

export const sourceTables: readonly SourceTable[] = [
  {
    name: 'concord.heartbeat',
    what: 'schema concord with the table concord.heartbeat',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.heartbeat (id int PRIMARY KEY, token bigint NOT NULL, at timestamptz NOT NULL);
INSERT INTO concord.heartbeat VALUES (1, 0, now()) ON CONFLICT DO NOTHING`,
  },
  {
    // Who asks inserts a row and notifies; the source takes it. Whoever changes the state to paused, cancelled or
    // queued is obeyed before the next chunk. How far a job is, is truly known by the progress topic only.
    name: 'concord.snapshot_job',
    what: 'tables concord.snapshot_job and concord.snapshot_key',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.snapshot_job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  table_name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('table', 'where', 'keys')),
  predicate text,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'paused', 'cancelled', 'done', 'failed')),
  estimate bigint,
  rows bigint NOT NULL DEFAULT 0,
  deletes bigint NOT NULL DEFAULT 0,
  untold bigint NOT NULL DEFAULT 0,
  problem text,
  requested_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz
);
CREATE TABLE IF NOT EXISTS concord.snapshot_key (
  job bigint NOT NULL REFERENCES concord.snapshot_job ON DELETE CASCADE,
  n bigint NOT NULL,
  key text[] NOT NULL,
  PRIMARY KEY (job, n)
)`,
  },
  {
    // Who wants a table paused or resumed writes a wish and notifies; the source answers in the row. What is parked is
    // truly known by the progress topic only.
    name: 'concord.table_wish',
    what: 'table concord.table_wish',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.table_wish (
  source text NOT NULL,
  table_name text NOT NULL,
  wish text NOT NULL CHECK (wish IN ('pause', 'resume')),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'done', 'refused')),
  answer text,
  asked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, table_name)
)`,
  },
  {
    // A row: the side of the source is paused. Its process looks before it starts, and every second.
    name: 'concord.side_pause',
    what: 'table concord.side_pause',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.side_pause (source text PRIMARY KEY, paused_at timestamptz NOT NULL)`,
  },
  {
    // The shape in which each table was published last, so that what was renamed is known as renamed.
    name: 'concord.table_shape',
    what: 'table concord.table_shape',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.table_shape (
  source text NOT NULL,
  table_name text NOT NULL,
  relation_id bigint NOT NULL,
  columns jsonb NOT NULL,
  PRIMARY KEY (source, table_name)
)`,
  },
  {
    // By which a table that an ALTER TABLE has rewritten is known as rewritten. Older versions kept what is null in it not
    // at all, or in the text of the columns.
    name: 'concord.table_imprint',
    column: 'partitions',
    what: 'table concord.table_imprint',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.table_imprint (
  source text NOT NULL,
  table_name text NOT NULL,
  relation_id bigint NOT NULL,
  files text NOT NULL,
  columns text NOT NULL,
  PRIMARY KEY (source, table_name)
);
ALTER TABLE concord.table_imprint ADD COLUMN IF NOT EXISTS primary_key bigint, ADD COLUMN IF NOT EXISTS membership bigint,
  ADD COLUMN IF NOT EXISTS publication bigint, ADD COLUMN IF NOT EXISTS partitions text[];
UPDATE concord.table_imprint SET columns = split_part(columns, ' ', 1), primary_key = nullif(split_part(columns, ' ', 2), '')::bigint,
  membership = nullif(split_part(columns, ' ', 3), '')::bigint WHERE columns LIKE '% %'`,
  },
  {
    // Says, beside the progress topic, that there was progress: a topic that is lost or set back is noticed by it.
    name: 'concord.source_state',
    what: 'table concord.source_state',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.source_state (
  source text PRIMARY KEY,
  generation int NOT NULL,
  end_lsn pg_lsn NOT NULL,
  at timestamptz NOT NULL
)`,
  },
  {
    // The last resort was taken: as long as the row is there, the source does not stream.
    name: 'concord.slot_given_up',
    what: 'table concord.slot_given_up',
    sql: `CREATE SCHEMA IF NOT EXISTS concord;
CREATE TABLE IF NOT EXISTS concord.slot_given_up (
  source text PRIMARY KEY,
  slot text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  retained_bytes bigint NOT NULL,
  end_lsn pg_lsn NOT NULL
)`,
  },
];
