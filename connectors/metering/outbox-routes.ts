import type { TableRoute } from '../source/contract.ts';

/**
 * The outbox of the metering store as routes: Flow 3 and receipts are captured like any other table.
 * `prefix`: the source's name; `schema`: where the store's tables are.
 */
export function outboxRoutes(prefix: string, schema = 'metering'): readonly TableRoute[] {
  return [
    {
      schema,
      table: 'rejection',
      entity: 'rejection',
      primaryKey: ['rejection_id'],
      messageKey: ['mpan_core'],
      topic: { kind: 'one', topic: `${prefix}.rejection` },
      items: itemsOf([
        'rejection_id',
        'mpan_core',
        'record_type',
        'flow',
        'entity',
        'entity_key',
        'source',
        'generation',
        'lsn',
        'ordinal',
        'revision',
        'rule_codes',
        'details',
        'reference_version',
        'receiver',
        'status',
        'raised_at',
        'resolved_by_generation',
        'resolved_by_lsn',
        'resolved_at',
        'acknowledged_by',
        'note',
      ]),
      correlationColumn: null,
      // An open row says error or rejection; its end is an update of the status.
      recordType: {
        kind: 'by-column',
        column: 'record_type',
        updateColumn: 'status',
        updates: { resolved: 'resolution', withdrawn: 'withdrawal' },
      },
      tombstones: false,
      reference: false,
      loadOrder: 1,
    },
    {
      schema,
      table: 'receipt',
      entity: 'receipt',
      primaryKey: ['receiver', 'source', 'lane'],
      messageKey: ['receiver', 'source', 'lane'],
      topic: { kind: 'one', topic: `${prefix}.receipt` },
      items: itemsOf(['receiver', 'source', 'lane', 'generation', 'through_lsn', 'counts', 'at']),
      correlationColumn: null,
      recordType: { kind: 'row-change' },
      tombstones: false,
      reference: false,
      loadOrder: 2,
    },
  ];
}

/** Column → item, called alike but for `source`, which the envelope has already. */
function itemsOf(columns: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(columns.map((column) => [column, column === 'source' ? 'event_source' : column]));
}
