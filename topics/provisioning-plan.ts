import { type RecordSchema, type SchemaName, titleOf } from '../avro/schemas.ts';
import type { TopicDefinition } from './catalogue.ts';
import { compatibility, subjectOf } from './catalogue.ts';
import type { ClusterState, SubjectState, TopicState } from './cluster-state.ts';

/** One thing to do, with a sentence for people. */
export type ProvisioningStep = { readonly text: string } & (
  | { readonly kind: 'create-topic'; readonly topic: TopicDefinition }
  | { readonly kind: 'add-partitions'; readonly topic: string; readonly partitions: number }
  | {
      readonly kind: 'alter-config';
      readonly topic: string;
      /** Every setting that the topic has afterwards: what is left out would fall back to the broker's. */
      readonly config: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'set-compatibility'; readonly subject: string }
  | { readonly kind: 'register-schema'; readonly subject: string; readonly schema: SchemaName | RecordSchema }
);

/** A difference that is left alone, because acting on it would lose data or order. */
export interface Refusal {
  readonly name: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface ProvisioningPlan {
  readonly steps: readonly ProvisioningStep[];
  readonly refusals: readonly Refusal[];
}

/** What must be done so that the cluster matches the catalogue. Pure; nothing in a plan deletes anything. */
export function planProvisioning(catalogue: readonly TopicDefinition[], state: ClusterState): ProvisioningPlan {
  const parts = catalogue.flatMap((topic) => {
    const there = state.topics.get(topic.name);
    const subject = state.subjects.get(subjectOf(topic.name));
    return [
      ...(there === undefined
        ? [creation(topic)]
        : [partitionsOf(topic, there), replicationOf(topic, there), configOf(topic, there)]),
      ...(topic.schema === null || subject === undefined ? [] : [subjectSteps(topic.name, topic.schema, subject)]),
    ];
  });
  return {
    steps: parts.flatMap((part) => part.steps ?? []),
    refusals: parts.flatMap((part) => part.refusals ?? []),
  };
}

type Part = Partial<ProvisioningPlan>;

function creation(topic: TopicDefinition): Part {
  const { name, partitions, replicationFactor, kept } = topic;
  const text = `create topic ${name}: ${count(partitions, 'partition')}, replication ${replicationFactor}, kept: ${kept}`;
  return { steps: [{ kind: 'create-topic', topic, text }] };
}

function partitionsOf(topic: TopicDefinition, there: TopicState): Part {
  const { name, partitions, role } = topic;
  if (there.partitions === partitions) return {};
  if (role === 'dead-letter' || role === 'parked') {
    // Nobody depends on which partition of these a record is in; more than wanted do no harm.
    if (there.partitions > partitions) return {};
    const text = `add partitions to ${name}: ${there.partitions} → ${partitions}`;
    return { steps: [{ kind: 'add-partitions', topic: name, partitions, text }] };
  }
  return {
    refusals: [
      {
        name,
        reason:
          `has ${count(there.partitions, 'partition')}, and the catalogue says ${partitions}: ` +
          'with another number the events of a key would change partition, and their order would be lost',
        remedy: 'Set `kafka.partitions` to what the topics have, or give the source a new name and load it again.',
      },
    ],
  };
}

function replicationOf({ name, replicationFactor }: TopicDefinition, there: TopicState): Part {
  if (there.replicationFactor >= replicationFactor) return {};
  return {
    refusals: [
      {
        name,
        reason: `has replication factor ${there.replicationFactor}, and the catalogue says ${replicationFactor}`,
        remedy: 'Move its replicas with kafka-reassign-partitions, or set `kafka.replicationFactor` to what it has.',
      },
    ],
  };
}

function configOf(topic: TopicDefinition, there: TopicState): Part {
  const differing = Object.entries(topic.config).filter(([name, value]) => there.config[name] !== value);
  if (differing.length === 0) return {};
  if (topic.role !== 'progress' && keptMs(topic.config) < keptMs(there.config)) {
    return {
      refusals: [
        {
          name: topic.name,
          reason: `keeps its records longer (${keptText(there.config)}) than the catalogue says (${keptText(topic.config)}): changing it would delete data`,
          remedy: 'Change its retention by hand if that is meant (kafka-configs), or leave it.',
        },
      ],
    };
  }
  const own = Object.fromEntries(there.ownSettings.map((name) => [name, there.config[name] ?? '']));
  const changes = differing.map(([name, value]) => `${name} ${there.config[name] ?? '(none)'} → ${value}`);
  return {
    steps: [
      {
        kind: 'alter-config',
        topic: topic.name,
        config: { ...own, ...topic.config },
        text: `configure ${topic.name}: ${changes.join(', ')}`,
      },
    ],
  };
}

function subjectSteps(topic: string, schema: SchemaName | RecordSchema, there: SubjectState): Part {
  const subject = subjectOf(topic);
  if (there.conflicts.length > 0) {
    const told = there.conflicts.map(
      ({ version, field, problem }) => `${field ?? 'the record'} ${problem} (version ${version})`,
    );
    return {
      refusals: [
        {
          name: subject,
          reason: `has versions that ${titleOf(schema)} is in conflict with: ${told.join('; ')}`,
          remedy:
            'Add items with a default and leave the others as they are; `concord schemas diff` shows the differences.',
        },
      ],
    };
  }
  const steps: ProvisioningStep[] = [];
  if (there.compatibility !== compatibility) {
    const text = `set compatibility of ${subject}: ${there.compatibility ?? '(none)'} → ${compatibility}`;
    steps.push({ kind: 'set-compatibility', subject, text });
  }
  if (there.id === null) {
    const text = `register ${titleOf(schema)} as version ${there.versions + 1} of ${subject}`;
    steps.push({ kind: 'register-schema', subject, schema, text });
  }
  return { steps };
}

/** For how long every record is there; Infinity for ever. */
function keptMs(config: Readonly<Record<string, string>>): number {
  const retentionMs = Number(config['retention.ms'] ?? '-1');
  const compactedAfterMs = Number(config['min.compaction.lag.ms'] ?? '0');
  const deletedAfterMs = retentionMs < 0 ? Number.POSITIVE_INFINITY : retentionMs;
  const policy = config['cleanup.policy'] ?? 'delete';
  if (policy === 'delete') return deletedAfterMs;
  return policy === 'compact' ? compactedAfterMs : Math.min(deletedAfterMs, compactedAfterMs);
}

function keptText(config: Readonly<Record<string, string>>): string {
  const ms = keptMs(config);
  return ms === Number.POSITIVE_INFINITY ? 'for ever' : `${Math.round(ms / 86_400_000)} days`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
