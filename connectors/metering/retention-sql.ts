import type { StoredEntity } from './entities.ts';

/** In London, as settlement dates are. */
const keptDay = "($3::timestamptz AT TIME ZONE 'Europe/London')::date";

/**
 * `WITH … overtaken (place)`: where the versions lie, of keys after `$1` (null: from the first) through `$2`, that no answer
 * needs about `$3` or later, on settlement dates from that day on.
 */
export function overtakenSql(entity: StoredEntity): string {
  switch (entity) {
    case 'metering_point':
      return overtakenPoints;
    case 'appointment':
      return overtakenAppointments;
    case 'participant':
      return overtakenOthers(entity, 'mpid');
    case 'distributor_gsp_group':
      return overtakenOthers(entity, 'prefix');
    case 'meter_asset':
      return overtakenOthers(entity, 'device_id');
  }
}

function chunk(alias: string, key: string): string {
  return `($1::text IS NULL OR ${alias}.${key} > $1) AND ${alias}.${key} <= $2`;
}

const stamps = (alias: string): string =>
  `${alias}.generation, ${alias}.lsn, ${alias}.ordinal, coalesce(${alias}.decided_at, ${alias}.source_time) AS told_at,
   (${alias}.source_time AT TIME ZONE 'Europe/London')::date AS told_on`;

/** Nobody asks for these as of a date: what was over by then goes. */
function overtakenOthers(entity: StoredEntity, key: string): string {
  return `WITH overtaken AS (
    SELECT h.ctid AS place FROM metering.${entity}_history h
    WHERE ${chunk('h', key)} AND coalesce(h.ended_at, h.superseded_at) <= $3::timestamptz
  )`;
}

const byPosition = 'ORDER BY generation, lsn, ordinal';
const later = `${byPosition} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING`;
const whole = `${byPosition} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING`;

/**
 * A version is an assertion about each of its groups. It is overtaken when for each of them a later one, known by then, holds
 * from that day or earlier, and when nobody needs it to tell that the point existed: its life had begun by then, or was
 * over. A point that was gone by then goes altogether. What is overtaken comes before what is not, so that no chain is cut
 * in the middle.
 */
const overtakenPoints = `WITH told AS (
    SELECT h.ctid AS place, h.mpan_core, h.supplier_efd, h.data_service_efd, h.metering_service_efd,
      h.generation_to, h.lsn_to, h.ordinal_to, h.ended_at, ${stamps('h')}
    FROM metering.metering_point_history h WHERE ${chunk('h', 'mpan_core')}
    UNION ALL
    SELECT NULL, p.mpan_core, p.supplier_efd, p.data_service_efd, p.metering_service_efd, NULL, NULL, NULL, NULL, ${stamps('p')}
    FROM metering.metering_point p WHERE ${chunk('p', 'mpan_core')}
  ), linked AS (
    SELECT t.*, (lag(generation_to) OVER seq, lag(lsn_to) OVER seq, lag(ordinal_to) OVER seq)
      IS NOT DISTINCT FROM (generation, lsn, ordinal) AS continues
    FROM told t WINDOW seq AS (PARTITION BY mpan_core ${byPosition})
  ), lived AS (
    SELECT l.*, count(*) FILTER (WHERE NOT continues) OVER (PARTITION BY mpan_core ${byPosition}) AS life FROM linked l
  ), judged AS (
    SELECT l.*,
      bool_or(told_at <= $3) OVER later AS has_others,
      bool_or(told_at <= $3 AND coalesce(supplier_efd, told_on) <= ${keptDay}) OVER later AS has_supplier,
      bool_or(told_at <= $3 AND coalesce(data_service_efd, told_on) <= ${keptDay}) OVER later AS has_data_service,
      bool_or(told_at <= $3 AND coalesce(metering_service_efd, told_on) <= ${keptDay}) OVER later AS has_metering_service,
      first_value(least(coalesce(supplier_efd, told_on), coalesce(data_service_efd, told_on),
        coalesce(metering_service_efd, told_on))) OVER life <= ${keptDay} AS life_began,
      coalesce(last_value(ended_at) OVER life <= $3, false) AS life_over,
      coalesce(last_value(ended_at) OVER key <= $3, false) AS gone
    FROM lived l
    WINDOW later AS (PARTITION BY mpan_core ${later}), life AS (PARTITION BY mpan_core, life ${whole}),
      key AS (PARTITION BY mpan_core ${whole})
  ), overtaken AS (
    SELECT j.place FROM judged j WHERE j.place IS NOT NULL AND (j.gone OR (
      j.has_others AND j.has_supplier AND j.has_data_service AND j.has_metering_service AND (j.life_began OR j.life_over)))
  )`;

/** An appointment is said as a whole: a version is overtaken when a later one was known by then, or all was over. */
const overtakenAppointments = `WITH told AS (
    SELECT h.ctid AS place, h.mpan_core, h.appointment_id, h.ended_at, ${stamps('h')}
    FROM metering.appointment_history h WHERE ${chunk('h', 'mpan_core')}
    UNION ALL
    SELECT NULL, a.mpan_core, a.appointment_id, NULL, ${stamps('a')}
    FROM metering.appointment a WHERE ${chunk('a', 'mpan_core')}
  ), judged AS (
    SELECT t.*, bool_or(told_at <= $3) OVER (PARTITION BY mpan_core, appointment_id ${later}) AS has_later,
      coalesce(last_value(ended_at) OVER (PARTITION BY mpan_core, appointment_id ${whole}) <= $3, false) AS gone
    FROM told t
  ), overtaken AS (
    SELECT j.place FROM judged j WHERE j.place IS NOT NULL AND (j.gone OR j.has_later)
  )`;
