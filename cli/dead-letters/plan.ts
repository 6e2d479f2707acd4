import type { DecodedEvent } from '../../avro/envelope.ts';
import { truncateKey } from '../../avro/envelope.ts';
import { plainValue } from '../../avro/plain.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import type { RedriveResult, StoredLetter } from '../../connectors/sink/redrive.ts';
import type { SourceSettings, TableRoute } from '../../connectors/source/contract.ts';
import { identifyingColumns, tableName } from '../../connectors/source/route-columns.ts';
import { quoteIdentifier, quoteLiteral } from '../../connectors/source/sql.ts';

/** How the source is asked to read again what a letter is about. */
export type Wish =
  | { readonly kind: 'key'; readonly route: TableRoute; readonly key: readonly string[] }
  | { readonly kind: 'where'; readonly route: TableRoute; readonly predicate: string };

/** What redriving does with one letter. */
export type RedrivePlan =
  | { readonly wish: Wish; readonly result: RedriveResult; readonly says: string }
  | { readonly wish: null; readonly says: string };

/**
 * What is to be done about a letter. The event itself is never applied late: its key may have moved on, and the positions of
 * a lane never go back. The source reads the row that it is about once more, which comes behind everything, as what is true now.
 */
export function planRedrive(
  letter: StoredLetter,
  event: DecodedEvent | null,
  schema: RecordSchema | null,
  source: SourceSettings,
): RedrivePlan {
  const route = source.routes.find((one) => topicsOf(one).includes(letter.topic));
  if (route === undefined)
    return { wish: null, says: 'no table is published on its topic: there is nothing to read again' };
  const table = tableName(route);
  if (letter.key?.toString('utf8') === truncateKey) {
    return {
      wish: null,
      says: `it says that ${table} was emptied: \`concord reconcile --repair\` finds what is too much`,
    };
  }
  if (event !== null && schema !== null && event.source.name === source.name) {
    const key = keyOf(route, plainValue(schema, event));
    if (key !== null) {
      const wish: Wish = { kind: 'key', route, key };
      return { wish, result: 'superseded', says: `it can be read now: its row of ${table} is read again` };
    }
  }
  const wish = wishByKey(route, letter.key?.toString('utf8') ?? '');
  return wish === null
    ? { wish: null, says: `its key names no row of ${table}` }
    : {
        wish,
        result: 're-read',
        says: `it still can not be read: what its key names in ${table} is read again, and it stays dead-lettered`,
      };
}

/** All parts that identify the row, so that one which is gone can be told as deleted. Null when one of them is not known. */
function keyOf(route: TableRoute, items: Readonly<Record<string, unknown>>): readonly string[] | null {
  const parts = identifyingColumns(route).map((column) => items[route.items[column] ?? ''] ?? null);
  return parts.every((part) => typeof part === 'string' || typeof part === 'number') ? parts.map(String) : null;
}

function wishByKey(route: TableRoute, key: string): Wish | null {
  const columns = route.messageKey;
  const parts = columns.length === 1 ? [key] : key.split('|');
  if (key === '' || parts.length !== columns.length) return null;
  if (columns.join() === identifyingColumns(route).join()) return { kind: 'key', route, key: parts };
  const condition = columns.map((column, at) => `${quoteIdentifier(column)} = ${quoteLiteral(parts[at] ?? '')}`);
  return { kind: 'where', route, predicate: condition.join(' AND ') };
}

function topicsOf({ topic }: TableRoute): readonly string[] {
  return topic.kind === 'one' ? [topic.topic] : [...Object.values(topic.topics), topic.otherwise];
}
