import { parseAlterTable, planAlterTable } from '../connectors/source/plan-ddl.ts';
import type { ShapeJudgement } from '../connectors/source/shape-judgement.ts';
import { tableName } from '../connectors/source/route-columns.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { schemasOf } from './connections.ts';
import { generatedSchemas } from './mirrors.ts';
import { settingsOf, type CommonOptions } from './options.ts';
import { exit, print, printJson, UsageError } from './output.ts';
import { placesOf } from './places.ts';

/** `concord schemas plan-ddl "ALTER TABLE …"`: whether the table goes on or is parked. Changes nothing. */
export async function planDdl(statement: string, options: CommonOptions): Promise<void> {
  const alter = parseAlterTable(statement);
  if (alter === null)
    throw new UsageError(
      'Only ALTER TABLE can be planned: `concord schemas plan-ddl "ALTER TABLE metering_point ADD COLUMN colour text"`.',
    );
  const settings = settingsOf(options);
  const place = (await placesOf(settings)).find(({ source }) => source.parkedTopic !== null);
  const route = place?.source.routes.find(
    (one) => one.table === alter.table && (alter.schema === null || alter.schema === one.schema),
  );
  if (place === undefined || route === undefined) {
    const tables = place?.source.routes.map(tableName).join(', ') ?? '';
    throw new UsageError(
      `${alter.schema === null ? '' : `${alter.schema}.`}${alter.table} is not published, so the statement changes nothing for us. Published are ${tables}.`,
    );
  }
  const schemas = schemasOf(settings, await generatedSchemas(settings));
  const judgement = await withDatabase(place.database, 'concord plan-ddl', (client) =>
    planAlterTable(client, route, alter, (topic) => {
      const schema = schemas.get(topic);
      if (schema === undefined) throw new RangeError(`no schema for ${topic}`);
      return schema;
    }),
  );
  if (options.json === true) printJson({ table: tableName(route), ...judgement });
  else tell(tableName(route), judgement);
  if (judgement.verdict === 'parks') process.exitCode = exit.found;
}

function tell(table: string, { verdict, notes }: ShapeJudgement): void {
  const sentence = {
    unchanged: `${table} goes on: nothing that travels is changed.`,
    evolves: `${table} goes on, with this:`,
    parks: `${table} would be parked: its changes would wait on the parked topic, other tables would go on.`,
  };
  print(sentence[verdict]);
  for (const { code, text, fix } of notes) {
    print(`  ${fix === null ? '·' : '✗'} ${code}: ${text}`);
    if (fix !== null) print(`    → afterwards: ${fix}`);
  }
}
