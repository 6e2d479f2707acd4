import { itemFields, type RecordSchema } from '../../avro/schemas.ts';
import type { TableRoute } from './contract.ts';
import { tableName } from './route-columns.ts';

/** After every table that somebody has rules about. */
export const mirrorLoadOrder = 100;

/** The route of a mirrored table, from the schema that was made from its shape. */
export function mirrorRoute(topic: string, schema: RecordSchema): TableRoute {
  const { postgres } = schema;
  if (postgres === undefined) throw new RangeError(`${schema.name} is not the schema of a mirrored table`);
  return {
    schema: postgres.schema,
    table: postgres.table,
    entity: tableName(postgres),
    primaryKey: postgres.key,
    messageKey: postgres.key,
    topic: { kind: 'one', topic },
    items: Object.fromEntries(itemFields(schema).map(({ name, postgres: from }) => [from?.column ?? name, name])),
    kept: Object.fromEntries(
      itemFields(schema).flatMap(({ postgres: from }) =>
        from === undefined
          ? []
          : [[from.column, { declared: from.type, stored: from.stored, dropped: from.dropped === true }]],
      ),
    ),
    // A column that is not there any more, or not yet, is no reason to wait: its item is empty.
    optional: itemFields(schema).flatMap(({ postgres: from }) => from?.column ?? []),
    correlationColumn: null,
    recordType: { kind: 'row-change' },
    tombstones: true,
    reference: false,
    loadOrder: mirrorLoadOrder,
  };
}
