import { evolvedSchema } from '../avro/mirror-evolution.ts';
import type { TableShape } from '../avro/mirror-schema.ts';
import { itemFields, type RecordSchema } from '../avro/schemas.ts';
import type { TableRoute } from '../connectors/source/contract.ts';
import { mirrorRoute } from '../connectors/source/mirror-route.ts';
import { type Followed, parseAlterTable, planAlterTable } from '../connectors/source/plan-ddl.ts';
import type { ShapeJudgement } from '../connectors/source/shape-judgement.ts';
import { tableName } from '../connectors/source/route-columns.ts';
import { topicsOf } from '../connectors/source/topic-partitions.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { schemasOf } from './connections.ts';
import { generatedSchemas } from './generated-schemas.ts';
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
  const generated = await generatedSchemas(settings);
  const schemas = schemasOf(settings, generated);
  const schemaOf = (topic: string): RecordSchema => {
    const schema = schemas.get(topic);
    if (schema === undefined) throw new RangeError(`no schema for ${topic}`);
    return schema;
  };
  const judgement = await withDatabase(place.database, 'concord plan-ddl', (client) =>
    planAlterTable(client, route, alter, schemaOf, route.kept === undefined ? null : followedFrom(route, schemaOf)),
  );
  if (options.json === true) printJson({ table: tableName(route), ...judgement });
  else tell(tableName(route), judgement);
  if (judgement.verdict === 'parks') process.exitCode = exit.found;
}

/** The copy that the statement is tried on numbers its columns anew: where the name is the same, so is the column. */
function followedFrom(route: TableRoute, schemaOf: (topic: string) => RecordSchema): (shape: TableShape) => Followed {
  const topic = topicsOf(route)[0] ?? '';
  const registered = schemaOf(topic);
  const numbers = new Map(itemFields(registered).map(({ postgres }) => [postgres?.column, postgres?.number]));
  return (shape) => {
    const columns = shape.columns.map((column) => ({ ...column, number: numbers.get(column.name) ?? column.number }));
    const { schema, changes } = evolvedSchema(registered, { ...shape, columns });
    return { route: mirrorRoute(topic, schema), schema, changes };
  };
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
