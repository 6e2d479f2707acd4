import { Command } from 'commander';
import { conflictsBetween } from '../avro/compatibility.ts';
import { differencesBetween, type SchemaDifference } from '../avro/differences.ts';
import { publishedVersions } from '../avro/published.ts';
import type { SchemaRegistry } from '../avro/registry.ts';
import {
  loadSchema,
  parseForeignSchema,
  recordSchemaOf,
  schemaNames,
  type SchemaName,
  titleOf,
} from '../avro/schemas.ts';
import { subjectOf, type TopicDefinition } from '../topics/catalogue.ts';
import { catalogueOf, registryOf } from './connections.ts';
import { generatedSchemas } from './generated-schemas.ts';
import { planDdl } from './plan-ddl.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson } from './output.ts';

/** What the commands need of the outside. */
export interface SchemaTools {
  readonly registry: SchemaRegistry;
  readonly catalogue: readonly TopicDefinition[];
}

/** Something that keeps a schema from being used. `where` is a subject, or `main`. */
interface Conflict {
  readonly schema: string;
  readonly where: string;
  readonly version: number;
  readonly field: string | null;
  readonly problem: string;
}

/** `concord schemas check|diff|plan-ddl`: are the schemas fit to be used, what is new in them, what would a statement do. */
export function schemasCommand(
  open: (options: CommonOptions) => SchemaTools | Promise<SchemaTools> = openTools,
): Command {
  return new Command('schemas')
    .description('the Avro schemas: compatibility and differences, and what a statement would do to them')
    .addCommand(
      withCommonOptions(
        new Command('check').description(
          'check every schema against its subject and against main; exit code 3 on a conflict',
        ),
      )
        .option('--offline', 'only against main: no registry is asked')
        .action(async (options: CommonOptions & { offline?: boolean }) => {
          const atHome = schemaNames.flatMap(conflictsWithMain);
          const away = options.offline === true ? [] : await withTools(await open(options), conflictsWithSubjects);
          process.exitCode = reportConflicts([...atHome, ...away], options.json === true);
        }),
    )
    .addCommand(
      withCommonOptions(
        new Command('diff').description(
          'show what differs from the newest version in the registry; exit code 3 when something does',
        ),
      ).action(async (options: CommonOptions) => {
        const subjects = await withTools(await open(options), compareSubjects);
        process.exitCode = reportDifferences(subjects, options.json === true);
      }),
    )
    .addCommand(
      withCommonOptions(
        new Command('plan-ddl')
          .description('say beforehand what an ALTER TABLE would do; exit code 3 when the table would be parked')
          .argument('<statement>', 'such as "ALTER TABLE metering_point ADD COLUMN colour text"'),
      ).action((statement: string, options: CommonOptions) => planDdl(statement, options)),
    );
}

function conflictsWithMain(schema: SchemaName): Conflict[] {
  return publishedVersions(schema).flatMap(({ version, schema: older }) =>
    conflictsBetween(older, loadSchema(schema)).map((conflict) => ({
      schema: nameOf(schema),
      where: 'main',
      version,
      ...conflict,
    })),
  );
}

async function conflictsWithSubjects({ registry, catalogue }: SchemaTools): Promise<Conflict[]> {
  const found: Conflict[] = [];
  for (const { name, schema } of withSchema(catalogue)) {
    const where = subjectOf(name);
    const conflicts = await registry.checkCompatibility(where, recordSchemaOf(schema));
    found.push(...conflicts.map((conflict) => ({ schema: nameOf(schema), where, ...conflict })));
  }
  return found;
}

/** A subject against our schema: null when it does not exist yet. */
interface Comparison {
  readonly subject: string;
  readonly schema: string;
  readonly version: number | null;
  readonly differences: readonly SchemaDifference[];
}

async function compareSubjects({ registry, catalogue }: SchemaTools): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const { name, schema } of withSchema(catalogue)) {
    const subject = subjectOf(name);
    const newest = (await registry.versions(subject)).at(-1);
    const registered = newest === undefined ? null : parseForeignSchema(newest.text);
    const differences = registered === null ? [] : differencesBetween(registered, recordSchemaOf(schema));
    comparisons.push({ subject, schema: nameOf(schema), version: newest?.version ?? null, differences });
  }
  return comparisons;
}

function reportConflicts(conflicts: readonly Conflict[], json: boolean): number {
  if (json) printJson({ compatible: conflicts.length === 0, conflicts });
  else if (conflicts.length === 0) print('Every schema goes together with every version that it may meet.');
  else {
    for (const { schema, where, version, field, problem } of conflicts) {
      print(`! ${titleOfName(schema)}, version ${version} of ${where}: ${field ?? 'the record'} ${problem}`);
    }
  }
  return conflicts.length === 0 ? exit.done : exit.found;
}

function reportDifferences(comparisons: readonly Comparison[], json: boolean): number {
  const differing = comparisons.filter(({ version, differences }) => version === null || differences.length > 0);
  if (json) printJson({ subjects: comparisons });
  else if (differing.length === 0) print('Every schema is the newest version of its subject.');
  else {
    for (const { subject, schema, version, differences } of differing) {
      print(
        version === null ? `${subject}: not registered yet` : `${subject}: version ${version} → ${titleOfName(schema)}`,
      );
      for (const { field, change, before, after } of differences)
        print(`  ${field}, ${change}: ${before ?? '(none)'} → ${after ?? '(none)'}`);
    }
  }
  return differing.length === 0 ? exit.done : exit.found;
}

function withSchema(
  catalogue: readonly TopicDefinition[],
): { name: string; schema: NonNullable<TopicDefinition['schema']> }[] {
  return catalogue.flatMap(({ name, schema }) => (schema === null ? [] : [{ name, schema }]));
}

function nameOf(schema: NonNullable<TopicDefinition['schema']>): string {
  return typeof schema === 'string' ? schema : titleOf(schema);
}

function titleOfName(name: string): string {
  return (schemaNames as readonly string[]).includes(name) ? `${name}.avsc` : name;
}

async function withTools<T>(tools: SchemaTools, act: (tools: SchemaTools) => Promise<T>): Promise<T> {
  try {
    return await act(tools);
  } finally {
    tools.registry.close();
  }
}

async function openTools(options: CommonOptions): Promise<SchemaTools> {
  const settings = settingsOf(options);
  const catalogue = catalogueOf(settings, await generatedSchemas(settings));
  return { registry: registryOf(settings), catalogue };
}
