import type pg from 'pg';
import { entityTables, type StoredEntity } from '../../connectors/metering/entities.ts';
import type { ComparedTable } from './compared-tables.ts';

/**
 * Why the stores may differ in a key: a rule refused an event of it in one of them, and not, or otherwise, in the other.
 * `changed` is what nothing of that explains: the live store was changed by somebody else, or was judged by other rules then.
 */
export const unexplained = 'unexplained';

/** What is asked for the cause of a key, once its rows were looked at. */
export async function causesOf(
  live: pg.Client,
  second: pg.Client,
  table: ComparedTable,
  source: string,
  keys: readonly string[],
): Promise<(key: string) => string> {
  // No rule judges a mirrored table.
  if (table.mirror !== null) return () => unexplained;
  const identityOf = (key: string): string => identity(table, key);
  const wanted = [...new Set(keys.map(identityOf))];
  const [there, here] = await Promise.all([refusalsOf(live, source, wanted), refusalsOf(second, source, wanted)]);
  return (key) => {
    const name = identityOf(key);
    const ours = here.get(name) ?? new Set();
    const theirs = there.get(name) ?? new Set();
    const added = codesOf([...ours].filter((one) => !theirs.has(one)));
    const ended = codesOf([...theirs].filter((one) => !ours.has(one)));
    if (added !== '' && added === ended) return `refused by ${added}, but at another event or time`;
    if (added !== '' && ended !== '') return `refused by ${added} instead of ${ended}`;
    if (added !== '') return `refused by ${added}`;
    return ended === '' ? unexplained : `not refused by ${ended} any more`;
  };
}

/** `entity|entity_key` of a row, by which its refusals are found. */
function identity({ entity, key }: ComparedTable, name: string): string {
  const parts = name.split('|');
  if (entity === null) return parts.slice(0, 2).join('|');
  const column = entityTables[entity as StoredEntity].key.at(-1) ?? '';
  return `${entity}|${parts[key.indexOf(column)] ?? ''}`;
}

/** What was refused or held of the keys, as `position codes`. */
async function refusalsOf(
  client: pg.Client,
  source: string,
  wanted: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { rows } = await client.query<{ name: string; refusal: string }>(
    `SELECT name, refusal FROM (
       SELECT entity || '|' || entity_key AS name, concat_ws('/', generation, lsn, ordinal, revision, status) || ' ' || array_to_string(rule_codes, ' ') AS refusal
         FROM metering.rejection WHERE source = $1
       UNION SELECT entity || '|' || entity_key, concat_ws('/', generation, lsn, ordinal) || ' ' || array_to_string(rule_codes, ' ')
         FROM metering.held WHERE source = $1) r
     WHERE name = ANY ($2)`,
    [source, wanted],
  );
  const found = new Map<string, Set<string>>();
  for (const { name, refusal } of rows) found.set(name, (found.get(name) ?? new Set()).add(refusal));
  return found;
}

function codesOf(refusals: readonly string[]): string {
  return [...new Set(refusals.flatMap((one) => one.split(' ').slice(1)))].toSorted().join(', ');
}

/** Rejections and holds by rule in one store. */
export async function refusalsByRule(client: pg.Client, source: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ code: string; events: string }>(
    `SELECT code, count(*)::text AS events FROM (
       SELECT rule_codes FROM metering.rejection WHERE source = $1 UNION ALL SELECT rule_codes FROM metering.held WHERE source = $1) r,
       unnest(rule_codes) AS code GROUP BY code`,
    [source],
  );
  return new Map(rows.map(({ code, events }) => [code, Number(events)]));
}

/**
 * Events by topic and outcome in one store. Receipts are left out (P26), and a redriven dead letter counts as what it was when
 * its record was read.
 */
export async function outcomesOf(client: pg.Client, source: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ name: string; events: string }>(
    `SELECT topic || ' ' || outcome AS name, sum(count)::text AS events FROM (
       SELECT topic, outcome, count FROM metering.outcome WHERE source = $1 AND topic <> $1 || '.receipt'
       UNION ALL SELECT r.topic, o.outcome, o.count FROM metering.redrive r,
         (VALUES ('superseded', -1), ('dead-lettered', 1)) AS o(outcome, count) WHERE r.source = $1 AND r.result = 'superseded') t
     GROUP BY 1 HAVING sum(count) <> 0`,
    [source],
  );
  return new Map(rows.map(({ name, events }) => [name, Number(events)]));
}
