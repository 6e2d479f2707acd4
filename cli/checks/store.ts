import type pg from 'pg';
import type { Logger } from 'pino';
import { mirrorTablesMissing } from '../../connectors/metering/mirror/mirror-tables.ts';
import { meteringMigrationsPending } from '../../connectors/metering/migrate.ts';
import { withDatabase, type DatabaseSettings } from '../../runtime/postgres.ts';
import { generatedSchemas } from '../generated-schemas.ts';
import { noGenerated } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { finding, type Finding } from './finding.ts';

/** The tables that a sink writes: there, and may they be written? */
interface Store {
  readonly place: string;
  readonly database: DatabaseSettings;
  readonly tables: readonly string[];
  /** Whose lanes it keeps positions of, and in which schema. */
  readonly readsFrom: string;
  readonly positions: string;
}

const meteringTableNames = [
  'metering_point',
  'appointment',
  'participant',
  'distributor_gsp_group',
  'meter_asset',
  'rejection',
  'rejected_event',
  'held',
];
const sinkTableNames = ['applied_position', 'applied_offset', 'outcome', 'dead_letter', 'receipt'];

export async function checkRegistrationStore(settings: Settings): Promise<readonly Finding[]> {
  const store: Store = {
    place: 'registration database',
    database: settings.registration.database,
    tables: ['inbox.rejection', 'inbox.receipt', ...sinkTableNames.map((table) => `concord.${table}`)],
    readsFrom: settings.metering.name,
    positions: 'concord.applied_position',
  };
  return withDatabase(store.database, 'concord check', (client) => findingsOf(client, store, settings));
}

export async function checkMeteringStore(settings: Settings, log: Logger): Promise<readonly Finding[]> {
  const store: Store = {
    place: 'metering database',
    database: settings.metering.database,
    tables: [...meteringTableNames, ...sinkTableNames].map((table) => `metering.${table}`),
    readsFrom: settings.registration.name,
    positions: 'metering.applied_position',
  };
  return withDatabase(store.database, 'concord check', async (client) => {
    const findings = await findingsOf(client, store, settings);
    if (findings.length > 0) return findings;
    const pending = await meteringMigrationsPending(client, log);
    if (pending.length === 0) return mirrorFindings(client, settings, store.place);
    return [
      finding(
        store.place,
        'STORE_TABLES_MISSING',
        `The store lacks ${pending.length} migrations: ${pending.join(', ')}.`,
      ),
    ];
  });
}

/** Mirrored tables that can not be read are findings of the source. */
async function mirrorFindings(client: pg.Client, settings: Settings, place: string): Promise<readonly Finding[]> {
  const generated = await generatedSchemas(settings).catch(() => noGenerated);
  const missing = await mirrorTablesMissing(client, [...generated.values()]);
  return missing.map(({ what }) => finding(place, 'MIRROR_TABLE_MISSING', `The store lacks the ${what}.`));
}

async function findingsOf(client: pg.Client, store: Store, settings: Settings): Promise<readonly Finding[]> {
  const { place, tables } = store;
  // The catalogue is asked, not to_regclass: that needs the privileges which are in question.
  const { rows } = await client.query<{ name: string; writable: boolean; user_name: string }>(
    `SELECT n.nspname || '.' || c.relname AS name, current_user AS user_name,
            has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
              AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AS writable
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname || '.' || c.relname = ANY ($1) AND c.relkind IN ('r', 'p')`,
    [tables],
  );
  const there = new Set(rows.map((row) => row.name));
  const missing = tables.filter((table) => !there.has(table));
  const closed = rows.filter((row) => !row.writable).map((row) => row.name);
  const findings: Finding[] = [];
  if (missing.length > 0) {
    findings.push(finding(place, 'STORE_TABLES_MISSING', `These tables do not exist: ${missing.join(', ')}.`));
  }
  if (closed.length > 0) {
    const user = rows[0]?.user_name ?? 'of the URL';
    findings.push(
      finding(
        place,
        'STORE_PRIVILEGE',
        `The user ${user} may not read and write ${closed.join(', ')}.`,
        `GRANT USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables to ${user}, or connect as their owner.`,
      ),
    );
  }
  return findings.length > 0 ? findings : lanesOf(client, store, settings.kafka.partitions);
}

async function lanesOf(client: pg.Client, store: Store, partitions: number): Promise<readonly Finding[]> {
  const { rows } = await client.query<{ lanes: number | null }>(
    `SELECT max(lane) + 1 AS lanes FROM ${store.positions} WHERE source = $1`,
    [store.readsFrom],
  );
  const lanes = rows[0]?.lanes ?? 0;
  if (lanes <= partitions) return [];
  const text = `The store has ${lanes} lanes of ${store.readsFrom}, but \`kafka.partitions\` is ${partitions}.`;
  return [finding(store.place, 'LANES_DIFFER', text, `Set \`kafka.partitions\` to ${lanes}.`)];
}
