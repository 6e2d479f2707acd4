import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../runtime/configuration.ts';
import { parseSettings, programVersion, type Settings } from './settings.ts';

const least = `
registration: {database: {url: "postgres://u:p@a:5432/registration"}}
metering: {database: {url: "postgresql://u:p@b/metering"}}
kafka: {brokers: ["k:9092"]}
registry: {url: "http://r:8080/apis/ccompat/v7"}
`;

function parse(text: string, environment: NodeJS.ProcessEnv = {}): Settings {
  return parseSettings(text, 'concord.yaml', environment);
}

/** Path → what is wrong, then the fix. */
function problemsOf(text: string): Record<string, string> {
  try {
    parse(text);
    return {};
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return Object.fromEntries(error.problems.map(({ path, problem, fix }) => [path, `${problem} → ${fix}`]));
  }
}

describe('the configuration file', () => {
  it('needs addresses only; everything else has a default', () => {
    expect(parse(least)).toMatchObject({
      registration: { name: 'registration', senderId: 'REGS', slot: 'concord_registration', tables: {} },
      metering: { name: 'metering', receiver: 'MSVA', rules: { holdWorkingDays: 10 } },
      kafka: { partitions: 4, replicationFactor: 1 },
      http: { host: '127.0.0.1', registrationPort: 8081, meteringPort: 8082 },
      limits: { batchEventsMax: 2_500 },
    });
  });

  it('mirrors tables beside those of the flows, and refuses what can not be mirrored', () => {
    const tables = (text: string): string => least.replace('registration: {', `registration: {tables: {${text}}, `);
    expect(parse(tables('orders: {kind: mirror, schema: sales}')).registration.tables).toEqual({
      orders: { kind: 'mirror', schema: 'sales' },
    });
    const found = problemsOf(
      tables(`orders: {kind: mirror, columns: {a: b}}, same: {kind: mirror, table: orders}, other: {table: x},
        appointment: {kind: mirror}, points: {kind: mirror, schema: registration, table: metering_point},
        mss: {kind: mirror, schema: appointment}, odd: {kind: mirrored}`),
    );
    expect(found).toMatchInlineSnapshot(`
      {
        "registration.tables.appointment.kind": "is the name of a table of the flows → mirror the table under another name",
        "registration.tables.mss.table": "would have the topic of appointments → rename the table or its schema",
        "registration.tables.odd.kind": "is not a kind → write mirror, or leave it out for a table of the flows",
        "registration.tables.orders.columns": "has no meaning for a mirrored table, which keeps its names → remove it",
        "registration.tables.other": "is no table of the flows → use one of metering_point, appointment, participant, distributor_gsp_group, meter_asset, or add kind: mirror",
        "registration.tables.points.table": "is registration.metering_point, a table that Concord publishes already → remove it, or name another table",
        "registration.tables.same.table": "is public.orders, which orders mirrors already → remove it, or name another table",
      }
    `);
  });

  it('that is empty is told so', () => {
    expect(problemsOf('')).toEqual({ '': 'is not a group of settings → write a group of settings' });
  });

  it('with many mistakes is told all of them at once, each with path and fix', () => {
    const found = problemsOf(`
registration:
  name: Reg Data
  database: {url: mysql://x}
  tables: {appointment: {columns: {mpan_core: 5}}, meters: {table: x}}
metering:
  database: {url: "postgres://\${NOT_SET}@db/metering", tls: {cert: a.pem}}
  rules: {lineLossFactorMin: 5, disabled: [MPAN_CHEK]}
kafka:
  brokers: [kafka]
  partitions: 100
  sasl: {mechanism: gssapi, username: u}
registry: {url: "ldap://x"}
http: {registrationPort: 9000, meteringPort: 9000}
log: {level: chatty}
limits: {lingerMs: 600, batchEventsMax: 50000, queueBytesMax: 2000000, heartbeatIntervalMs: 60000}
speed: fast
`);
    expect(found).toMatchInlineSnapshot(`
      {
        "http.meteringPort": "is the port of the registration side, too → give each side a port of its own",
        "kafka.brokers.0": "is not an address → write host:port",
        "kafka.sasl.mechanism": "is not a value that is possible here → write one of plain, scram-sha-256, scram-sha-512",
        "kafka.sasl.password": "is missing → add it, as a text",
        "limits.batchEventsMax": "is more events than laneBufferBytesMax can hold (about 250 bytes each), so no batch could fill → lower it, or raise laneBufferBytesMax",
        "limits.heartbeatIntervalMs": "is too long for the probe, which is red after silenceMaxMs without a heartbeat → lower it to a third of silenceMaxMs, or raise that",
        "limits.laneBufferBytesMax": "is more than 256 MiB for all lanes together → lower it to at most 268435456 / kafka.partitions",
        "limits.lingerMs": "is longer than transactionAgeMaxMs, so it would never be reached → lower it, or raise transactionAgeMaxMs",
        "limits.queueBytesMax": "is less than transactionBytesMax, so no transaction could fill → raise it to at least transactionBytesMax",
        "log.level": "is not a value that is possible here → write one of trace, debug, info, warn, error",
        "metering.database.tls": "a client certificate needs both cert and key → give both or neither",
        "metering.database.url": "the environment variable NOT_SET is not set → set NOT_SET, or write the value in the file",
        "metering.rules.disabled.0": ""MPAN_CHEK" is no rule → see \`concord rules list\`",
        "metering.rules.lineLossFactorMin": "is above lineLossFactorMax, so every factor would be warned of → swap the two",
        "registration.database.url": "is not a PostgreSQL URL with a database → write postgres://user:password@host:port/database",
        "registration.name": "is not a name → use lower-case letters, digits and underscores, beginning with a letter",
        "registration.tables.appointment.columns.mpan_core": "is not a text → write a text",
        "registration.tables.meters": "is no table of the flows → use one of metering_point, appointment, participant, distributor_gsp_group, meter_asset, or add kind: mirror",
        "registry.url": "is not a URL → write the Confluent-compatible base URL, such as http://host:8080/apis/ccompat/v7",
        "speed": "this setting is not known → remove it, or correct its name",
      }
    `);
  });
});

