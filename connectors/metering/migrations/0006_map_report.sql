-- Up Migration

-- The report for meter asset providers (SECMP0011, Table 1). Whoever runs it logs in as a role of its own, which may execute two
-- functions and nothing else; who that role is decides what is seen, and no option of a command does. Both functions go by
-- session_user: SET ROLE changes nothing.
CREATE SCHEMA report;

-- Which login role is which MAP, and what it may see beyond its own assets.
CREATE TABLE report.map_user (
  role_name text PRIMARY KEY,
  map_mpid text NOT NULL,
  sees_supplier boolean NOT NULL DEFAULT false,
  sees_personal boolean NOT NULL DEFAULT false,
  registered_by text NOT NULL DEFAULT session_user,
  registered_at timestamptz NOT NULL DEFAULT now()
);

-- Every run that was asked for, refused ones too. A run is opened in one transaction and read in a later one: so the row is
-- committed before anything is seen, and no ROLLBACK takes it back.
CREATE TABLE report.run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  role_name text NOT NULL,
  client inet,
  map_mpid text,
  filters jsonb NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('allowed', 'refused')),
  refused_code text,
  row_count bigint,
  opened_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
  read_at timestamptz,
  rows_read bigint
);
CREATE INDEX run_at ON report.run (at);

CREATE INDEX meter_asset_map ON metering.meter_asset (map_mpid);
CREATE INDEX meter_asset_history_map ON metering.meter_asset_history (map_mpid);

CREATE TYPE report.map_line AS (
  device_id text,
  device_model text,
  manufacturer text,
  meter_serial_number text,
  device_type text,
  dcc_compliant boolean,
  dcc_approved boolean,
  device_status text,
  installation_date date,
  removal_date date,
  removal_reason text,
  firmware_version text,
  firmware_version_status text,
  mpxn text,
  csp_region text,
  property_post_code text,
  uprn text,
  map_identifier text,
  map_effective_from date,
  map_effective_to date,
  supplier_identifier text,
  supplier_effective_from date,
  supplier_effective_to date
);

-- Who supplies a metering point on a date, and until when as far as is known: the day before the next one begins, or before the
-- point was deleted. Each version says "from its EFD onward it is X", so that of the later ones those count that no still later
-- one has replaced. The end of time is what "as known" means here: the source's clock may be ahead of ours.
CREATE FUNCTION report.supplier_on(mpan text, on_date date)
RETURNS TABLE (supplier_mpid text, supplier_efd date, supplier_etd date) LANGUAGE sql STABLE AS $$
  WITH told AS (
    SELECT h.supplier_mpid, h.supplier_efd, h.source_time, h.generation, h.lsn, h.ordinal, h.ended_at
    FROM metering.metering_point_history h WHERE h.mpan_core = mpan
    UNION ALL
    SELECT p.supplier_mpid, p.supplier_efd, p.source_time, p.generation, p.lsn, p.ordinal, NULL
    FROM metering.metering_point p WHERE p.mpan_core = mpan
  ), sequenced AS (
    SELECT t.supplier_mpid, coalesce(t.supplier_efd, (t.source_time AT TIME ZONE 'Europe/London')::date) AS efd, t.ended_at,
      row_number() OVER (ORDER BY t.generation, t.lsn, t.ordinal) AS n
    FROM told t
  ), standing AS (
    SELECT s.* FROM sequenced s WHERE NOT EXISTS (SELECT FROM sequenced later WHERE later.n > s.n AND later.efd <= s.efd)
  )
  SELECT held.supplier_mpid, held.supplier_efd,
    least(
      (SELECT min(s.efd) FROM standing s WHERE s.efd > on_date AND s.supplier_mpid IS DISTINCT FROM held.supplier_mpid),
      (SELECT (s.ended_at AT TIME ZONE 'Europe/London')::date FROM sequenced s ORDER BY s.n DESC LIMIT 1)
    ) - 1
  FROM metering.metering_point_as_of(mpan, on_date, 'infinity') held
$$;

