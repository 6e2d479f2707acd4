-- Up Migration

-- Newer reference data may overturn a rejection: the events of open ones whose rules read it are kept, to be judged again.
CREATE TABLE metering.rejected_event (
  rejection_id uuid PRIMARY KEY,
  source text NOT NULL,
  lane int NOT NULL,
  lane_key text NOT NULL,
  entity text NOT NULL,
  event jsonb NOT NULL
);
CREATE INDEX rejected_event_lane ON metering.rejected_event (source, lane, lane_key);

-- Of what is open already, the events that are still known.
INSERT INTO metering.rejected_event (rejection_id, source, lane, lane_key, entity, event)
SELECT r.rejection_id, l.source, l.lane, l.lane_key, l.entity, l.event
FROM metering.rejection r
JOIN metering.last_received l USING (lane_key, entity, entity_key, generation, lsn, ordinal)
WHERE r.status = 'open' AND r.rule_codes && ARRAY['PARTICIPANT_UNKNOWN', 'PARTICIPANT_ROLE_INACTIVE', 'MAP_UNKNOWN',
  'MAP_INACTIVE', 'MPAN_PREFIX', 'GSP_GROUP_DISTRIBUTOR', 'DISTRIBUTOR_MISMATCH'];

-- An event that was rejected, and waits since that was withdrawn, must know how many times it was.
ALTER TABLE metering.held ADD COLUMN revision int NOT NULL DEFAULT 1;
