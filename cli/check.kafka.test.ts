import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { deleteSubjects } from '../avro/registry.fixture.ts';
import { createRegistrationSchema } from '../connectors/registration/schema.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { freshDatabase, type TestDatabase } from '../test/database.fixture.ts';
import { prepareKafka } from '../topics/connection.ts';
import type { Finding } from './checks/finding.ts';
import { performed } from './perform.fixture.ts';

const stack = inject('stack');
const prefix = `c${randomBytes(5).toString('hex')}`;
const directory = mkdtempSync(path.join(tmpdir(), 'concord-check-'));
const file = path.join(directory, 'concord.yaml');
const user = `${prefix}_reader`;
let registration: TestDatabase;
let metering: TestDatabase;
let server: Server;
let takenPort: number;

interface Changes {
  readonly registrationUrl?: string;
  readonly meteringUrl?: string;
  readonly brokers?: readonly string[];
  readonly registry?: string;
  readonly port?: number;
  readonly partitions?: number;
}

function write(changes: Changes = {}): void {
  const { registrationUrl = registration.url, meteringUrl = metering.url, port = 0, partitions = 2 } = changes;
  const settings = {
    registration: { name: `${prefix}_r`, database: { url: registrationUrl }, slot: `${prefix}_r`, publication: prefix },
    metering: { name: `${prefix}_m`, database: { url: meteringUrl }, slot: `${prefix}_m`, publication: prefix },
    kafka: { brokers: changes.brokers ?? stack.kafkaBrokers.split(','), partitions },
    registry: { url: changes.registry ?? stack.schemaRegistryUrl },
    http: { registrationPort: port, meteringPort: 0 },
  };
  writeFileSync(file, stringify(settings));
}

/** `concord check` with these changes: its findings. What belongs to everybody on the shared cluster is left out. */
async function check(changes: Changes = {}): Promise<readonly Finding[]> {
  write(changes);
  const { out, code } = await performed('check', '--json', '--config', file);
  const { findings } = JSON.parse(out) as { findings: readonly Finding[] };
  expect(code).toBe(findings.length === 0 ? 0 : 3);
  for (const finding of findings) {
    expect(finding.text).toMatch(/^[A-Z].*\.$/s);
    expect(finding.remedy).toMatch(/^[A-Z].*\.$/s);
  }
  return findings.filter(({ text }) => !text.includes('concord.dead-letter'));
}

function codes(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ place, code }) => `${place}: ${code}`))];
}

function ask(url: string, sql: string): Promise<unknown> {
  return withDatabase({ url }, 'test', (client) => client.query(sql));
}

