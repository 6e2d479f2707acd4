import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import { deleteSubjects } from '../avro/registry.fixture.ts';
import { openRegistry } from '../avro/registry.ts';
import { loadSchema } from '../avro/schemas.ts';
import { catalogue } from '../topics/catalogue.ts';
import { prepareKafka } from '../topics/connection.ts';
import type { Provisioning } from '../topics/provisioning.ts';
import { schemasCommand } from './schemas.ts';
import { topicsCommand } from './topics.ts';

const { kafkaBrokers, schemaRegistryUrl } = inject('stack');
const kafka = prepareKafka({ brokers: kafkaBrokers.split(','), clientId: 'test' }, pino({ level: 'silent' }));
const prefix = `t${randomBytes(6).toString('hex')}`;
const open = (): Provisioning => ({
  kafka,
  registry: openRegistry({ url: schemaRegistryUrl }),
  catalogue: catalogue({
    registrationPrefix: `${prefix}reg`,
    meteringPrefix: `${prefix}met`,
    deadLetterTopic: `${prefix}.dead-letter`,
    partitions: 1,
    replicationFactor: 1,
  }),
});

/** Runs a command; what it printed, and its exit code. */
async function run(...words: string[]): Promise<{ out: string; code: number }> {
  const printed: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  try {
    const command = words[0] === 'topics' ? topicsCommand(open) : schemasCommand(open);
    await command.parseAsync(words.slice(1), { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return { out: printed.join(''), code: Number(process.exitCode) };
}

afterEach(() => {
  process.exitCode = 0;
});

afterAll(async () => {
  const admin = kafka.client().kafka.admin();
  await admin.connect();
  const ours = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (ours.length > 0) await admin.deleteTopics({ topics: ours });
  await admin.disconnect();
  await deleteSubjects(schemaRegistryUrl, prefix);
});

test('plan says what is missing with exit code 3, apply makes it, and then both have nothing to do', async () => {
  const before = await run('topics', 'plan');
  expect(before.code).toBe(3);
  expect(before.out).toContain(
    `+ create topic ${prefix}reg.metering-point: 1 partition, replication 1, kept: compacted after 40 months\n`,
  );
  const missing = await run('schemas', 'diff');
  expect(missing).toMatchObject({
    code: 3,
    out: expect.stringContaining(`${prefix}reg.progress-value: not registered yet\n`),
  });

  const applied = await run('topics', 'apply');
  expect(applied).toMatchObject({ code: 0, out: expect.stringMatching(/Done\.\n$/) });
  const json = await run('topics', 'plan', '--json');
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toEqual({ steps: [], refusals: [] });
  expect(await run('topics', 'apply')).toEqual({
    code: 0,
    out: 'Everything is as the catalogue says: nothing to do.\n',
  });

  const described = await run('topics', 'describe', '--json');
  expect(JSON.parse(described.out)).toMatchObject({
    topics: expect.arrayContaining([
      expect.objectContaining({ name: `${prefix}met.rejection`, flow: 3, subject: `${prefix}met.rejection-value` }),
    ]),
  });
  expect((await run('topics', 'describe')).out).toContain('FULL_TRANSITIVE');
  expect(await run('schemas', 'diff')).toMatchObject({ code: 0 });
  expect(await run('schemas', 'check')).toEqual({
    code: 0,
    out: 'Every schema goes together with every version that it may meet.\n',
  });
});

test('a conflict with the registry is told with its field and exit code 3; offline nobody is asked', async () => {
  const { registry } = open();
  const subject = `${prefix}reg.distributor-value`;
  await deleteSubjects(schemaRegistryUrl, subject);
  const schema = loadSchema('distributor');
  const fields = schema.fields.map((field) => (field.name === 'prefix' ? { ...field, type: ['null', 'int'] } : field));
  await registry.ensureSubject(subject, { ...schema, fields }, 'FULL_TRANSITIVE');
  registry.close();

  const told = await run('schemas', 'check', '--json');
  expect(told.code).toBe(3);
  expect(JSON.parse(told.out)).toMatchObject({
    compatible: false,
    conflicts: [{ schema: 'distributor', where: subject, field: 'prefix' }, {}],
  });
  expect(await run('topics', 'apply')).toMatchObject({ code: 3, out: expect.stringContaining('prefix') });
  expect(await run('schemas', 'check', '--offline')).toMatchObject({ code: 0 });
});