describe('settings are checked against each other', () => {
  it.each<[wrong: string, path: string, text: RegExp]>([
    [
      'limits: {lingerMs: 100, transactionAgeMaxMs: 50}',
      'limits.lingerMs',
      /longer than transactionAgeMaxMs.*→ lower it/,
    ],
    ['limits: {transactionBytesMax: 20000000}', 'limits.queueBytesMax', /less than transactionBytesMax.*→ raise it/],
    [
      'limits: {batchEventsMax: 30000}',
      'limits.batchEventsMax',
      /more events than laneBufferBytesMax can hold.*→ lower/,
    ],
    ['limits: {laneBufferBytesMax: 268435457}', 'limits.laneBufferBytesMax', /256 MiB for all lanes together → lower/],
    ['limits: {heartbeatIntervalMs: 30000}', 'limits.heartbeatIntervalMs', /too long for the probe/],
    ['http: {meteringPort: 8081}', 'http.meteringPort', /port of the registration side, too → give/],
  ])('%s', (wrong, path, text) => {
    expect(problemsOf(`${least}${wrong}`)).toEqual({ [path]: expect.stringMatching(text) as string });
  });

  it('two sides can not share name or slot', () => {
    const text = least.replace('metering: {', 'metering: {name: registration, slot: concord_registration, ');
    expect(Object.keys(problemsOf(text))).toEqual(['metering.name', 'metering.slot']);
  });

  it('any free port may be asked for twice', () => {
    expect(problemsOf(`${least}http: {registrationPort: 0, meteringPort: 0}`)).toEqual({});
  });

  it('TLS files of a registry without TLS are a mistake', () => {
    const text = least.replace('v7"}', 'v7", tls: {ca: ca.pem}}');
    expect(problemsOf(text)).toEqual({ 'registry.tls': expect.stringMatching(/no effect.*→ write https:/) as string });
  });
});

describe('TLS and SASL', () => {
  const servers = (tls: string): string => least.replace('"k:9092"]}', `"k:9093"], ${tls}}`);

  it('are taken in every shape that servers ask for', () => {
    expect(parse(servers('tls: {}')).kafka.tls).toEqual({ verify: true });
    expect(parse(servers('tls: {ca: ca.pem, servername: kafka.example}')).kafka.tls).toMatchObject({ ca: 'ca.pem' });
    expect(parse(servers('tls: {ca: a, cert: b, key: c, verify: false}')).kafka.tls).toMatchObject({ verify: false });
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512']) {
      const text = servers(`sasl: {mechanism: ${mechanism}, username: u, password: "\${SECRET}"}`);
      expect(parse(text, { SECRET: '0123' }).kafka.sasl).toEqual({ mechanism, username: 'u', password: '0123' });
    }
  });

  it.each([
    ['tls: {cert: a.pem}', 'kafka.tls', /both cert and key → give both or neither/],
    ['tls: {key: a.pem}', 'kafka.tls', /both cert and key/],
    ['sasl: {mechanism: scram-sha-512, username: u}', 'kafka.sasl.password', /missing/],
    ['sasl: {mechanism: oauth, username: u, password: p}', 'kafka.sasl.mechanism', /one of plain, scram-sha-256/],
    ['sasl: {mechanism: plain, username: "", password: p}', 'kafka.sasl.username', /is empty/],
  ])('%s is a mistake', (wrong, path, text) => {
    expect(problemsOf(servers(wrong))).toEqual({ [path]: expect.stringMatching(text) as string });
  });
});

it('the example for real servers is valid, and shows what it says', () => {
  const text = readFileSync(new URL('../concord.example.yaml', import.meta.url), 'utf8');
  const names = [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map((match) => match[1] ?? '');
  const settings = parse(text, Object.fromEntries(names.map((name) => [name, 'secret'])));
  expect(settings.kafka.sasl).toMatchObject({ mechanism: 'scram-sha-512', password: 'secret' });
  expect(settings.registration.tables.metering_point?.columns).toMatchObject({ mpan_core: 'mpan', opt_out: null });
  expect(settings.metering.rules.services.MSS).toEqual(['MSVA', 'MSVB']);
});

it('the version is that of the package', () => {
  expect(programVersion()).toMatch(/^\d+\.\d+\.\d+$/);
});
