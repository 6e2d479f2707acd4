import type { StoreSchema } from './settings.ts';

/**
 * The tables that the sink keeps in a store, once per store, as idempotent SQL.
 *
 * Positions, outcomes and receipts are moved in the transaction that applies the events, so they are true or absent.
 */
export function sinkTables(schema: StoreSchema): string {
  return `
CREATE SCHEMA IF NOT EXISTS ${schema};

-- How far each lane is applied: every change at or below (generation, lsn). A group offset is only a hint; this is the truth.
CREATE TABLE IF NOT EXISTS ${schema}.applied_position (
  source text NOT NULL,
  lane int NOT NULL,
  generation int NOT NULL,
  lsn bigint NOT NULL,
  ordinal int NOT NULL,
  source_time timestamptz NOT NULL,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (source, lane)
);

-- Where each partition is read from after a start, and the position of the last event taken from it.
CREATE TABLE IF NOT EXISTS ${schema}.applied_offset (
  source text NOT NULL,
  topic text NOT NULL,
  partition int NOT NULL,
  next_offset bigint NOT NULL,
  generation int NOT NULL,
  lsn bigint NOT NULL,
  ordinal int NOT NULL,
  PRIMARY KEY (source, topic, partition)
);

-- Events by outcome since the first day; a held event that is released moves from held to another outcome.
CREATE TABLE IF NOT EXISTS ${schema}.outcome (
  source text NOT NULL,
  topic text NOT NULL,
  lane int NOT NULL,
  outcome text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (source, topic, lane, outcome)
);

CREATE TABLE IF NOT EXISTS ${schema}.dead_letter (
  source text NOT NULL,
  topic text NOT NULL,
  partition int NOT NULL,
  "offset" bigint NOT NULL,
  key bytea,
  value bytea,
  code text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (source, topic, partition, "offset")
);

-- What was done about a dead letter, by whom: written before it is done. The letter is closed by the one that has a result.
CREATE TABLE IF NOT EXISTS ${schema}.redrive (
  redrive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  topic text NOT NULL,
  partition int NOT NULL,
  "offset" bigint NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT now(),
  what text NOT NULL,
  result text CHECK (result IN ('superseded', 're-read')),
  ended_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS redrive_closed ON ${schema}.redrive (source, topic, partition, "offset") WHERE result IS NOT NULL;

CREATE TABLE IF NOT EXISTS ${schema}.receipt (
  receiver text NOT NULL,
  source text NOT NULL,
  lane int NOT NULL,
  generation int NOT NULL,
  through_lsn bigint NOT NULL,
  counts jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (receiver, source, lane)
);
`;
}
