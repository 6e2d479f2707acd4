import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { parametersSchema } from '../connectors/metering/rules/parameters.ts';
import { parseConfiguration, readConfiguration } from '../runtime/configuration.ts';
import { tablesSchema } from './table-settings.ts';

/** The one configuration file, as a schema. docs/configuration.md and the JSON Schema for editors come from it. */

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'is not a name → use lower-case letters, digits and underscores, beginning with a letter')
  .describe('lower-case letters, digits, underscores');

const tls = z
  .strictObject({
    ca: z.string().optional().describe('file with the certificate authority (PEM)'),
    cert: z.string().optional().describe('file with the client certificate (PEM)'),
    key: z.string().optional().describe("file with the client certificate's key (PEM)"),
    servername: z
      .string()
      .optional()
      .describe('the name that the server certificate must carry, where it is not the host name'),
    verify: z.boolean().default(true).describe('check the server certificate; false only for a try-out'),
  })
  .refine(
    (files) => (files.cert === undefined) === (files.key === undefined),
    'a client certificate needs both cert and key → give both or neither',
  )
  .describe('TLS, where it is not the default of the URL');

const database = z.strictObject({
  url: z
    .string()
    .regex(
      /^postgres(ql)?:\/\/[^/\s]+\/.+/,
      'is not a PostgreSQL URL with a database → write postgres://user:password@host:port/database',
    )
    .describe('postgres://user:password@host:port/database'),
  tls: tls.optional(),
});

const mebibyte = 1024 * 1024;
/** An event of flow 1 or 2 with its envelope, as Avro; only the order of magnitude matters. */
const eventBytes = 250;
/** What all lanes of a process may keep in memory together: a process is meant to stay below 300 MB. */
const laneBuffersBytesMax = 256 * mebibyte;

/** A check between settings. It is made whatever else is wrong, so that all problems of a file are told at once. */
function across(path: readonly string[], error: string): { path: string[]; error: string; when: () => boolean } {
  return { path: [...path], error, when: () => true };
}

