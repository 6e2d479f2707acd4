-- Up Migration

CREATE SCHEMA IF NOT EXISTS metering;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- A version is what one event said. decided_* tell when a hold let it go, where that was later than its own position;
-- ended_at is the source time of what ended it.
CREATE TABLE metering.metering_point (
  mpan_core text,
  gsp_group text,
  distributor_mpid text,
  supplier_mpid text,
  supplier_efd date,
  market_segment text,
  data_service_mpid text,
  data_service_efd date,
  measurement_quantity text,
  domestic boolean,
  load_shape_category text,
  connection_type text,
  metering_service_mpid text,
  metering_service_efd date,
  line_loss_factor numeric(12, 6),
  line_loss_factor_class text,
  opt_out boolean,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  timeline text,
  PRIMARY KEY (mpan_core)
) WITH (fillfactor = 80);

CREATE TABLE metering.metering_point_history (
  mpan_core text,
  gsp_group text,
  distributor_mpid text,
  supplier_mpid text,
  supplier_efd date,
  market_segment text,
  data_service_mpid text,
  data_service_efd date,
  measurement_quantity text,
  domestic boolean,
  load_shape_category text,
  connection_type text,
  metering_service_mpid text,
  metering_service_efd date,
  line_loss_factor numeric(12, 6),
  line_loss_factor_class text,
  opt_out boolean,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  generation_to int,
  lsn_to bigint,
  ordinal_to int,
  xid_to bigint,
  superseded_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX metering_point_history_key ON metering.metering_point_history (mpan_core);

CREATE TABLE metering.appointment (
  appointment_id bigint,
  mpan_core text,
  service_type text,
  mpid text,
  metering_service_efd date,
  metering_service_etd date,
  reason text,
  supplier_mpid text,
  supplier_efd date,
  supplier_etd date,
  meter_id text,
  contract_reference text,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  PRIMARY KEY (mpan_core, appointment_id)
) WITH (fillfactor = 80);

CREATE TABLE metering.appointment_history (
  appointment_id bigint,
  mpan_core text,
  service_type text,
  mpid text,
  metering_service_efd date,
  metering_service_etd date,
  reason text,
  supplier_mpid text,
  supplier_efd date,
  supplier_etd date,
  meter_id text,
  contract_reference text,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  generation_to int,
  lsn_to bigint,
  ordinal_to int,
  xid_to bigint,
  superseded_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX appointment_history_key ON metering.appointment_history (mpan_core, appointment_id);

CREATE TABLE metering.participant (
  mpid text,
  role text,
  name text,
  effective_from date,
  effective_to date,
  reference_version int,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  UNIQUE NULLS NOT DISTINCT (mpid, role, effective_from)
) WITH (fillfactor = 80);

CREATE TABLE metering.participant_history (
  mpid text,
  role text,
  name text,
  effective_from date,
  effective_to date,
  reference_version int,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  generation_to int,
  lsn_to bigint,
  ordinal_to int,
  xid_to bigint,
  superseded_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX participant_history_key ON metering.participant_history (mpid);

CREATE TABLE metering.distributor_gsp_group (
  prefix text,
  distributor_mpid text,
  gsp_group text,
  effective_from date,
  effective_to date,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  UNIQUE NULLS NOT DISTINCT (prefix, gsp_group, effective_from)
) WITH (fillfactor = 80);

CREATE TABLE metering.distributor_gsp_group_history (
  prefix text,
  distributor_mpid text,
  gsp_group text,
  effective_from date,
  effective_to date,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  generation_to int,
  lsn_to bigint,
  ordinal_to int,
  xid_to bigint,
  superseded_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX distributor_gsp_group_history_key ON metering.distributor_gsp_group_history (prefix);

CREATE TABLE metering.meter_asset (
  device_id text,
  mpan_core text,
  serial_number text,
  device_type text,
  manufacturer text,
  model text,
  status text,
  installed_on date,
  removed_on date,
  removal_reason text,
  firmware_version text,
  firmware_status text,
  csp_region text,
  postcode text,
  uprn text,
  dcc_compliant boolean,
  dcc_approved boolean,
  map_mpid text,
  map_efd date,
  map_etd date,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  PRIMARY KEY (device_id)
) WITH (fillfactor = 80);

CREATE TABLE metering.meter_asset_history (
  device_id text,
  mpan_core text,
  serial_number text,
  device_type text,
  manufacturer text,
  model text,
  status text,
  installed_on date,
  removed_on date,
  removal_reason text,
  firmware_version text,
  firmware_status text,
  csp_region text,
  postcode text,
  uprn text,
  dcc_compliant boolean,
  dcc_approved boolean,
  map_mpid text,
  map_efd date,
  map_etd date,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  xid bigint,
  committed_at timestamptz,
  source_time timestamptz,
  applied_at timestamptz DEFAULT now(),
  generation_to int,
  lsn_to bigint,
  ordinal_to int,
  xid_to bigint,
  superseded_at timestamptz DEFAULT now(),
  decided_generation int,
  decided_lsn bigint,
  decided_ordinal int,
  decided_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX meter_asset_history_key ON metering.meter_asset_history (device_id);

-- One metering service per day and MPAN. Deferred: a new appointment may be written before the old one is shortened.
-- The MPAN goes in as a number: as text it makes the index four times as slow.
ALTER TABLE metering.appointment
  ADD CONSTRAINT appointment_one_a_day EXCLUDE USING gist (
    (CASE WHEN length(mpan_core) BETWEEN 1 AND 18 AND translate(mpan_core, '0123456789', '') = ''
      THEN mpan_core::bigint END) WITH =,
    daterange(
      metering_service_efd,
      CASE WHEN metering_service_etd < metering_service_efd THEN metering_service_efd ELSE metering_service_etd END,
      '[]'
    ) WITH &&
  ) DEFERRABLE INITIALLY DEFERRED;

-- The outbox of Flow 3. lane_key is the key of the event's record: what is open is found by it.
CREATE TABLE metering.rejection (
  rejection_id uuid PRIMARY KEY,
  mpan_core text,
  record_type text,
  flow int,
  entity text,
  entity_key text,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  revision int,
  rule_codes text[],
  details jsonb,
  reference_version int,
  receiver text,
  status text,
  raised_at timestamptz,
  resolved_by_generation int,
  resolved_by_lsn bigint,
  resolved_at timestamptz,
  acknowledged_by text,
  note text,
  topic text,
  lane_key text
);
CREATE INDEX rejection_open ON metering.rejection (lane_key) WHERE status = 'open';

-- What waits. The event itself is kept, because it is judged again.
CREATE TABLE metering.held (
  mpan_core text,
  entity text,
  entity_key text,
  source text,
  generation int,
  lsn bigint,
  ordinal int,
  rule_codes text[],
  held_since timestamptz,
  due timestamptz,
  held_id uuid PRIMARY KEY,
  lane int,
  lane_key text,
  topic text,
  details jsonb,
  event jsonb
);
CREATE INDEX held_lane_key ON metering.held (lane_key);
CREATE INDEX held_due ON metering.held (lane, due);

-- The last received content of a key, where it is not the accepted one: without a row here a key has no open
-- rejection and no held event.
CREATE TABLE metering.last_received (
  lane_key text NOT NULL,
  entity text NOT NULL,
  entity_key text NOT NULL,
  source text NOT NULL,
  lane int NOT NULL,
  topic text NOT NULL,
  generation int NOT NULL,
  lsn bigint NOT NULL,
  ordinal int NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (lane_key, entity, entity_key)
);
