import type { CopyText } from './copy-rows.ts';
import type { EntityTable, ItemKind } from './entities.ts';
import type { Ending, Items, Version } from './versions.ts';

/** The items in the table's order. */
export function writeItems(row: CopyText, table: EntityTable, items: Items): void {
  for (const [name, kind] of table.items) writeItem(row, kind, items[name]);
}

/** In the order of `stampColumns`. */
export function writeStamp(row: CopyText, version: Version): void {
  row.text(version.source);
  row.integer(version.generation);
  row.integer(version.lsn);
  row.integer(version.ordinal);
  row.integer(version.xid);
  row.timestamp(version.committedAt);
  row.timestamp(version.sourceTime);
}

/** In the order of `decidedColumns`. */
export function writeDecided(row: CopyText, { decided }: Version): void {
  if (decided === null) {
    for (let column = 0; column < 4; column += 1) row.absent();
    return;
  }
  const { generation, lsn, ordinal } = decided.position;
  row.integer(generation);
  row.integer(lsn);
  row.integer(ordinal);
  row.timestamp(decided.sourceTime);
}

/** In the order of `endingColumns`. */
export function writeEnding(row: CopyText, ending: Ending): void {
  row.integer(ending.generation);
  row.integer(ending.lsn);
  row.integer(ending.ordinal);
  row.integer(ending.xid);
  row.timestamp(ending.sourceTime);
}

function writeItem(row: CopyText, kind: ItemKind, value: unknown): void {
  if (value === null || value === undefined) {
    row.absent();
    return;
  }
  switch (kind) {
    case 'text':
      row.text(typeof value === 'string' ? value : JSON.stringify(value));
      break;
    case 'date':
      row.date(Number(value));
      break;
    case 'boolean':
      row.boolean(value === true);
      break;
    case 'millionths':
      row.millionths(Number(value));
      break;
    case 'integer':
      row.integer(Number(value));
  }
}
