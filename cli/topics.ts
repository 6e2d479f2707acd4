import { Command } from 'commander';
import { titleOf } from '../avro/schemas.ts';
import { createLog } from '../runtime/log.ts';
import type { Provisioning, TopicDescription } from '../topics/provisioning.ts';
import { applyPlan, describeTopics, planTopics } from '../topics/provisioning.ts';
import type { ProvisioningPlan } from '../topics/provisioning-plan.ts';
import { catalogueOf, kafkaOf, registryOf } from './connections.ts';
import { generatedSchemas } from './generated-schemas.ts';
import type { CommonOptions } from './options.ts';
import { settingsOf, withCommonOptions } from './options.ts';
import { exit, print, printJson, printTable } from './output.ts';

/** `concord topics plan|apply|describe`: topics and subjects as code. */
export function topicsCommand(
  open: (options: CommonOptions) => Provisioning | Promise<Provisioning> = openProvisioning,
): Command {
  const subcommand = (name: string, description: string, act: Act): Command =>
    withCommonOptions(new Command(name).description(description)).action(async (options: CommonOptions) => {
      const provisioning = await open(options);
      try {
        process.exitCode = await act(provisioning, options.json === true);
      } finally {
        provisioning.registry.close();
      }
    });
  return new Command('topics')
    .description('topics and subjects as code: show the difference to the cluster, or make it match')
    .addCommand(subcommand('plan', 'show what apply would do; exit code 3 when that is something', showPlan))
    .addCommand(subcommand('apply', 'make the cluster match the catalogue; deletes nothing', apply))
    .addCommand(subcommand('describe', 'every topic: what it should be and what is there', describe));
}

type Act = (provisioning: Provisioning, json: boolean) => Promise<number>;

async function showPlan(provisioning: Provisioning, json: boolean): Promise<number> {
  const plan = await planTopics(provisioning);
  if (json) printJson(planDocument(plan));
  else printPlan(plan, 'Everything is as the catalogue says.');
  return plan.steps.length + plan.refusals.length === 0 ? exit.done : exit.found;
}

async function apply(provisioning: Provisioning, json: boolean): Promise<number> {
  const plan = await planTopics(provisioning);
  if (!json) printPlan(plan, 'Everything is as the catalogue says: nothing to do.');
  await applyPlan(provisioning, plan);
  if (json) printJson({ ...planDocument(plan), applied: true });
  else if (plan.steps.length > 0) print('Done.');
  return plan.refusals.length === 0 ? exit.done : exit.found;
}

async function describe(provisioning: Provisioning, json: boolean): Promise<number> {
  const topics = await describeTopics(provisioning);
  if (json) printJson({ topics });
  else
    printTable(
      ['topic', 'flow', 'role', 'partitions', 'there', 'kept', 'key', 'schema', 'registered'],
      topics.map(row),
      'There are no topics.',
    );
  return exit.done;
}

function row(topic: TopicDescription): (string | number | null)[] {
  const { name, flow, role, partitions, kept, key, schema, actual, registered } = topic;
  const there = actual === null ? 'missing' : `${actual.partitions} × ${actual.replicationFactor}`;
  return [
    name,
    flow === null ? '' : String(flow),
    role,
    partitions,
    there,
    kept,
    key,
    schema === null ? null : titleOf(schema),
    registeredText(registered),
  ];
}

function registeredText(registered: TopicDescription['registered']): string {
  if (registered === null) return '';
  const { id, versions, compatibility } = registered;
  return id === null
    ? `not yet (${versions} others)`
    : `id ${id}, version ${versions}, ${compatibility ?? 'no compatibility'}`;
}

function printPlan({ steps, refusals }: ProvisioningPlan, whenEmpty: string): void {
  if (steps.length + refusals.length === 0) print(whenEmpty);
  for (const step of steps) print(`+ ${step.text}`);
  for (const { name, reason, remedy } of refusals) print(`! ${name} ${reason}.\n  What to do: ${remedy}`);
}

function planDocument({ steps, refusals }: ProvisioningPlan): object {
  return { steps: steps.map(({ kind, text }) => ({ kind, text })), refusals };
}

async function openProvisioning(options: CommonOptions): Promise<Provisioning> {
  const settings = settingsOf(options);
  const generated = await generatedSchemas(settings);
  return {
    kafka: kafkaOf(settings, 'topics', createLog('topics', 'error')),
    registry: registryOf(settings),
    catalogue: catalogueOf(settings, generated),
  };
}