const limits = z
  .strictObject({
    transactionEventsMax: z
      .int()
      .min(100)
      .max(200_000)
      .default(20_000)
      .describe('a Kafka transaction of a source is closed when it holds so many events …'),
    transactionBytesMax: z
      .int()
      .min(65_536)
      .default(8 * mebibyte)
      .describe('… or so many bytes …'),
    transactionAgeMaxMs: z.int().min(10).default(500).describe('… or is so old, in milliseconds'),
    lingerMs: z
      .int()
      .min(0)
      .max(1_000)
      .default(10)
      .describe(
        'least time between two Kafka transactions of a source while there is little to send, in milliseconds; a change after a longer silence goes at once',
      ),
    chunkRows: z.int().min(100).max(100_000).default(10_000).describe('rows of one chunk of the initial load'),
    heartbeatIntervalMs: z
      .int()
      .min(100)
      .default(5_000)
      .describe('how often each source writes its heartbeat row, in milliseconds'),
    retainedWalWarnBytes: z
      .int()
      .min(mebibyte)
      .default(4096 * mebibyte)
      .describe('`status` and the log warn when a database keeps so many bytes of WAL for the slot of its source'),
    retainedWalMaxBytes: z
      .int()
      .min(mebibyte)
      .optional()
      .describe(
        'the last resort, off where it is left out: over so many bytes of WAL a source gives its slot up before the disk of its database is full; `concord snapshot --heal` is needed afterwards',
      ),
    silenceMaxMs: z
      .int()
      .min(1_000)
      .max(300_000)
      .default(30_000)
      .describe(
        'the probe is red, and a connection that does not answer is given up, after so long without any movement, in milliseconds',
      ),
    rebuildAfterMs: z
      .int()
      .min(2_000)
      .default(120_000)
      .describe('a leg in which nothing has moved for so long is torn down and begun anew, in milliseconds'),
    eventLoopBlockedMaxMs: z
      .int()
      .min(2_000)
      .default(60_000)
      .describe('a process whose event loop is blocked for so long is killed, to be started again, in milliseconds'),
    queueBytesMax: z
      .int()
      .min(mebibyte)
      .default(16 * mebibyte)
      .describe('over so many bytes in its queue a source stops reading from PostgreSQL'),
    batchEventsMax: z
      .int()
      .min(1)
      .max(50_000)
      .default(2_500)
      .describe(
        'a batch, which is one transaction of the store, takes no further source transaction from so many events on',
      ),
    laneBufferBytesMax: z
      .int()
      .min(256 * 1024)
      .default(4 * mebibyte)
      .describe('over so many bytes that wait in a lane its partitions are paused'),
    receiptIntervalMs: z.int().min(100).default(5_000).describe('how often a lane signs a receipt, in milliseconds'),
  })
  .refine(
    (one) => !(one.lingerMs > one.transactionAgeMaxMs),
    across(
      ['lingerMs'],
      'is longer than transactionAgeMaxMs, so it would never be reached → lower it, or raise transactionAgeMaxMs',
    ),
  )
  .refine(
    (one) => !(one.heartbeatIntervalMs * 3 > one.silenceMaxMs),
    across(
      ['heartbeatIntervalMs'],
      'is too long for the probe, which is red after silenceMaxMs without a heartbeat → lower it to a third of silenceMaxMs, or raise that',
    ),
  )
  .refine(
    (one) => !((one.retainedWalMaxBytes ?? Number.POSITIVE_INFINITY) <= one.retainedWalWarnBytes),
    across(
      ['retainedWalMaxBytes'],
      'is not more than retainedWalWarnBytes, so the slot would be given up without a warning → raise it, or lower retainedWalWarnBytes',
    ),
  )
  .refine(
    (one) => !(one.silenceMaxMs > one.rebuildAfterMs),
    across(
      ['rebuildAfterMs'],
      'is less than silenceMaxMs, so a leg would be torn down before the probe is red → raise it to at least silenceMaxMs',
    ),
  )
  .refine(
    (one) => !(one.transactionBytesMax > one.queueBytesMax),
    across(
      ['queueBytesMax'],
      'is less than transactionBytesMax, so no transaction could fill → raise it to at least transactionBytesMax',
    ),
  )
  .refine(
    (one) => !(one.batchEventsMax * eventBytes > one.laneBufferBytesMax),
    across(
      ['batchEventsMax'],
      `is more events than laneBufferBytesMax can hold (about ${eventBytes} bytes each), so no batch could fill → lower it, or raise laneBufferBytesMax`,
    ),
  )
  .prefault({})
  .describe('Limits of memory, time and size. The defaults are right for 4 to 16 lanes.');

const port = z.int('is not a port → write a number from 1 to 65535, or 0 for any free one').min(0).max(65_535);