-- The assets of a MAP on a date, nothing masked. Which MAP an asset has goes by the MAP's EFD; what else is told of it holds from
-- the date of source time, and what made it from the beginning (as for metering points). An asset that was deleted is not there.
CREATE FUNCTION report.assets_of(wanted text, on_date date, with_supplier boolean)
RETURNS SETOF report.map_line LANGUAGE sql STABLE AS $$
  WITH device AS (
    SELECT a.device_id FROM metering.meter_asset a WHERE a.map_mpid = wanted
    UNION
    SELECT h.device_id FROM metering.meter_asset_history h WHERE h.map_mpid = wanted
  ), told AS (
    SELECT a.device_id, a.mpan_core, a.serial_number, a.device_type, a.manufacturer, a.model, a.status, a.installed_on,
      a.removed_on, a.removal_reason, a.firmware_version, a.firmware_status, a.csp_region, a.postcode, a.uprn, a.dcc_compliant,
      a.dcc_approved, a.map_mpid, a.map_efd, a.map_etd, a.source_time, a.generation, a.lsn, a.ordinal,
      NULL::int AS generation_to, NULL::bigint AS lsn_to, NULL::int AS ordinal_to
    FROM metering.meter_asset a JOIN device USING (device_id)
    UNION ALL
    SELECT h.device_id, h.mpan_core, h.serial_number, h.device_type, h.manufacturer, h.model, h.status, h.installed_on,
      h.removed_on, h.removal_reason, h.firmware_version, h.firmware_status, h.csp_region, h.postcode, h.uprn, h.dcc_compliant,
      h.dcc_approved, h.map_mpid, h.map_efd, h.map_etd, h.source_time, h.generation, h.lsn, h.ordinal,
      h.generation_to, h.lsn_to, h.ordinal_to
    FROM metering.meter_asset_history h JOIN device USING (device_id)
    WHERE EXISTS (SELECT FROM metering.meter_asset a WHERE a.device_id = h.device_id)
  ), sequenced AS (
    SELECT t.*, (t.source_time AT TIME ZONE 'Europe/London')::date AS told_on, row_number() OVER seq AS n,
      (lag(t.generation_to) OVER seq, lag(t.lsn_to) OVER seq, lag(t.ordinal_to) OVER seq)
        IS NOT DISTINCT FROM (t.generation, t.lsn, t.ordinal) AS continues
    FROM told t WINDOW seq AS (PARTITION BY t.device_id ORDER BY t.generation, t.lsn, t.ordinal)
  ), lived AS (
    SELECT s.*, coalesce(s.map_efd, s.told_on) AS efd,
      max(s.n) FILTER (WHERE NOT s.continues) OVER (PARTITION BY s.device_id) AS first_n
    FROM sequenced s
  ), life AS MATERIALIZED (
    SELECT l.* FROM lived l WHERE l.n >= l.first_n
  ), standing AS MATERIALIZED (
    SELECT l.device_id, l.map_mpid, l.efd FROM life l
    WHERE NOT EXISTS (SELECT FROM life later WHERE later.device_id = l.device_id AND later.n > l.n AND later.efd <= l.efd)
  ), provider AS (
    SELECT DISTINCT ON (l.device_id) l.device_id, l.map_mpid, l.map_efd, l.map_etd
    FROM life l WHERE l.efd <= on_date ORDER BY l.device_id, l.n DESC
  ), shown AS (
    SELECT DISTINCT ON (l.device_id) l.* FROM life l WHERE l.told_on <= on_date OR l.n = l.first_n
    ORDER BY l.device_id, l.n DESC
  )
  SELECT d.device_id, d.model, d.manufacturer, d.serial_number, d.device_type, d.dcc_compliant, d.dcc_approved, d.status,
    d.installed_on, d.removed_on, d.removal_reason, d.firmware_version, d.firmware_status, d.mpan_core, d.csp_region, d.postcode,
    d.uprn, p.map_mpid, p.map_efd,
    least(p.map_etd, (SELECT min(s.efd) - 1 FROM standing s
      WHERE s.device_id = p.device_id AND s.efd > on_date AND s.map_mpid IS DISTINCT FROM p.map_mpid)),
    supplier.supplier_mpid, supplier.supplier_efd, supplier.supplier_etd
  FROM provider p
  JOIN shown d USING (device_id)
  LEFT JOIN LATERAL report.supplier_on(CASE WHEN with_supplier THEN d.mpan_core END, on_date) supplier ON true
  WHERE p.map_mpid = wanted AND (p.map_etd IS NULL OR p.map_etd >= on_date)
$$;

-- The lines that a run asked for.
CREATE FUNCTION report.selected(filters jsonb, with_supplier boolean)
RETURNS SETOF report.map_line LANGUAGE sql STABLE AS $$
  SELECT l.* FROM report.assets_of(filters->>'map', (filters->>'as_at')::date, with_supplier) l
  WHERE (filters->>'installed_from' IS NULL OR l.installation_date >= (filters->>'installed_from')::date)
    AND (filters->>'installed_to' IS NULL OR l.installation_date <= (filters->>'installed_to')::date)
    AND (filters->>'removed_from' IS NULL OR l.removal_date >= (filters->>'removed_from')::date)
    AND (filters->>'removed_to' IS NULL OR l.removal_date <= (filters->>'removed_to')::date)
    AND (filters->>'manufacturer' IS NULL OR lower(l.manufacturer) = lower(filters->>'manufacturer'))
    AND (filters->>'device_status' IS NULL OR lower(l.device_status) = lower(filters->>'device_status'))
    AND (filters->>'supplier' IS NULL OR l.supplier_identifier = filters->>'supplier')
$$;

