import { describe, expect, test } from 'vitest';
import { catalogue } from './catalogue.ts';
import type { ClusterState, SubjectState, TopicState } from './cluster-state.ts';
import { planProvisioning } from './provisioning-plan.ts';

const topics = catalogue({ registrationPrefix: 'reg', meteringPrefix: 'met', partitions: 4, replicationFactor: 1 });
const point = topics.filter((topic) => topic.name === 'reg.metering-point');
const nothing: ClusterState = { topics: new Map(), subjects: new Map() };

/** The cluster as the catalogue wants it, with these differences for the metering point topic. */
function cluster(topic: Partial<TopicState>, subject: Partial<SubjectState> = {}): ClusterState {
  return {
    topics: new Map(
      topics.map(({ name, partitions, config }) => [
        name,
        { partitions, replicationFactor: 1, config, ownSettings: [], ...(name === point[0]?.name ? topic : {}) },
      ]),
    ),
    subjects: new Map(
      topics.map(({ name }) => [
        `${name}-value`,
        {
          compatibility: 'FULL_TRANSITIVE',
          versions: 1,
          id: 7,
          conflicts: [],
          ...(name === point[0]?.name ? subject : {}),
        },
      ]),
    ),
  };
}

const wanted = point[0]?.config ?? {};

describe('the plan', () => {
  test('is empty when everything is as it should be', () => {
    expect(planProvisioning(topics, cluster({}))).toEqual({ steps: [], refusals: [] });
  });

  test('makes every topic of an empty cluster', () => {
    const { steps, refusals } = planProvisioning(topics, nothing);
    expect(steps.map((step) => step.kind)).toEqual(topics.map(() => 'create-topic'));
    expect(refusals).toEqual([]);
  });

  test('keeps the settings that an operator made on a topic when it changes another', () => {
    const state = cluster({
      config: {
        ...wanted,
        'max.message.bytes': '1048588',
        'leader.replication.throttled.replicas': '0:1',
        'segment.ms': '5',
      },
      ownSettings: ['leader.replication.throttled.replicas'],
    });
    const { steps } = planProvisioning(topics, state);
    expect(steps).toMatchObject([
      {
        kind: 'alter-config',
        topic: 'reg.metering-point',
        text: 'configure reg.metering-point: max.message.bytes 1048588 → 8388608',
      },
    ]);
    expect(steps[0]).toHaveProperty('config', { ...wanted, 'leader.replication.throttled.replicas': '0:1' });
  });

  test('sets the compatibility before it registers a schema', () => {
    const { steps } = planProvisioning(topics, cluster({}, { compatibility: 'NONE', id: null, versions: 2 }));
    expect(steps.map((step) => step.text)).toEqual([
      'set compatibility of reg.metering-point-value: NONE → FULL_TRANSITIVE',
      'register metering-point.avsc as version 3 of reg.metering-point-value',
    ]);
  });

  test('lengthens what is kept too short', () => {
    const state = cluster({ config: { ...wanted, 'cleanup.policy': 'delete', 'retention.ms': '604800000' } });
    expect(planProvisioning(topics, state).steps).toMatchObject([{ kind: 'alter-config' }]);
  });
});

describe('the plan refuses', () => {
  test.each<[string, Partial<TopicState>, Partial<SubjectState>, RegExp]>([
    ['another number of lanes, more', { partitions: 8 }, {}, /order would be lost/],
    ['another number of lanes, fewer', { partitions: 2 }, {}, /order would be lost/],
    ['fewer replicas', { replicationFactor: 0 }, {}, /replication factor/],
    [
      'to delete what somebody keeps for ever',
      { config: { ...wanted, 'cleanup.policy': 'delete', 'retention.ms': '-1' } },
      {},
      /for ever.*would delete data/,
    ],
    [
      'to compact earlier than somebody wants',
      { config: { ...wanted, 'min.compaction.lag.ms': '9007199254740991' } },
      {},
      /would delete data/,
    ],
    [
      'a schema in conflict, and names the item',
      {},
      { id: null, conflicts: [{ version: 1, field: 'gsp_group', problem: 'is another' }] },
      /gsp_group is another \(version 1\)/,
    ],
  ])('%s', (_, topic, subject, reason) => {
    const { steps, refusals } = planProvisioning(topics, cluster(topic, subject));
    expect(steps).toEqual([]);
    expect(refusals).toHaveLength(1);
    expect(refusals[0]?.reason).toMatch(reason);
  });
});
