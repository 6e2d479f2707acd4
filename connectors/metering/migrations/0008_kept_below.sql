-- Up Migration

-- What was refused only because its metering point had not come may be right when it comes: those events are kept as well.
INSERT INTO metering.rejected_event (rejection_id, source, lane, lane_key, entity, event)
SELECT r.rejection_id, l.source, l.lane, l.lane_key, l.entity, l.event
FROM metering.rejection r
JOIN metering.last_received l USING (lane_key, entity, entity_key, generation, lsn, ordinal)
WHERE r.status = 'open' AND r.rule_codes && ARRAY['METERING_POINT_UNKNOWN', 'SUPPLIER_MISMATCH']
ON CONFLICT DO NOTHING;

-- The good version that a refused event has not replaced, by its position: whoever deletes that from the store is found out.
ALTER TABLE metering.last_received
  ADD COLUMN kept_generation int,
  ADD COLUMN kept_lsn bigint,
  ADD COLUMN kept_ordinal int;

UPDATE metering.last_received l SET kept_generation = v.generation, kept_lsn = v.lsn, kept_ordinal = v.ordinal
FROM (
  SELECT 'metering_point' AS entity, mpan_core AS lane_key, mpan_core AS entity_key, generation, lsn, ordinal
    FROM metering.metering_point
  UNION ALL SELECT 'appointment', mpan_core, appointment_id::text, generation, lsn, ordinal FROM metering.appointment
  UNION ALL SELECT 'meter_asset', device_id, device_id, generation, lsn, ordinal FROM metering.meter_asset
) v
WHERE (l.entity, l.lane_key, l.entity_key) = (v.entity, v.lane_key, v.entity_key);
