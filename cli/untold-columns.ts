import { itemFields } from '../avro/schemas.ts';
import { tableName } from '../connectors/source/route-columns.ts';
import { explanationOf } from '../runtime/codes.ts';
import { tableSchemas } from './mirrors.ts';
import type { Settings } from './settings.ts';
import type { SideStatus } from './sides/status-document.ts';
import type { Problem } from './status-model.ts';

/** Columns that mirrored tables have and the running source does not tell: they were added after its schema was made. */
export async function untoldColumns(settings: Settings, side: SideStatus): Promise<readonly Problem[]> {
  const { mirrored } = side.source;
  const schemas = Object.keys(mirrored).length === 0 ? [] : [...(await tableSchemas(settings)).values()];
  return schemas.flatMap((schema) => {
    const table = schema.postgres === undefined ? '' : tableName(schema.postgres);
    const told = mirrored[table];
    if (told === undefined) return [];
    const untold = itemFields(schema).flatMap(({ postgres }) =>
      postgres === undefined || told.includes(postgres.column) ? [] : [`${postgres.column} (${postgres.type})`],
    );
    if (untold.length === 0) return [];
    const what = `${untold.length === 1 ? 'the column' : 'the columns'} ${untold.join(', ')}`;
    const text = `${table} has ${what}, which the source does not tell: the other columns go on, and the store lacks what rows have there.`;
    const remedy = explanationOf('COLUMN_ADDED')?.remedy ?? '';
    return [{ code: 'COLUMN_ADDED', text, remedy }];
  });
}
