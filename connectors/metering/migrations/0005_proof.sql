-- Up Migration

-- The audit of repairs: who sent which rows again, when, because of which run, and which later run says what came of it.
-- state: asked (the source is asked, or about to be), proved, unproved (the later run still finds rows of it), failed.
CREATE TABLE metering.repair (
  repair_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT now(),
  asked_by text NOT NULL,
  database_user text NOT NULL DEFAULT session_user,
  run_id bigint NOT NULL,
  state text NOT NULL DEFAULT 'asked',
  problem text,
  jobs bigint[] NOT NULL DEFAULT '{}',
  ended_at timestamptz,
  proved_by_run_id bigint
);

-- changes: item → {before, after}, as the store had it and as the source had it at the point of the run.
CREATE TABLE metering.repair_row (
  repair_id bigint NOT NULL REFERENCES metering.repair,
  table_name text NOT NULL,
  row_key text NOT NULL,
  cause text NOT NULL,
  action text NOT NULL,
  changes jsonb NOT NULL,
  PRIMARY KEY (repair_id, table_name, row_key)
);

-- scope: full, table for a run over some tables only, since for one that looks at what has changed since an earlier run.
-- base: what a later run since this one must know of both servers; null where there can be none.
ALTER TABLE metering.reconcile_run
  ADD COLUMN scope text NOT NULL DEFAULT 'full',
  ADD COLUMN base jsonb;
