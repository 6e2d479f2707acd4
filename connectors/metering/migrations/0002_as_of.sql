-- Up Migration

-- What held of a metering point on a settlement date, as it was known at a moment (source time).
--
-- Versions in commit order are assertions: each says "from its EFD onward it is X" and replaces what was believed from
-- there on, so that on a date the last assertion counts whose begin is not after it. Items without an EFD begin with the
-- date of source time; those of the row that made the point, with the point. A life goes from the smallest EFD of the row
-- that made the point to the date of its delete; a point that is made again does not live in the gap between.
CREATE FUNCTION metering.metering_point_as_of(mpan text, on_date date, known_at timestamptz DEFAULT now())
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
) LANGUAGE sql STABLE AS $$
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
    SELECT t.*,
      (lag(t.generation_to) OVER seq, lag(t.lsn_to) OVER seq, lag(t.ordinal_to) OVER seq)
        IS NOT DISTINCT FROM (t.generation, t.lsn, t.ordinal) AS continues
    FROM told t WHERE t.told_at <= known_at
    WINDOW seq AS (ORDER BY t.generation, t.lsn, t.ordinal)
  ), lived AS (
    SELECT k.*, count(*) FILTER (WHERE NOT k.continues) OVER seq AS life, row_number() OVER seq AS n
    FROM known k WINDOW seq AS (ORDER BY k.generation, k.lsn, k.ordinal)
  ), life AS (
    SELECT l.life, min(l.n) AS first_n, max(l.n) AS last_n FROM lived l GROUP BY l.life
  ), chosen AS (
    SELECT i.life, i.first_n FROM life i
    JOIN lived f ON f.n = i.first_n
    JOIN lived e ON e.n = i.last_n
    WHERE on_date >= coalesce(least(f.supplier_efd, f.data_service_efd, f.metering_service_efd), f.told_on)
      AND (i.life = 1 OR on_date >= f.told_on)
      AND (e.ended_at IS NULL OR e.ended_at > known_at OR on_date < (e.ended_at AT TIME ZONE 'Europe/London')::date)
    ORDER BY i.life DESC LIMIT 1
  )
  SELECT b.mpan_core, b.gsp_group, b.distributor_mpid, s.supplier_mpid, s.supplier_efd, b.market_segment,
    d.data_service_mpid, d.data_service_efd, b.measurement_quantity, b.domestic, b.load_shape_category, b.connection_type,
    m.metering_service_mpid, m.metering_service_efd, b.line_loss_factor, b.line_loss_factor_class, b.opt_out
  FROM chosen c
  JOIN LATERAL (
    SELECT * FROM lived l WHERE l.life = c.life AND (l.told_on <= on_date OR l.n = c.first_n) ORDER BY l.n DESC LIMIT 1
  ) b ON true
  LEFT JOIN LATERAL (
    SELECT * FROM lived l WHERE l.life = c.life AND coalesce(l.supplier_efd, l.told_on) <= on_date ORDER BY l.n DESC LIMIT 1
  ) s ON true
  LEFT JOIN LATERAL (
    SELECT * FROM lived l WHERE l.life = c.life AND coalesce(l.data_service_efd, l.told_on) <= on_date ORDER BY l.n DESC LIMIT 1
  ) d ON true
  LEFT JOIN LATERAL (
    SELECT * FROM lived l WHERE l.life = c.life AND coalesce(l.metering_service_efd, l.told_on) <= on_date
    ORDER BY l.n DESC LIMIT 1
  ) m ON true
$$;
