import { receiptTableSql } from '../sink/receipt-shelf.ts';

/**
 * What the metering side said, kept in the registration database, as idempotent SQL. The columns are those of the
 * metering store's tables, in their order.
 */
export const inboxTables = `
CREATE SCHEMA IF NOT EXISTS inbox;

-- Errors and rejections. The event that was refused is (source, generation, lsn, ordinal, entity, entity_key); receiver
-- and revision tell apart who refused it, and how many times.
CREATE TABLE IF NOT EXISTS inbox.rejection (
  rejection_id uuid,
  mpan_core text,
  record_type text,
  flow int,
  entity text NOT NULL,
  entity_key text NOT NULL,
  source text NOT NULL,
  generation int NOT NULL,
  lsn bigint NOT NULL,
  ordinal int NOT NULL,
  revision int NOT NULL,
  rule_codes text[],
  details jsonb,
  reference_version int,
  receiver text NOT NULL,
  status text,
  raised_at timestamptz,
  resolved_by_generation int,
  resolved_by_lsn bigint,
  resolved_at timestamptz,
  acknowledged_by text,
  note text,
  CONSTRAINT rejection_identity UNIQUE (source, generation, lsn, ordinal, entity, entity_key, receiver, revision)
);
CREATE INDEX IF NOT EXISTS rejection_by_mpan ON inbox.rejection (mpan_core);

-- Receipts are cumulative: everything of the source at or below through_lsn in that lane was delivered.
${receiptTableSql('inbox.receipt')}
`;