export const settingsSchema = z
  .strictObject({
    registration: z
      .strictObject({
        name: name.default('registration').describe('the source, also the prefix of its topics'),
        senderId: z.string().min(1).default('REGS').describe('who the events of flows 1 and 2 are from'),
        database: database.describe('the registration database'),
        slot: name.default('concord_registration').describe('the replication slot'),
        publication: name.default('concord_registration').describe('the publication'),
        tables: tablesSchema,
      })
      .describe('The registration side: what is published, and where flow 3 is taken back to.'),
    metering: z
      .strictObject({
        name: name.default('metering').describe('the source of flow 3, also the prefix of its topics'),
        senderId: z.string().min(1).default('MSVA').describe('who the events of flow 3 are from'),
        receiver: z.string().min(1).default('MSVA').describe('who signs the receipts'),
        database: database.describe('the metering store'),
        slot: name.default('concord_metering').describe('the replication slot'),
        publication: name.default('concord_metering').describe('the publication'),
        rules: parametersSchema.prefault({}).describe('parameters of the rule book (`docs/rules.md`)'),
      })
      .describe('The metering side: the store, and what is published of it.'),
    report: database
      .optional()
      .describe(
        'The user of a meter asset provider in the metering store, for `concord report map`. Only where that is run; never the owner of the store.',
      ),
    kafka: z
      .strictObject({
        brokers: z
          .array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'is not an address → write host:port'))
          .min(1, 'no broker is named → name at least one as host:port')
          .describe('host:port of some brokers; the others are found through them'),
        clientId: z
          .string()
          .min(1)
          .default('concord')
          .describe('how we are named in the logs and quotas of the brokers'),
        partitions: z
          .int()
          .min(1)
          .max(1_000)
          .default(4)
          .describe('lanes: partitions of every topic but reference data and progress; can not be changed later'),
        replicationFactor: z.int().min(1).max(9).default(1).describe('copies of each record; 3 on a real cluster'),
        tls: tls.optional(),
        sasl: z
          .strictObject({
            mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('how the password is proved'),
            username: z.string().min(1).describe('the user'),
            password: z.string().min(1).describe('its password; best as ${NAME} from the environment'),
          })
          .optional()
          .describe('how we log in; nothing for a listener without authentication'),
      })
      .describe('The brokers.'),
    registry: z
      .strictObject({
        url: z
          .url({
            protocol: /^https?$/,
            error: 'is not a URL → write the Confluent-compatible base URL, such as http://host:8080/apis/ccompat/v7',
          })
          .describe('the Confluent-compatible base URL, such as http://host:8080/apis/ccompat/v7'),
        tls: tls.optional(),
        basicAuth: z
          .strictObject({
            username: z.string().min(1).describe('the user'),
            password: z.string().describe('its password'),
          })
          .optional()
          .describe('user and password, where the registry asks for them'),
      })
      .refine(
        (registry) => registry?.tls === undefined || !String(registry.url).startsWith('http:'),
        across(['tls'], 'has no effect on a URL that begins with http: → write https:, or remove it'),
      )
      .describe('The schema registry.'),
    http: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1').describe('the address to listen on; 0.0.0.0 for all'),
        registrationPort: port.default(8081).describe('of the registration side'),
        meteringPort: port.default(8082).describe('of the metering side'),
      })
      .refine(
        (http) =>
          http?.registrationPort === undefined ||
          http.registrationPort === 0 ||
          http.registrationPort !== http.meteringPort,
        across(['meteringPort'], 'is the port of the registration side, too → give each side a port of its own'),
      )
      .prefault({})
      .describe('`/healthz`, `/metrics` and `/status.json` of each side.'),
    log: z
      .strictObject({
        level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('what is told at least'),
      })
      .prefault({})
      .describe('JSON lines on standard error.'),
    limits,
  })
  .refine(
    (one) => one?.registration?.name === undefined || one.registration.name !== one.metering?.name,
    across(
      ['metering', 'name'],
      'is the name of the registration source, too, so their topics would be the same → give another',
    ),
  )
  .refine(
    (one) => one?.registration?.slot === undefined || one.registration.slot !== one.metering?.slot,
    across(
      ['metering', 'slot'],
      'is the slot of the registration side, too; a server has each name once → give another',
    ),
  )
  .refine(
    (one) => !((one?.kafka?.partitions ?? 0) * (one?.limits?.laneBufferBytesMax ?? 0) > laneBuffersBytesMax),
    across(
      ['limits', 'laneBufferBytesMax'],
      `is more than ${laneBuffersBytesMax / mebibyte} MiB for all lanes together → lower it to at most ${laneBuffersBytesMax} / kafka.partitions`,
    ),
  );

/** Validated settings; what is not in the file has its default. */
export type Settings = z.infer<typeof settingsSchema>;

/** Throws a ConfigurationError with every problem of the file. The environment is read here and nowhere else. */
export function readSettings(file: string): Settings {
  return readConfiguration(file, settingsSchema, process.env);
}

export function parseSettings(text: string, file: string, environment: NodeJS.ProcessEnv): Settings {
  return parseConfiguration(text, file, settingsSchema, environment);
}

/** The version of this program, from package.json, which lies above this file in the source tree and in dist/. */
export function programVersion(): string {
  for (const candidate of ['../package.json', '../../package.json']) {
    const file = new URL(candidate, import.meta.url);
    if (!existsSync(file)) continue;
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (parsed !== null && typeof parsed === 'object' && 'version' in parsed) return String(parsed.version);
  }
  return 'unknown';
}
