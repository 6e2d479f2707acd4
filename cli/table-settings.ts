import { z } from 'zod';
import { topicPart } from '../avro/sql-names.ts';
import { registrationRoutes, type TableMapping } from '../connectors/registration/routes.ts';

/** `registration.tables`: where the tables of the flows are, and which other tables are mirrored. */

const entities = ['metering_point', 'appointment', 'participant', 'distributor_gsp_group', 'meter_asset'] as const;

const tableMapping = z.strictObject({
  kind: z
    .literal('mirror', 'is not a kind → write mirror, or leave it out for a table of the flows')
    .optional()
    .describe('`mirror`: a table besides those of the flows, to be replicated as it is; under any name'),
  schema: z
    .string()
    .min(1)
    .optional()
    .describe('the schema of the table; of a mirrored one `public` where it is not said'),
  table: z
    .string()
    .min(1)
    .optional()
    .describe('the name of the table; of a mirrored one the name of this entry where it is not said'),
  columns: z
    .record(z.string(), z.string().nullable())
    .optional()
    .describe(
      'item name: column name, for columns that are named otherwise; null for an item that the table does not have',
    ),
  correlation: z.string().optional().describe('the column that carries a correlation id'),
});

type Tables = Readonly<Record<string, z.infer<typeof tableMapping>>>;

export const tablesSchema = z
  .record(z.string(), tableMapping)
  .default({})
  .superRefine(
    (tables, context) => {
      for (const [path, message] of problemsOf(tables)) context.addIssue({ code: 'custom', path: [...path], message });
    },
    // Made whatever else is wrong, so that all problems of a file are told at once.
    { when: () => true },
  )
  .describe(
    'by entity (`metering_point`, `appointment`, `participant`, `distributor_gsp_group`, `meter_asset`) where its table or a column is named otherwise than in the contract; and tables to mirror',
  );

function problemsOf(tables: Tables): readonly (readonly [path: readonly string[], message: string])[] {
  const problems: (readonly [readonly string[], string])[] = [];
  // What is no group of settings has been told already.
  if (!isGroup(tables) || !Object.values(tables).every(isGroup)) return problems;
  const taken = new Map(flowTables(tables).map((name) => [name, 'a table that Concord publishes already']));
  for (const [name, table] of Object.entries(tables)) {
    const isEntity = (entities as readonly string[]).includes(name);
    if (table.kind === undefined) {
      if (!isEntity)
        problems.push([[name], `is no table of the flows → use one of ${entities.join(', ')}, or add kind: mirror`]);
      continue;
    }
    if (isEntity) {
      problems.push([[name, 'kind'], `is the name of a table of the flows → mirror the table under another name`]);
      continue;
    }
    for (const setting of ['columns', 'correlation'] as const) {
      if (table[setting] !== undefined)
        problems.push([[name, setting], 'has no meaning for a mirrored table, which keeps its names → remove it']);
    }
    const place = placeOf(name, table);
    const known = taken.get(nameOf(place));
    if (known !== undefined)
      problems.push([[name, 'table'], `is ${nameOf(place)}, ${known} → remove it, or name another table`]);
    taken.set(nameOf(place), `which ${name} mirrors already`);
    if (place.schema === 'appointment' && ['mss', 'msa', 'umso'].includes(place.table))
      problems.push([[name, 'table'], 'would have the topic of appointments → rename the table or its schema']);
    if (topicOf('', place).length > topicCharactersMax)
      problems.push([[name, 'table'], 'has too long a name for a Kafka topic → rename the table or its schema']);
  }
  return problems;
}

/** Kafka allows 249, some of which the prefix takes. */
const topicCharactersMax = 200;

export interface MirroredTable {
  readonly schema: string;
  readonly table: string;
  readonly topic: string;
}

/** The mirrored tables of a source, and their topics `<source>.<schema>.<table>`. */
export function mirroredTables(source: string, tables: Tables): readonly MirroredTable[] {
  return Object.entries(tables)
    .filter(([, table]) => table.kind === 'mirror')
    .map(([name, table]) => placeOf(name, table))
    .map((place) => ({ ...place, topic: topicOf(source, place) }));
}

/** The settings of the tables of the flows. */
export function flowMapping(tables: Tables): Readonly<Record<string, TableMapping>> {
  return Object.fromEntries(Object.entries(tables).filter(([, table]) => table.kind === undefined));
}

function isGroup(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Place {
  readonly schema: string;
  readonly table: string;
}

function placeOf(name: string, { schema = 'public', table = name }: z.infer<typeof tableMapping>): Place {
  return { schema, table };
}

function nameOf({ schema, table }: Place): string {
  return `${schema}.${table}`;
}

function topicOf(source: string, { schema, table }: Place): string {
  return `${source}.${topicPart(schema)}.${topicPart(table)}`;
}

function flowTables(tables: Tables): readonly string[] {
  return [...registrationRoutes('', { tables: flowMapping(tables) }).map(nameOf), 'concord.heartbeat'];
}
