import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { parametersSchema } from '../connectors/metering/rules/parameters.ts';
import { parseConfiguration, readConfiguration } from '../runtime/configuration.ts';

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
  );

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

const tableMapping = z.strictObject({
  schema: z.string().optional(),
  table: z.string().optional(),
  columns: z
    .record(z.string(), z.string().nullable())
    .optional()
    .describe(
      'item name: column name, for columns that are named otherwise; null for an item that the table does not have',
    ),
  correlation: z.string().optional().describe('the column that carries a correlation id'),
});

const entities = ['metering_point', 'appointment', 'participant', 'distributor_gsp_group', 'meter_asset'] as const;

const limits = z
  .strictObject({
    transactionEventsMax: z.int().min(100).max(200_000).default(20_000),
    transactionBytesMax: z
      .int()
      .min(65_536)
      .default(8 * 1024 * 1024),
    transactionAgeMaxMs: z.int().min(10).default(500),
    lingerMs: z.int().min(0).max(1_000).default(3),
    chunkRows: z.int().min(100).max(100_000).default(10_000),
    heartbeatIntervalMs: z.int().min(100).default(5_000),
    queueBytesMax: z
      .int()
      .min(1024 * 1024)
      .default(16 * 1024 * 1024),
    batchEventsMax: z.int().min(1).max(50_000).default(5_000),
    laneBufferBytesMax: z
      .int()
      .min(256 * 1024)
      .default(6 * 1024 * 1024),
    receiptIntervalMs: z.int().min(100).default(5_000),
  })
  .prefault({});

export const settingsSchema = z.strictObject({
  registration: z.strictObject({
    name: name.default('registration').describe('the source, also the prefix of its topics'),
    senderId: z.string().min(1).default('REGS'),
    database,
    slot: name.default('concord_registration'),
    publication: name.default('concord_registration'),
    tables: z.partialRecord(z.enum(entities), tableMapping).default({}),
  }),
  metering: z.strictObject({
    name: name.default('metering').describe('the source of flow 3, also the prefix of its topics'),
    senderId: z.string().min(1).default('MSVA'),
    receiver: z.string().min(1).default('MSVA').describe('who signs the receipts'),
    database,
    slot: name.default('concord_metering'),
    publication: name.default('concord_metering'),
    rules: parametersSchema.prefault({}),
  }),
  kafka: z.strictObject({
    brokers: z
      .array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'is not an address → write host:port'))
      .min(1, 'no broker is named → name at least one as host:port'),
    clientId: z.string().default('concord'),
    partitions: z
      .int()
      .min(1)
      .max(1_000)
      .default(4)
      .describe('lanes: partitions of every topic but reference data and progress'),
    replicationFactor: z.int().min(1).max(9).default(1),
    tls: tls.optional(),
    sasl: z
      .strictObject({
        mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
        username: z.string().min(1),
        password: z.string().min(1),
      })
      .optional(),
  }),
  registry: z.strictObject({
    url: z.url({
      error: 'is not a URL → write the Confluent-compatible base URL, such as http://host:8080/apis/ccompat/v7',
    }),
    tls: tls.optional(),
    basicAuth: z.strictObject({ username: z.string(), password: z.string() }).optional(),
  }),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      registrationPort: z.int().min(0).max(65_535).default(8081),
      meteringPort: z.int().min(0).max(65_535).default(8082),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  limits,
});

/** Validated settings; what is not in the file has its default. */
export type Settings = z.infer<typeof settingsSchema>;

/** Throws a ConfigurationError with every problem of the file. The environment is read here and nowhere else. */
export function readSettings(file: string): Settings {
  return readConfiguration(file, settingsSchema, process.env);
}

export function parseSettings(text: string, file: string, environment: NodeJS.ProcessEnv): Settings {
  return parseConfiguration(text, file, settingsSchema, environment);
}

/** The JSON Schema for editors. */
export function settingsJsonSchema(): unknown {
  return z.toJSONSchema(settingsSchema, { io: 'input' });
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