-- Asks for a report: the run's id, or why it is refused. Nothing of the report is told here.
CREATE FUNCTION report.open_map_report(
  map text,
  installed_from date DEFAULT NULL,
  installed_to date DEFAULT NULL,
  removed_from date DEFAULT NULL,
  removed_to date DEFAULT NULL,
  manufacturer text DEFAULT NULL,
  device_status text DEFAULT NULL,
  supplier text DEFAULT NULL,
  as_at date DEFAULT NULL,
  reveal boolean DEFAULT false,
  OUT run_id bigint,
  OUT refused_code text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reader report.map_user;
  asked jsonb := jsonb_strip_nulls(jsonb_build_object(
    'map', map, 'installed_from', installed_from, 'installed_to', installed_to, 'removed_from', removed_from,
    'removed_to', removed_to, 'manufacturer', manufacturer, 'device_status', device_status, 'supplier', supplier,
    'as_at', coalesce(as_at, (clock_timestamp() AT TIME ZONE 'Europe/London')::date), 'reveal', reveal));
  lines bigint;
BEGIN
  SELECT u.* INTO reader FROM report.map_user u WHERE u.role_name = session_user;
  refused_code := CASE
    WHEN reader.role_name IS NULL THEN 'REPORT_NOT_REGISTERED'
    WHEN reader.map_mpid IS DISTINCT FROM map THEN 'REPORT_OTHER_MAP'
    WHEN supplier IS NOT NULL AND NOT reader.sees_supplier THEN 'REPORT_SUPPLIER_WITHHELD'
    WHEN reveal AND NOT reader.sees_personal THEN 'REPORT_PERSONAL_WITHHELD'
  END;
  IF refused_code IS NULL THEN
    SELECT count(*) INTO lines FROM report.selected(asked, supplier IS NOT NULL);
  END IF;
  INSERT INTO report.run (role_name, client, map_mpid, filters, outcome, refused_code, row_count)
  VALUES (session_user, inet_client_addr(), map, asked,
    CASE WHEN refused_code IS NULL THEN 'allowed' ELSE 'refused' END, refused_code, lines)
  RETURNING run.run_id INTO run_id;
END
$$;

-- The lines of a run. It must have been opened by the same user, not long ago, in a transaction that is committed; what it may
-- see is looked up again. What is refused here gives no line, a warning, and a row of its own.
CREATE FUNCTION report.read_map_report(run bigint)
RETURNS SETOF report.map_line LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reader report.map_user;
  opened report.run;
  shows_personal boolean;
  lines bigint;
BEGIN
  SELECT u.* INTO reader FROM report.map_user u WHERE u.role_name = session_user;
  SELECT r.* INTO opened FROM report.run r
  WHERE r.run_id = run AND r.role_name = session_user AND r.outcome = 'allowed'
    AND r.opened_in <> pg_current_xact_id() AND r.at > clock_timestamp() - interval '10 minutes';
  IF opened.run_id IS NULL OR reader.map_mpid IS DISTINCT FROM opened.map_mpid
    OR (opened.filters ? 'supplier' AND NOT reader.sees_supplier) THEN
    INSERT INTO report.run (role_name, client, filters, outcome, refused_code)
    VALUES (session_user, inet_client_addr(), jsonb_build_object('run', run), 'refused', 'REPORT_RUN_UNKNOWN');
    RAISE WARNING 'REPORT_RUN_UNKNOWN: run % is not an open run of % that is committed; open one, commit, then read it', run, session_user;
    RETURN;
  END IF;
  shows_personal := reader.sees_personal AND coalesce((opened.filters->>'reveal')::boolean, false);
  RETURN QUERY
    SELECT l.device_id, l.device_model, l.manufacturer, l.meter_serial_number, l.device_type, l.dcc_compliant, l.dcc_approved,
      l.device_status, l.installation_date, l.removal_date, l.removal_reason, l.firmware_version, l.firmware_version_status,
      CASE WHEN shows_personal THEN l.mpxn
        WHEN length(l.mpxn) < 6 THEN repeat('*', length(l.mpxn))
        ELSE left(l.mpxn, 2) || repeat('*', length(l.mpxn) - 4) || right(l.mpxn, 2) END,
      l.csp_region,
      CASE WHEN shows_personal OR l.property_post_code IS NULL THEN l.property_post_code ELSE '***' END,
      CASE WHEN shows_personal OR l.uprn IS NULL THEN l.uprn ELSE '***' END,
      l.map_identifier, l.map_effective_from, l.map_effective_to,
      CASE WHEN reader.sees_supplier THEN l.supplier_identifier END,
      CASE WHEN reader.sees_supplier THEN l.supplier_effective_from END,
      CASE WHEN reader.sees_supplier THEN l.supplier_effective_to END
    FROM report.selected(opened.filters, reader.sees_supplier) l ORDER BY l.device_id;
  GET DIAGNOSTICS lines = ROW_COUNT;
  UPDATE report.run r SET read_at = clock_timestamp(), rows_read = lines WHERE r.run_id = run;
END
$$;

REVOKE ALL ON SCHEMA report FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA report FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA report FROM PUBLIC;
