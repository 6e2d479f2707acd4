-- Up Migration

-- From when on a table's history is whole. Set before anything is removed, so that what was asked for is never half there.
CREATE TABLE metering.history_kept_from (
  entity text PRIMARY KEY,
  since timestamptz NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now()
);

-- An answer that needs removed history would be a wrong one: there is none.
CREATE FUNCTION metering.assert_history_kept(which text, on_date date, known_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
  kept timestamptz := (SELECT k.since FROM metering.history_kept_from k WHERE k.entity = which);
BEGIN
  IF known_at < kept OR on_date < (kept AT TIME ZONE 'Europe/London')::date THEN
    RAISE EXCEPTION 'HISTORY_REMOVED: the history of % is kept from % on; it was asked for settlement date %, as known at %.',
      which, kept, on_date, known_at USING ERRCODE = 'CN001';
  END IF;
END
$$;

-- What held of a metering point on a settlement date, as it was known at a moment (source time).
--
-- Versions in commit order are assertions: each says "from its EFD onward it is X" and replaces what was believed from
-- there on, so that on a date the last assertion counts whose begin is not after it. A null EFD, and items without an EFD,
-- begin with the date of source time; items without an EFD of the first row, with everything.
--
-- Existence is a timeline of its own: a life goes from the smallest EFD of the row that made the point to the date of its
-- delete, and a point that is made again lives from that day on at the earliest: it never fills the gap.
CREATE OR REPLACE FUNCTION metering.metering_point_as_of(mpan text, on_date date, known_at timestamptz DEFAULT now())
RETURNS TABLE (
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
  line_loss_factor numeric,
  line_loss_factor_class text,
  opt_out boolean
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  PERFORM metering.assert_history_kept('metering_point', on_date, known_at);
  RETURN QUERY
  WITH told AS (
    SELECT v.mpan_core, v.gsp_group, v.distributor_mpid, v.supplier_mpid, v.supplier_efd, v.market_segment,
      v.data_service_mpid, v.data_service_efd, v.measurement_quantity, v.domestic, v.load_shape_category, v.connection_type,
      v.metering_service_mpid, v.metering_service_efd, v.line_loss_factor, v.line_loss_factor_class, v.opt_out,
      v.generation, v.lsn, v.ordinal, v.generation_to, v.lsn_to, v.ordinal_to, v.ended_at,
      coalesce(v.decided_at, v.source_time) AS told_at, (v.source_time AT TIME ZONE 'Europe/London')::date AS told_on
    FROM metering.metering_point_history v WHERE v.mpan_core = mpan
    UNION ALL
    SELECT p.mpan_core, p.gsp_group, p.distributor_mpid, p.supplier_mpid, p.supplier_efd, p.market_segment,
      p.data_service_mpid, p.data_service_efd, p.measurement_quantity, p.domestic, p.load_shape_category, p.connection_type,
      p.metering_service_mpid, p.metering_service_efd, p.line_loss_factor, p.line_loss_factor_class, p.opt_out,
      p.generation, p.lsn, p.ordinal, NULL, NULL, NULL, NULL,
      coalesce(p.decided_at, p.source_time), (p.source_time AT TIME ZONE 'Europe/London')::date
    FROM metering.metering_point p WHERE p.mpan_core = mpan
  ), known AS (
    SELECT t.*, row_number() OVER seq AS n,
      (lag(t.generation_to) OVER seq, lag(t.lsn_to) OVER seq, lag(t.ordinal_to) OVER seq)
        IS NOT DISTINCT FROM (t.generation, t.lsn, t.ordinal) AS continues
    FROM told t WHERE t.told_at <= known_at
    WINDOW seq AS (ORDER BY t.generation, t.lsn, t.ordinal)
  ), life AS (
    SELECT k.n, k.told_on,
      least(coalesce(k.supplier_efd, k.told_on), coalesce(k.data_service_efd, k.told_on),
        coalesce(k.metering_service_efd, k.told_on)) AS begins,
      lead(k.n) OVER (ORDER BY k.n) AS next_n
    FROM known k WHERE NOT k.continues
  )
  SELECT b.mpan_core, b.gsp_group, b.distributor_mpid, s.supplier_mpid, s.supplier_efd, b.market_segment,
    d.data_service_mpid, d.data_service_efd, b.measurement_quantity, b.domestic, b.load_shape_category, b.connection_type,
    m.metering_service_mpid, m.metering_service_efd, b.line_loss_factor, b.line_loss_factor_class, b.opt_out
  FROM (SELECT * FROM known k WHERE k.told_on <= on_date OR k.n = 1 ORDER BY k.n DESC LIMIT 1) b
  LEFT JOIN LATERAL (
    SELECT * FROM known k WHERE coalesce(k.supplier_efd, k.told_on) <= on_date ORDER BY k.n DESC LIMIT 1
  ) s ON true
  LEFT JOIN LATERAL (
    SELECT * FROM known k WHERE coalesce(k.data_service_efd, k.told_on) <= on_date ORDER BY k.n DESC LIMIT 1
  ) d ON true
  LEFT JOIN LATERAL (
    SELECT * FROM known k WHERE coalesce(k.metering_service_efd, k.told_on) <= on_date ORDER BY k.n DESC LIMIT 1
  ) m ON true
  WHERE EXISTS (
    SELECT FROM life l
    JOIN LATERAL (SELECT * FROM known k WHERE l.next_n IS NULL OR k.n < l.next_n ORDER BY k.n DESC LIMIT 1) e ON true
    WHERE on_date >= l.begins AND (l.n = 1 OR on_date >= l.told_on)
      AND (e.ended_at IS NULL OR e.ended_at > known_at OR on_date < (e.ended_at AT TIME ZONE 'Europe/London')::date)
  );
END
$$;

-- Who was appointed for a metering point on a settlement date, as it was known at a moment (source time).
--
-- An appointment is a period, both ends inclusive, and is said as a whole: on a date that counts which the last version
-- says, or two would be appointed on a day that a correction has freed. A null EFD begins with the date of source time. A
-- delete ends it with its date; what is appointed still goes before what was deleted. Items without a date of their own
-- (meter and contract) hold from the date of source time, those of the first row from the begin.
CREATE FUNCTION metering.appointment_as_of(mpan text, on_date date, known_at timestamptz DEFAULT now())
RETURNS TABLE (
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
  contract_reference text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  PERFORM metering.assert_history_kept('appointment', on_date, known_at);
  RETURN QUERY
  WITH told AS (
    SELECT v.appointment_id, v.mpan_core, v.service_type, v.mpid, v.metering_service_efd, v.metering_service_etd, v.reason,
      v.supplier_mpid, v.supplier_efd, v.supplier_etd, v.meter_id, v.contract_reference,
      v.generation, v.lsn, v.ordinal, v.generation_to, v.lsn_to, v.ordinal_to, v.ended_at,
      coalesce(v.decided_at, v.source_time) AS told_at, (v.source_time AT TIME ZONE 'Europe/London')::date AS told_on
    FROM metering.appointment_history v WHERE v.mpan_core = mpan
    UNION ALL
    SELECT a.appointment_id, a.mpan_core, a.service_type, a.mpid, a.metering_service_efd, a.metering_service_etd, a.reason,
      a.supplier_mpid, a.supplier_efd, a.supplier_etd, a.meter_id, a.contract_reference,
      a.generation, a.lsn, a.ordinal, NULL, NULL, NULL, NULL,
      coalesce(a.decided_at, a.source_time), (a.source_time AT TIME ZONE 'Europe/London')::date
    FROM metering.appointment a WHERE a.mpan_core = mpan
  ), known AS (
    SELECT t.*, row_number() OVER seq AS n,
      (lag(t.generation_to) OVER seq, lag(t.lsn_to) OVER seq, lag(t.ordinal_to) OVER seq)
        IS NOT DISTINCT FROM (t.generation, t.lsn, t.ordinal) AS continues
    FROM told t WHERE t.told_at <= known_at
    WINDOW seq AS (PARTITION BY t.appointment_id ORDER BY t.generation, t.lsn, t.ordinal)
  ), lived AS (
    SELECT k.*, count(*) FILTER (WHERE NOT k.continues) OVER (PARTITION BY k.appointment_id ORDER BY k.n) AS life
    FROM known k
  ), period AS (
    SELECT DISTINCT ON (l.appointment_id, l.life) l.*,
      first_value(l.told_on) OVER (PARTITION BY l.appointment_id, l.life ORDER BY l.n) AS made_on,
      CASE WHEN l.ended_at <= known_at THEN (l.ended_at AT TIME ZONE 'Europe/London')::date END AS gone_on
    FROM lived l ORDER BY l.appointment_id, l.life, l.n DESC
  )
  SELECT p.appointment_id, p.mpan_core, p.service_type, p.mpid, p.metering_service_efd, p.metering_service_etd, p.reason,
    p.supplier_mpid, p.supplier_efd, p.supplier_etd, b.meter_id, b.contract_reference
  FROM period p
  JOIN LATERAL (
    SELECT * FROM lived l WHERE l.appointment_id = p.appointment_id AND (l.told_on <= on_date OR l.n = 1)
    ORDER BY l.n DESC LIMIT 1
  ) b ON true
  WHERE on_date >= coalesce(p.metering_service_efd, p.told_on) AND on_date <= coalesce(p.metering_service_etd, 'infinity')
    AND (p.life = 1 OR on_date >= p.made_on) AND (p.gone_on IS NULL OR on_date < p.gone_on)
  ORDER BY p.gone_on IS NULL DESC, p.generation DESC, p.lsn DESC, p.ordinal DESC LIMIT 1;
END
$$;
