import type pg from 'pg';
import { evolvedSchema } from '../../avro/mirror-evolution.ts';
import { type SettledShapes, TableEvolves } from '../../connectors/source/evolution.ts';
import type { SourceFinding } from '../../connectors/source/finding.ts';
import { tableName } from '../../connectors/source/route-columns.ts';
import { publishedTables } from '../../connectors/source/setup.ts';
import { quoteIdentifier, quoteTable } from '../../connectors/source/sql.ts';
import { readShape } from '../../connectors/source/table-shape.ts';
import type { LookAtMirrors } from '../../connectors/source/table-watch.ts';
import { Fault } from '../../runtime/fault.ts';
import { type GeneratedSchemas, mirrorsOf } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import type { MirroredTable } from '../table-settings.ts';

/**
 * Looks at the mirrored tables of a source that runs with these schemas: one that was altered and not written to since
 * is found, and one that is made, or published, only now.
 */
export function lookingAtMirrors(
  settings: Settings,
  generated: GeneratedSchemas,
  settled: SettledShapes,
): LookAtMirrors {
  const mirrors = mirrorsOf(settings);
  const known = new Map<string, string>();
  const { publication } = settings.registration;
  return async (client) => {
    if (mirrors.length === 0) return [];
    const now = await outlines(client, mirrors);
    const waiting: SourceFinding[] = [];
    const published = mirrors.length === generated.size ? null : await publishedTables(client, publication);
    for (const mirror of mirrors) {
      const table = tableName(mirror);
      const outline = now.get(table) ?? '';
      const registered = generated.get(mirror.topic);
      if (registered === undefined) {
        if (published?.has(table) === true && settled.isFirst(JSON.stringify(['published', table, outline])))
          throw new TableEvolves(table);
        waiting.push(notPublished(mirror, outline !== '', publication));
      } else if (outline !== '' && outline !== known.get(table)) {
        const schema = await evolvedFrom(client, mirror, registered);
        if (schema !== registered && settled.isFirst(JSON.stringify([table, schema]))) throw new TableEvolves(table);
        known.set(table, outline);
      }
    }
    return waiting;
  };
}

async function evolvedFrom(
  client: pg.Client,
  mirror: MirroredTable,
  registered: Parameters<typeof evolvedSchema>[0],
): Promise<typeof registered> {
  try {
    return evolvedSchema(registered, await readShape(client, mirror)).schema;
  } catch (error) {
    // It has lost its key, or itself, a moment ago: who reads its rows tells.
    if (error instanceof Fault && error.kind === 'misconfigured') return registered;
    throw error;
  }
}

/** `schema.table` → all that its columns are, in one question for all tables; absent for one that does not exist. */
async function outlines(client: pg.Client, mirrors: readonly MirroredTable[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ table: string; outline: string }>(
    `SELECT wanted ->> 'schema' || '.' || (wanted ->> 'table') AS "table",
       c.oid || ' ' || md5(string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped, a.attgenerated), ',' ORDER BY a.attnum)) AS outline
     FROM jsonb_array_elements($1::jsonb) wanted
     JOIN pg_namespace n ON n.nspname = wanted ->> 'schema'
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 'table' AND c.relkind IN ('r', 'p')
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 GROUP BY 1, c.oid`,
    [JSON.stringify(mirrors)],
  );
  return new Map(rows.map(({ table, outline }) => [table, outline]));
}

export function notPublished(mirror: MirroredTable, isThere: boolean, publication: string): SourceFinding {
  const add = `ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ${quoteTable(mirror)}`;
  return {
    code: 'MIRROR_NOT_PUBLISHED',
    text: `The table ${tableName(mirror)} is to be mirrored, and ${isThere ? `is not in the publication ${publication}, or has no primary key` : 'does not exist'}: nothing of it is told.`,
    remedy: `${isThere ? 'Give it a primary key, if it has none, and' : 'Make it with a primary key, and'} ${add}. The source then reads it from its first row on, without a restart.`,
  };
}
