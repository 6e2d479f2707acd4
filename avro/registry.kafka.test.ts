import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { createDecoder, encodeEvent } from './codec.ts';
import { deleteSubjects } from './registry.fixture.ts';
import type { RegistrySettings, SchemaRegistry } from './registry.ts';
import { openRegistry, writerSchemas } from './registry.ts';
import type { RecordSchema } from './schemas.ts';
import { loadSchema } from './schemas.ts';

const { schemaRegistryUrl } = inject('stack');
const registry = openRegistry({ url: schemaRegistryUrl });
const prefix = `t${randomBytes(6).toString('hex')}`;
const point = loadSchema('metering-point');
const withTariff: RecordSchema = {
  ...point,
  fields: [
    ...point.fields,
    { name: 'tariff', type: ['null', 'string'], default: null, doc: '', owner: '', classification: 'public' },
  ],
};
const withNumber: RecordSchema = {
  ...point,
  fields: point.fields.map((field) => (field.name === 'gsp_group' ? { ...field, type: ['null', 'int'] } : field)),
};

afterAll(async () => {
  registry.close();
  await deleteSubjects(schemaRegistryUrl, prefix);
});

describe('a subject', () => {
  test('has its compatibility before its first version, and keeps one id however often it is ensured', async () => {
    const subject = `${prefix}.first-value`;
    expect(await registry.compatibilityOf(subject)).toBeNull();
    expect(await registry.idOf(subject, point)).toBeNull();
    const id = await registry.ensureSubject(subject, point, 'FULL_TRANSITIVE');
    expect(await registry.compatibilityOf(subject)).toBe('FULL_TRANSITIVE');
    expect(await registry.ensureSubject(subject, point, 'FULL_TRANSITIVE')).toBe(id);
    expect(await registry.idOf(subject, point)).toBe(id);
    expect(await registry.versions(subject)).toHaveLength(1);
  });

  test('takes a version with one more item, which old values are read with', async () => {
    const subject = `${prefix}.evolves-value`;
    const first = await registry.ensureSubject(subject, point, 'FULL_TRANSITIVE');
    expect(await registry.checkCompatibility(subject, withTariff)).toEqual([]);
    const second = await registry.ensureSubject(subject, withTariff, 'FULL_TRANSITIVE');
    expect(second).not.toBe(first);
    expect((await registry.versions(subject)).map(({ id }) => id)).toEqual([first, second]);

    const decoder = createDecoder(() => withTariff, writerSchemas(registry, [subject]));
    await decoder.prepare([first, second]);
    expect(decoder.decode('any', encodeEvent(point, first, sampleMeteringPoint()))['tariff']).toBeNull();
    const old = createDecoder(() => point, writerSchemas(registry, [subject]));
    await old.prepare([second]);
    const value = encodeEvent(withTariff, second, sampleMeteringPoint({ tariff: 'E7' }));
    expect(old.decode('any', value)).toEqual(sampleMeteringPoint());
  });

  test('refuses a version in conflict, and the fault names the field', async () => {
    const subject = `${prefix}.conflict-value`;
    await registry.ensureSubject(subject, point, 'FULL_TRANSITIVE');
    expect(await registry.checkCompatibility(subject, withNumber)).toMatchObject([
      { version: 1, field: 'gsp_group' },
      { version: 1, field: 'gsp_group' },
    ]);
    await expect(registry.ensureSubject(subject, withNumber, 'FULL_TRANSITIVE')).rejects.toMatchObject({
      kind: 'misconfigured',
      code: 'REGISTRY_INCOMPATIBLE',
      message: expect.stringContaining('gsp_group'),
    });
    expect(await registry.versions(subject)).toHaveLength(1);
  });
});

describe('an id that the registry has not', () => {
  test('is absent as long as the registry has one of our subjects', async () => {
    const subject = `${prefix}.known-value`;
    await registry.ensureSubject(subject, point, 'FULL_TRANSITIVE');
    expect(await writerSchemas(registry, [`${prefix}.other-value`, subject])(4_000_000_000)).toBeNull();
  });

  test('is a fault of the registry when it has lost them', async () => {
    await expect(writerSchemas(registry, [`${prefix}.never-value`])(4_000_000_000)).rejects.toMatchObject({
      kind: 'misconfigured',
      code: 'REGISTRY_EMPTY',
    });
  });
});

