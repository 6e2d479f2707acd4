-- The registration database, as the embedded stack makes it. A real one exists already and is mapped by configuration.
--
-- It has no checks and no foreign keys on purpose: finding bad data is the metering side's job, and a test or a
-- person must be able to write any of it. The order of the columns is part of the contract: people insert by position.

CREATE SCHEMA IF NOT EXISTS registration;

CREATE TABLE IF NOT EXISTS registration.metering_point (
  mpan_core             text PRIMARY KEY,
  gsp_group             text,
  distributor_mpid      text,
  supplier_mpid         text,
  supplier_efd          date,
  market_segment        text,
  data_service_mpid     text,
  data_service_efd      date,
  measurement_quantity  text,
  domestic              boolean,
  load_shape_category   text,
  connection_type       text,
  metering_service_mpid text,
  metering_service_efd  date,
  line_loss_factor      numeric,
  line_loss_factor_class text,
  opt_out               boolean
);

CREATE TABLE IF NOT EXISTS registration.appointment (
  appointment_id       bigint PRIMARY KEY,
  mpan_core            text,
  service_type         text,
  mpid                 text,
  metering_service_efd date,
  metering_service_etd date,
  reason               text,
  supplier_mpid        text,
  supplier_efd         date,
  supplier_etd         date,
  meter_id             text,
  contract_reference   text
);

-- A delete must say the MPAN and the service type: they decide key, partition and topic.
-- Only where it is not so yet: the statement waits for every transaction that uses the table.
DO $$
BEGIN
  IF (SELECT relreplident FROM pg_class WHERE oid = 'registration.appointment'::regclass) <> 'f' THEN
    ALTER TABLE registration.appointment REPLICA IDENTITY FULL;
  END IF;
END
$$;

CREATE TABLE IF NOT EXISTS registration.participant (
  mpid              text,
  role              text,
  name              text,
  effective_from    date,
  effective_to      date,
  reference_version int,
  PRIMARY KEY (mpid, role, effective_from)
);

CREATE TABLE IF NOT EXISTS registration.distributor_gsp_group (
  prefix           text,
  distributor_mpid text,
  gsp_group        text,
  effective_from   date,
  effective_to     date,
  PRIMARY KEY (prefix, gsp_group, effective_from)
);

CREATE TABLE IF NOT EXISTS registration.meter_asset (
  device_id       text PRIMARY KEY,
  mpan_core       text,
  serial_number   text,
  device_type     text,
  manufacturer    text,
  model           text,
  status          text,
  installed_on    date,
  removed_on      date,
  removal_reason  text,
  firmware_version text,
  firmware_status text,
  csp_region      text,
  postcode        text,
  uprn            text,
  dcc_compliant   boolean,
  dcc_approved    boolean,
  map_mpid        text,
  map_efd         date,
  map_etd         date
);

CREATE INDEX IF NOT EXISTS appointment_mpan_core ON registration.appointment (mpan_core);
CREATE INDEX IF NOT EXISTS meter_asset_mpan_core ON registration.meter_asset (mpan_core);
