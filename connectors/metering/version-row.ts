import type { EntityTable, ItemKind } from './entities.ts';
import type { RowWriter } from './row-writer.ts';
import type { Ending, Items, Version } from './versions.ts';

/** The items of the columns, in their order. */
export function writeItems(row: RowWriter, columns: EntityTable['items'], items: Items): void {
  for (const [name, kind] of columns) writeItem(row, kind, items[name]);
}

/** In the order of `stampColumns`. */
export function writeStamp(row: RowWriter, version: Version): void {
  row.text(version.source);
  row.integer(version.generation);
  row.long(version.lsn);
  row.integer(version.ordinal);
  row.long(version.xid);
  row.timestamp(version.committedAt);
  row.timestamp(version.sourceTime);
}

/** In the order of `decidedColumns`. */
export function writeDecided(row: RowWriter, { decided }: Version): void {
  if (decided === null) {
    for (let column = 0; column < 4; column += 1) row.absent();
    return;
  }
  const { generation, lsn, ordinal } = decided.position;
  row.integer(generation);
  row.long(lsn);
  row.integer(ordinal);
  row.timestamp(decided.sourceTime);
}

/** In the order of `endingColumns`. */
export function writeEnding(row: RowWriter, ending: Ending): void {
  row.integer(ending.generation);
  row.long(ending.lsn);
  row.integer(ending.ordinal);
  row.long(ending.xid);
  row.timestamp(ending.sourceTime);
}

function writeItem(row: RowWriter, kind: ItemKind, value: unknown): void {
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
      row.long(Number(value));
  }
}