beforeAll(async () => {
  registration = await freshDatabase(stack.registrationUrl);
  metering = await freshDatabase(stack.meteringUrl);
  await withDatabase({ url: registration.url }, 'test', (client) => createRegistrationSchema(client));
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  takenPort = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(async () => {
  server.close();
  await registration.drop();
  await metering.drop();
  await ask(stack.registrationUrl, `DROP ROLE IF EXISTS ${user}`);
  const brokers = stack.kafkaBrokers.split(',');
  const client = prepareKafka({ brokers, clientId: 'test' }, pino({ level: 'silent' })).client();
  const admin = client.kafka.admin();
  await admin.connect();
  const ours = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (ours.length > 0) await admin.deleteTopics({ topics: ours });
  await admin.disconnect();
  client.destroy();
  await deleteSubjects(stack.schemaRegistryUrl, prefix);
  rmSync(directory, { recursive: true });
});

describe('concord check', () => {
  it('finds all that init has to make, at once, and nothing after init', async () => {
    expect(codes(await check())).toEqual([
      'registration database: STORE_TABLES_MISSING',
      'registration database: SLOT_NOT_MADE',
      'registration database: PUBLICATION_MISSING',
      'metering database: STORE_TABLES_MISSING',
      'metering database: SLOT_NOT_MADE',
      'metering database: PUBLICATION_MISSING',
      'Kafka: TOPIC_MISSING',
      'schema registry: SCHEMA_NOT_REGISTERED',
    ]);
    expect(await performed('init', '--config', file)).toMatchObject({ code: 0, err: '' });
    expect(await check()).toEqual([]);
    const { out } = await performed('init', '--config', file);
    expect(out).toBe('Everything is there already.\n');
  });

  it('goes on with the others where a server is away', async () => {
    const away = '127.0.0.1:1';
    const url = `postgres://postgres@${away}/x`;
    expect(codes(await check({ registrationUrl: url }))).toEqual(['registration database: DATABASE_UNAVAILABLE']);
    const all = { registrationUrl: url, meteringUrl: url, brokers: [away], registry: `http://${away}/` };
    expect(codes(await check(all))).toEqual([
      'registration database: DATABASE_UNAVAILABLE',
      'metering database: DATABASE_UNAVAILABLE',
      'Kafka: KAFKA_UNAVAILABLE',
      'schema registry: REGISTRY_UNAVAILABLE',
    ]);
  });

  it('finds a wrong connection string, a wrong registry URL and a port that is taken', async () => {
    const meteringUrl = Object.assign(new URL(metering.url), { pathname: '/no_such' }).href;
    const registry = stack.schemaRegistryUrl.replace('/apis/ccompat/v7', '/apis/nothing');
    expect(codes(await check({ meteringUrl, registry, port: takenPort }))).toEqual([
      'metering database: DATABASE_REFUSED',
      'schema registry: REGISTRY_ERROR',
      'HTTP: HTTP_PORT_IN_USE',
    ]);
  });

  it('finds what a user may not do, with the statement that grants it', async () => {
    await ask(
      registration.url,
      `CREATE ROLE ${user} LOGIN PASSWORD '${user}'; GRANT USAGE ON SCHEMA concord, inbox TO ${user}`,
    );
    const registrationUrl = Object.assign(new URL(registration.url), { username: user, password: user }).href;
    const findings = await check({ registrationUrl });
    expect(codes(findings)).toEqual([
      'registration database: STORE_PRIVILEGE',
      'registration database: REPLICATION_PRIVILEGE',
      'registration database: SELECT_PRIVILEGE',
    ]);
    await ask(registration.url, `DROP OWNED BY ${user}`);
  });

  it('finds what was changed behind our back', async () => {
    await ask(registration.url, 'ALTER TABLE registration.appointment REPLICA IDENTITY DEFAULT');
    await ask(metering.url, `SELECT pg_drop_replication_slot('${prefix}_m'); DROP TABLE metering.held`);
    await ask(registration.url, `ALTER PUBLICATION ${prefix} DROP TABLE registration.participant`);
    const level = JSON.stringify({ compatibility: 'NONE' });
    await fetch(`${stack.schemaRegistryUrl}/config/${prefix}_r.participant-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: level,
    });
    expect(codes(await check())).toEqual([
      'registration database: REPLICA_IDENTITY',
      'registration database: TABLE_NOT_PUBLISHED',
      'metering database: STORE_TABLES_MISSING',
      'metering database: SLOT_NOT_MADE',
      'schema registry: SUBJECT_DIFFERS',
    ]);
  });

  it('finds a number of lanes that does not fit topics and store', async () => {
    await ask(
      registration.url,
      `INSERT INTO concord.applied_position VALUES ('${prefix}_m', 1, 1, 0, 0, now(), now())`,
    );
    const findings = await check({ partitions: 1 });
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'LANES_DIFFER', remedy: 'Set `kafka.partitions` to 2.' }),
    );
    expect(codes(findings)).toContain('Kafka: TOPIC_DIFFERS');
  });
});

/** The built program, as people run it. */
async function concord(...words: readonly string[]): Promise<{ out: string; err: string; code: number | null }> {
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../dist/cli/concord.js'), ...words]);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text));
  await once(child, 'close');
  return { out, err, code: child.exitCode };
}

describe('the built program', () => {
  beforeAll(() => {
    const url = 'postgres://postgres@127.0.0.1:1/x';
    write({ registrationUrl: url, meteringUrl: url });
  });

  it.concurrent.each<[words: readonly string[], code: number, out: RegExp, err: RegExp]>([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['no-such-command'], 2, /^$/, /unknown command/],
    [['status', '--config', path.join(directory, 'none.yaml')], 2, /^$/, /the file can not be read/],
    [['explain', 'WAL_LEVEL'], 0, /^WAL_LEVEL: /, /^$/],
    [['rejections', 'list', '--config', file, '--json'], 1, /^$/, /^DATABASE_UNAVAILABLE: .*\n {2}What to do: /],
    [['check', '--config', file], 3, /^There are \d+ findings\.\n\n✗ registration database: DATABASE_UN/, /^$/],
  ])('%j ends with %i', async (words, code, out, err) => {
    const done = await concord(...words);
    expect(done).toMatchObject({ code });
    expect(done.out).toMatch(out);
    expect(done.err).toMatch(err);
  });
});
