import { expect, test } from 'vitest';
import { schemaNames } from '../avro/schemas.ts';
import { catalogue, readerSchemas, topicsOf } from './catalogue.ts';

const topics = catalogue({
  registrationPrefix: 'registration',
  meteringPrefix: 'metering',
  partitions: 4,
  replicationFactor: 1,
});

test('the topics are those of the public contract', () => {
  expect(
    topics.map((topic) => `${topic.name} ${topic.flow ?? '-'} ${topic.role} ${topic.partitions} ${topic.kept}`),
  ).toEqual([
    'registration.metering-point 1 lane 4 compacted after 40 months',
    'registration.appointment.mss 2 lane 4 40 months',
    'registration.appointment.msa 2 lane 4 40 months',
    'registration.appointment.umso 2 lane 4 40 months',
    'registration.participant - reference 1 for ever',
    'registration.distributor - reference 1 for ever',
    'registration.meter-asset - lane 4 compacted after 40 months',
    'metering.rejection 3 lane 4 40 months',
    'metering.receipt - lane 4 compacted',
    'registration.receipt - lane 4 compacted',
    'registration.progress - progress 1 compacted',
    'metering.progress - progress 1 compacted',
    'registration.parked - parked 1 until released',
    'concord.dead-letter - dead-letter 1 40 months',
  ]);
});

test('nothing that a replay of 40 months needs goes early', () => {
  const fortyMonthsMs = 40 * 30.4 * 86_400_000;
  for (const topic of topics.filter((candidate) => candidate.flow !== null || candidate.role === 'reference')) {
    const { config } = topic;
    const kept = config['cleanup.policy'] === 'compact' ? config['min.compaction.lag.ms'] : config['retention.ms'];
    expect(kept === '-1' || Number(kept) > fortyMonthsMs, topic.name).toBe(true);
  }
});

test('every schema belongs to a topic, and every topic of a source but parked has one', () => {
  expect(new Set(topics.flatMap((topic) => topic.schema ?? []))).toEqual(new Set(schemaNames));
  const without = topics.filter((topic) => topic.schema === null).map((topic) => topic.role);
  expect(without).toEqual(['parked', 'dead-letter']);
});

test('a topic is read with its own schema, and an unmetered appointment has no meter', () => {
  const schemaOf = readerSchemas(topics);
  const itemNames = (topic: string) => schemaOf(topic)?.fields.map((field) => field.name);
  expect(itemNames('registration.appointment.mss')).toContain('meter_id');
  expect(itemNames('registration.appointment.umso')).not.toContain('meter_id');
  expect(schemaOf('registration.parked')).toBeUndefined();
  expect(schemaOf('somebody.else')).toBeUndefined();
});

test('all lane topics of a source have the same number of partitions', () => {
  const lanes = topicsOf(topics, 'registration', 'lane');
  expect(lanes).toHaveLength(6);
  expect(new Set(lanes.map((topic) => topic.partitions))).toEqual(new Set([4]));
});
