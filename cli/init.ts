import { Command } from 'commander';
import type { Logger } from 'pino';
import { meteringMigrationsPending, migrateMetering } from '../connectors/metering/migrate.ts';
import { inboxTables } from '../connectors/registration/inbox-tables.ts';
import { sinkTables } from '../connectors/sink/tables.ts';
import type { SourceSettings } from '../connectors/source/contract.ts';
import { planSource, setUpSource } from '../connectors/source/setup.ts';
import { createLog } from '../runtime/log.ts';
import { clientConfigOf, withDatabase, type DatabaseSettings } from '../runtime/postgres.ts';
import { applyPlan, planTopics } from '../topics/provisioning.ts';
import { catalogueOf, kafkaOf, registryOf } from './connections.ts';
import { initMirrors, schemasToInit } from './init-mirrors.ts';
import type { GeneratedSchemas } from './mirrors.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson } from './output.ts';
import type { Settings } from './settings.ts';
import { meteringSourceOf, registrationSourceOf } from './sides/settings-of.ts';

/** One thing that was missing: where, and what. */
interface InitStep {
  readonly place: 'registration database' | 'metering database' | 'Kafka and registry';
  readonly what: string;
}

/** `concord init`: everything that the connectors need on the servers. Idempotent; `--plan` only shows. */
export function initCommand(): Command {
  return withCommonOptions(
    new Command('init').description(
      'make publications, slots, topics, subjects and store tables, where they are missing',
    ),
  )
    .option('--plan', 'only show what would be made; exit code 3 when that is something')
    .action(async (options: CommonOptions & { plan?: boolean }) => {
      const settings = settingsOf(options);
      const log = createLog('init', 'warn');
      const onlyPlan = options.plan === true;
      const steps: InitStep[] = [];
      const tell = (step: InitStep): void => {
        steps.push(step);
        if (options.json !== true) print(`${onlyPlan ? 'missing' : 'made'}: ${step.place}: ${step.what}`);
      };
      // The store before the slots: what a slot streams from its first byte on must have where to go.
      const { schemas: generated, kept, waiting } = await schemasToInit(settings);
      await initRegistration(settings, generated, onlyPlan, tell);
      await initMetering(settings, onlyPlan, log, tell);
      await initMirrors(settings, generated, onlyPlan, (what) => tell({ place: 'metering database', what }));
      await initTopics(settings, generated, onlyPlan, log, tell);
      if (options.json === true) printJson({ plan: onlyPlan, steps, kept, waiting });
      else if (steps.length === 0) print('Everything is there already.');
      if (options.json !== true) {
        for (const text of kept) print(`kept as registered: ${text}`);
        for (const text of waiting) print(`waits: ${text}`);
      }
      process.exitCode = onlyPlan && steps.length > 0 ? exit.found : exit.done;
    });
}

type Tell = (step: InitStep) => void;

async function initRegistration(
  settings: Settings,
  generated: GeneratedSchemas,
  onlyPlan: boolean,
  tell: Tell,
): Promise<void> {
  const place = 'registration database' as const;
  const { database } = settings.registration;
  const tablesMissing = await withDatabase(database, 'concord init', async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('inbox.rejection') IS NOT NULL AND to_regclass('inbox.receipt') IS NOT NULL
         AND to_regclass('concord.applied_offset') IS NOT NULL AS there`,
    );
    if (rows[0]?.there === true) return false;
    if (!onlyPlan) await client.query(`BEGIN; ${sinkTables('concord')}; ${inboxTables}; COMMIT`);
    return true;
  });
  if (tablesMissing) tell({ place, what: 'schemas inbox and concord with their tables' });
  // The outbox of receipts is one of the tables that the source publishes: without it nothing can be planned.
  if (onlyPlan && tablesMissing) tell({ place, what: 'publication and replication slot' });
  else await initSource(place, database, registrationSourceOf(settings, generated), onlyPlan, tell);
}

async function initMetering(settings: Settings, onlyPlan: boolean, log: Logger, tell: Tell): Promise<void> {
  const place = 'metering database' as const;
  const { database } = settings.metering;
  const migrations = await withDatabase(database, 'concord init', (client) =>
    onlyPlan ? meteringMigrationsPending(client, log) : migrateMetering(client, log),
  );
  for (const migration of migrations) tell({ place, what: `migration ${migration}` });
  if (onlyPlan && migrations.length > 0) tell({ place, what: 'publication and replication slot' });
  else await initSource(place, database, meteringSourceOf(settings), onlyPlan, tell);
}

async function initSource(
  place: InitStep['place'],
  database: DatabaseSettings,
  source: SourceSettings,
  onlyPlan: boolean,
  tell: Tell,
): Promise<void> {
  const client = clientConfigOf(database, 'concord init');
  const steps = onlyPlan ? await planSource(client, source) : await setUpSource(client, source);
  for (const { what } of steps) tell({ place, what });
}

async function initTopics(
  settings: Settings,
  generated: GeneratedSchemas,
  onlyPlan: boolean,
  log: Logger,
  tell: Tell,
): Promise<void> {
  const registry = registryOf(settings);
  try {
    const provisioning = {
      kafka: kafkaOf(settings, 'init', log),
      registry,
      catalogue: catalogueOf(settings, generated),
    };
    const plan = await planTopics(provisioning);
    if (!onlyPlan) await applyPlan(provisioning, plan);
    for (const { text } of plan.steps) tell({ place: 'Kafka and registry', what: text });
  } finally {
    registry.close();
  }
}
