-- Up Migration

-- What both sides were proved equal through, by table: moved only by a run that found nothing unexplained in it.
CREATE TABLE metering.verified_through (
  source text,
  table_name text,
  generation int NOT NULL,
  lsn bigint NOT NULL,
  at timestamptz NOT NULL,
  run_id bigint NOT NULL,
  PRIMARY KEY (source, table_name)
);

-- Every run of reconcile, whatever its end: what it said, or why it could say nothing.
CREATE TABLE metering.reconcile_run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  at timestamptz NOT NULL,
  seconds double precision NOT NULL,
  verdict text NOT NULL,
  snapshot text,
  lsn bigint,
  generation int,
  unexplained bigint,
  document jsonb NOT NULL
);
CREATE INDEX reconcile_run_at ON metering.reconcile_run (source, at);

-- To compare at a point, only versions that ended after it are read of history. They are appended in about this order.
CREATE INDEX metering_point_history_ended ON metering.metering_point_history
  USING brin (xid_to) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX appointment_history_ended ON metering.appointment_history
  USING brin (xid_to) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX participant_history_ended ON metering.participant_history
  USING brin (xid_to) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX distributor_gsp_group_history_ended ON metering.distributor_gsp_group_history
  USING brin (xid_to) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX meter_asset_history_ended ON metering.meter_asset_history
  USING brin (xid_to) WITH (pages_per_range = 32, autosummarize = on);