describe('a registry that', () => {
  /** The fault of reading a schema there. */
  const faultAt = async (url: string): Promise<unknown> => {
    const other: SchemaRegistry = openRegistry({ url, answerMaxMs: 300 });
    try {
      return await other.schemaById(1).catch((error: unknown) => error);
    } finally {
      other.close();
    }
  };

  test('nobody runs is unavailable, although the library calls it status 400', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((done) => server.close(done));
    expect(await faultAt(`http://127.0.0.1:${port}`)).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_UNAVAILABLE',
    });
  });

  test.each<[string, string]>([
    ['accepts and says nothing', ''],
    ['breaks off in the middle of its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"sch'],
    ['hangs up', 'hang up'],
    ['is overloaded', 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'],
  ])('%s is unavailable', async (_, answer) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        if (answer === 'hang up') socket.destroy();
        else if (answer.startsWith('HTTP/1.1 200')) socket.write(answer, () => socket.destroy());
        else socket.write(answer);
      });
    });
    const port = await listen(server);
    expect(await faultAt(`http://127.0.0.1:${port}`)).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_UNAVAILABLE',
    });
    server.close();
  });

  test.each<[number, string, string, string]>([
    [401, 'application/json', '{"message":"no"}', 'REGISTRY_REFUSED'],
    [403, 'text/html', '<h1>no</h1>', 'REGISTRY_REFUSED'],
    [404, 'text/html', '<h1>Not Found</h1>', 'REGISTRY_ERROR'],
    [404, 'application/json', '{"message":"no Route matched"}', 'REGISTRY_ERROR'],
    [200, 'text/html', '<h1>Welcome</h1>', 'REGISTRY_ERROR'],
    [400, 'application/json', '{"error_code":42201,"message":"bad"}', 'REGISTRY_ERROR'],
    [429, 'application/json', '{"message":"later"}', 'REGISTRY_UNAVAILABLE'],
  ])('answers %i %s %s is told as a fault and never as an absent schema', async (status, type, body, code) => {
    const server = createServer((_, response) => response.writeHead(status, { 'content-type': type }).end(body));
    const port = await listen(server);
    expect(await faultAt(`http://127.0.0.1:${port}/apis`)).toMatchObject({ code });
    server.close();
  });

  test('asks for a user and a password gets them', async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"schema":"{}"}');
    });
    const url = `http://127.0.0.1:${await listen(server)}`;
    const other = openRegistry({ url, basicAuth: { username: 'us', password: 'pä:ss' } });
    expect(await other.schemaById(1)).toBe('{}');
    expect(Buffer.from(seen[0]?.replace('Basic ', '') ?? '', 'base64').toString()).toBe('us:pä:ss');
    other.close();
    server.close();
  });
});

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('over TLS, a registry', () => {
  const directory = mkdtempSync(join(tmpdir(), 'concord-tls-'));
  const file = (name: string): Buffer => readFileSync(join(directory, name));
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { cwd: directory, stdio: 'pipe' });
  };
  /** A key and a certificate for `name`, signed by our own authority. */
  const certify = (name: string): void => {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
    );
    writeFileSync(join(directory, 'ext'), 'subjectAltName=IP:127.0.0.1');
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'ext',
      '-out',
      `${name}.crt`,
    );
  };
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=authority',
  );
  certify('server');
  certify('client');
  const server = createTlsServer(
    {
      key: file('server.key'),
      cert: file('server.crt'),
      ca: file('ca.crt'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"schema":"{}"}'),
  );
  const askWith = async (tls: NonNullable<RegistrySettings['tls']>): Promise<unknown> => {
    const port = server.listening ? (server.address() as AddressInfo).port : await listen(server);
    const other = openRegistry({ url: `https://127.0.0.1:${port}`, tls });
    try {
      return await other.schemaById(1).catch((error: unknown) => error);
    } finally {
      other.close();
    }
  };
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  test('is read with our authority and our client certificate', async () => {
    expect(await askWith({ ca: file('ca.crt'), cert: file('client.crt'), key: file('client.key') })).toBe('{}');
  });

  test('of an unknown authority is refused by us, which waiting does not mend', async () => {
    expect(await askWith({})).toMatchObject({ kind: 'refused', code: 'REGISTRY_REFUSED' });
  });

  test('that wants a client certificate refuses us without one', async () => {
    expect(await askWith({ ca: file('ca.crt') })).toMatchObject({ kind: 'refused', code: 'REGISTRY_REFUSED' });
  });
});

async function listen(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
}): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}
