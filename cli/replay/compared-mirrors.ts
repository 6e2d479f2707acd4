import type pg from 'pg';
import { storedName } from '../../avro/mirror-schema.ts';
import type { RecordSchema } from '../../avro/schemas.ts';
import { storedTable } from '../../connectors/metering/mirror/store-table.ts';
import type { NotCompared } from './as-of-place.ts';
import { type ComparedTable, position, times } from './compared-tables.ts';

/** The mirrored tables of both stores, as far as they can be compared: each with its history. */
export async function comparedMirrors(
  live: pg.Client,
  topics: readonly string[],
  schemas: ReadonlyMap<string, RecordSchema>,
  offsets: ReadonlyMap<string, number>,
): Promise<{ readonly tables: readonly ComparedTable[]; readonly notCompared: readonly NotCompared[] }> {
  const tables: ComparedTable[] = [];
  const notCompared: NotCompared[] = [];
  for (const topic of topics) {
    const schema = schemas.get(topic);
    if (schema === undefined) {
      notCompared.push({ table: topic, why: 'no schema of it is registered, so nothing of it is on its topic' });
      continue;
    }
    const { current, history } = storedTable(schema, () => true);
    const why = hasExpired(topic, offsets)
      ? 'its topic does not begin with its first record any more'
      : (await isThere(live, current))
        ? null
        : 'the live store has nothing of it yet';
    if (why === null) tables.push(...bothOf(schema, { current, history }));
    else notCompared.push({ table: current, why });
  }
  return { tables, notCompared };
}

function bothOf(schema: RecordSchema, mirror: { current: string; history: string }): readonly ComparedTable[] {
  const key = schema.postgres?.key.map(storedName) ?? [];
  const { current, history } = mirror;
  return [
    { name: current, key, without: times, entity: null, relation: current, mirror },
    { name: history, key: [...key, ...position], without: times, entity: null, relation: history, mirror },
  ];
}

export function hasExpired(topic: string, offsets: ReadonlyMap<string, number>): boolean {
  return [...offsets].some(([name, earliest]) => name.slice(0, name.lastIndexOf('/')) === topic && earliest > 0);
}

async function isThere(client: pg.Client, relation: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [relation]);
  return rows[0]?.there === true;
}
