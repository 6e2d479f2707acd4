-- Up Migration

-- Digests of what a reconcile saw on the pages of each table, so that a later one reads only the pages written since.
-- side: source or store. marks: LSNs of the side's server with the transaction id that was next there, oldest first; what is
-- on a page that nobody has written since the first of them is what the run saw. tables: table → what its digests are of.
CREATE TABLE metering.reconcile_pages (
  source text NOT NULL,
  side text NOT NULL,
  run_id bigint NOT NULL,
  generation int NOT NULL,
  marks jsonb NOT NULL,
  tables jsonb NOT NULL,
  PRIMARY KEY (source, side)
);

-- digests: of 512 ranges of 8 pages each, packed; of the last part of a table, of those that it has.
CREATE TABLE metering.reconcile_page_digests (
  source text NOT NULL,
  side text NOT NULL,
  table_name text NOT NULL,
  part int NOT NULL,
  digests bytea NOT NULL,
  PRIMARY KEY (source, side, table_name, part)
);

-- They are numbers that no compression makes smaller.
ALTER TABLE metering.reconcile_page_digests ALTER COLUMN digests SET STORAGE EXTERNAL;
