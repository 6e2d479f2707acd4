import pg from 'pg';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import { maskDigits } from '../../runtime/mask.ts';
import type { SourceSettings, TableRoute } from './contract.ts';
import { readGivenUp, tellGivenUp } from './last-resort.ts';
import { lackingIdentities, type LackingIdentity } from './key-judgement.ts';
import { moneyFindings } from './money-decimals.ts';
import { neededColumns, routeColumns, tableName } from './route-columns.ts';
import type { ParkedTables } from './parked-tables.ts';
import { hasPublished, publishedTables, publishesInPart } from './setup.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import type { SourceFinding } from './finding.ts';
import { type CatalogTable, readLeaves, readTable } from './table-catalog.ts';

interface ServerSettings {
  readonly version: number;
  readonly wal_level: string;
  readonly standby: boolean;
  readonly may_replicate: boolean;
  readonly user_name: string;
  readonly slots_max: number;
  readonly slots: number;
  readonly senders_max: number;
  readonly senders: number;
}

interface SlotState {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  readonly wal_status: string | null;
}

/** Looks at the source's database and changes nothing. A database that can not be asked is a finding, too. */
export async function checkSource(
  database: pg.ClientConfig,
  settings: SourceSettings,
): Promise<readonly SourceFinding[]> {
  const client = new pg.Client(database);
  client.on('error', () => {});
  try {
    await client.connect();
    return [
      ...(await serverFindings(client, settings)),
      ...(await tableFindings(client, settings)),
      ...(await publicationFindings(client, settings)),
    ];
  } catch (error) {
    const fault = databaseFault(error);
    return [
      {
        code: fault.code,
        text: maskDigits(fault.message),
        remedy: `Correct the connection of the source ${settings.name}, or start its server.`,
      },
    ];
  } finally {
    await endClient(client);
  }
}

async function serverFindings(client: pg.Client, settings: SourceSettings): Promise<readonly SourceFinding[]> {
  const { rows } = await client.query<ServerSettings>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level,
            pg_is_in_recovery() AS standby, current_user AS user_name,
            (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_replicate,
            current_setting('max_replication_slots')::int AS slots_max,
            (SELECT count(*)::int FROM pg_replication_slots) AS slots,
            current_setting('max_wal_senders')::int AS senders_max,
            (SELECT count(*)::int FROM pg_stat_replication) AS senders`,
  );
  const [server] = rows;
  if (server === undefined) return [];
  const { rows: slots } = await client.query<SlotState>(
    'SELECT plugin, database, active, wal_status FROM pg_replication_slots WHERE slot_name = $1',
    [settings.slot],
  );
  const slot = slots[0] ?? null;
  const findings: SourceFinding[] = [];
  const find = (code: string, text: string, remedy: string): void => void findings.push({ code, text, remedy });

  if (server.version < 140_000) {
    find(
      'SERVER_TOO_OLD',
      `PostgreSQL ${Math.floor(server.version / 10_000)} can not stream logical messages.`,
      'Use PostgreSQL 14 or newer.',
    );
  }
  if (server.standby) {
    find(
      'SERVER_IS_STANDBY',
      'The server is a standby, where nothing can be written: no watermark and no heartbeat.',
      'Connect to the primary.',
    );
  }
  if (server.wal_level !== 'logical') {
    find(
      'WAL_LEVEL',
      `wal_level is ${server.wal_level}.`,
      "ALTER SYSTEM SET wal_level = 'logical', then restart the server.",
    );
  }
  if (!server.may_replicate) {
    find(
      'REPLICATION_PRIVILEGE',
      `The user ${server.user_name} may not replicate.`,
      `ALTER ROLE ${quoteIdentifier(server.user_name)} REPLICATION.`,
    );
  }
  if (slot === null && server.slots >= server.slots_max) {
    find(
      'SLOTS_EXHAUSTED',
      `All ${server.slots_max} replication slots are in use.`,
      'Raise max_replication_slots, or drop a slot that nobody needs.',
    );
  }
  if (slot?.active !== true && server.senders >= server.senders_max) {
    find('SENDERS_EXHAUSTED', `All ${server.senders_max} WAL senders are in use.`, 'Raise max_wal_senders.');
  }
  findings.push(...(await slotFindings(client, settings, slot)));
  return findings;
}

async function slotFindings(
  client: pg.Client,
  { name: source, slot: name }: SourceSettings,
  slot: SlotState | null,
): Promise<readonly SourceFinding[]> {
  // Who may not look at our schema is told so by the findings on privileges.
  const { rows: may } = await client.query<{ look: boolean }>(
    `SELECT CASE WHEN to_regnamespace('concord') IS NULL THEN true WHEN NOT has_schema_privilege('concord', 'USAGE') THEN false
       ELSE coalesce(has_table_privilege(to_regclass('concord.slot_given_up')::oid, 'SELECT'), true)
         AND coalesce(has_table_privilege(to_regclass('concord.source_state')::oid, 'SELECT'), true) END AS look`,
  );
  const looks = may[0]?.look === true;
  const givenUp = looks ? await readGivenUp(client, source) : null;
  const heal = `Run \`concord snapshot --heal ${source}\`, if this is the database to go on with.`;
  if (givenUp !== null) return [{ code: 'SLOT_GIVEN_UP', text: tellGivenUp(source, name, givenUp), remedy: heal }];
  if (slot === null) {
    if (looks && (await hasPublished(client, source))) {
      const text = `The replication slot ${name} is gone, and ${source} has published before: what was changed since is no longer held for us.`;
      return [{ code: 'SLOT_MISSING', text, remedy: heal }];
    }
    return [
      { code: 'SLOT_NOT_MADE', text: `The replication slot ${name} does not exist.`, remedy: 'Run `concord init`.' },
    ];
  }
  const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database');
  if (slot.plugin !== 'pgoutput' || slot.database !== rows[0]?.database) {
    return [
      {
        code: 'SLOT_UNSUITABLE',
        text: `The slot ${name} is one of ${slot.plugin ?? 'physical replication'} in the database ${slot.database ?? '(none)'}.`,
        remedy: 'Configure another name for our slot.',
      },
    ];
  }
  if (slot.wal_status === 'lost') {
    return [
      {
        code: 'SLOT_LOST',
        text: `The server has removed WAL that the slot ${name} needed.`,
        remedy: 'See `concord explain SLOT_LOST`.',
      },
    ];
  }
  return [];
}

async function tableFindings(client: pg.Client, settings: SourceSettings): Promise<readonly SourceFinding[]> {
  const findings: SourceFinding[] = [];
  for (const route of settings.routes) {
    const table = await readTable(client, route.schema, route.table);
    if (table === null) {
      findings.push({
        code: 'SOURCE_TABLE_MISSING',
        text: `The table ${tableName(route)} does not exist.`,
        remedy: `Correct the mapping of ${route.entity}, or make the table.`,
      });
    } else {
      findings.push(
        ...shapeFindings(route, table),
        ...identityFindings(lackingIdentities(route, table, await readLeaves(client, table))),
        ...(await privilegeFindings(client, route)),
        ...(await moneyFindings(client, route, table)),
      );
    }
  }
  return findings;
}

function shapeFindings(route: TableRoute, table: CatalogTable): readonly SourceFinding[] {
  const name = tableName(route);
  const columns = new Set(table.columns.map((column) => column.name));
  // A mirrored table may have lost a column: its item is empty.
  const wanted = route.kept === undefined ? routeColumns(route) : neededColumns(route);
  const missing = wanted.filter((column) => !columns.has(column));
  const primaryKey = table.columns.filter((column) => column.inPrimaryKey).map((column) => column.name);
  const findings: SourceFinding[] = missing.map((column) => ({
    code: 'SOURCE_COLUMN_MISSING',
    text: `The table ${name} has no column ${column}.`,
    remedy: `Correct the mapping of ${route.entity}.`,
  }));
  if (primaryKey.length === 0) {
    findings.push({
      code: 'PRIMARY_KEY_MISSING',
      text: `The table ${name} has no primary key, so that its rows can not be told apart.`,
      remedy: `ALTER TABLE ${quoteTable(route)} ADD PRIMARY KEY (${route.primaryKey.map(quoteIdentifier).join(', ')}).`,
    });
  } else if (primaryKey.toSorted().join() !== route.primaryKey.toSorted().join()) {
    findings.push({
      code: 'PRIMARY_KEY_DIFFERS',
      text: `The primary key of ${name} is (${primaryKey.join(', ')}), not (${route.primaryKey.join(', ')}).`,
      remedy: `Correct the mapping of ${route.entity}.`,
    });
  }
  if (table.primaryKeyDeferrable) {
    findings.push({
      code: 'PRIMARY_KEY_DEFERRABLE',
      text: `The primary key of ${name} is deferrable: keys that change places in one transaction arrive so that a delete hits the new row.`,
      remedy: 'Make the primary key not deferrable.',
    });
  }
  return findings;
}

function identityFindings(lacking: readonly LackingIdentity[]): readonly SourceFinding[] {
  return lacking.map(({ of, columns }) => ({
    code: 'REPLICA_IDENTITY',
    text: `The replica identity of ${tableName(of)} does not hold ${columns.join(', ')}: a delete would not say which topic and key it belongs to.`,
    remedy: `Run \`concord init\`, or ALTER TABLE ${quoteTable(of)} REPLICA IDENTITY FULL.`,
  }));
}

async function privilegeFindings(client: pg.Client, route: TableRoute): Promise<readonly SourceFinding[]> {
  const { rows } = await client.query<{ allowed: boolean; user_name: string }>(
    `SELECT has_schema_privilege($1, 'USAGE') AND has_table_privilege($2, 'SELECT') AS allowed, current_user AS user_name`,
    [route.schema, quoteTable(route)],
  );
  const [found] = rows;
  if (found === undefined || found.allowed) return [];
  return [
    {
      code: 'SELECT_PRIVILEGE',
      text: `The user ${found.user_name} may not read ${tableName(route)}.`,
      remedy: `GRANT USAGE ON SCHEMA ${quoteIdentifier(route.schema)} and SELECT ON ${quoteTable(route)} TO ${quoteIdentifier(found.user_name)}.`,
    },
  ];
}

/** What may come up about tables while the source runs, because somebody makes or alters them. */
export async function findingsOfTables(
  client: pg.Client,
  settings: SourceSettings,
  parked: ParkedTables,
): Promise<readonly SourceFinding[]> {
  const findings = [...(await publicationFindings(client, settings)), ...(await passingBy(client, settings))];
  for (const route of settings.routes) {
    const table = await readTable(client, route.schema, route.table);
    if (table === null) continue;
    findings.push(...(await moneyFindings(client, route, table)));
    const leaves = await readLeaves(client, table);
    const code = parked[tableName(route)]?.code;
    // Where the table is parked for it, that is told already; which partition it is, is not.
    if (code === 'REPLICA_IDENTITY' && leaves[0] === table) continue;
    // An identity that is the primary key is told with the key.
    const isToldWithKey = ({ of }: LackingIdentity): boolean =>
      code === 'PRIMARY_KEY_DIFFERS' && of.replicaIdentity === 'd';
    findings.push(...identityFindings(lackingIdentities(route, table, leaves).filter((one) => !isToldWithKey(one))));
  }
  return findings;
}

/** Tables that somebody has put into our publication, and that nobody has told us about. */
async function passingBy(client: pg.Client, settings: SourceSettings): Promise<readonly SourceFinding[]> {
  const { rows } = await client.query<{ all: boolean }>(
    'SELECT puballtables AS all FROM pg_publication WHERE pubname = $1',
    [settings.publication],
  );
  if (rows[0]?.all !== false) return [];
  const known = new Set(settings.routes.map(tableName));
  const published = [...(await publishedTables(client, settings.publication))];
  return published
    .filter((name) => !known.has(name) && !name.startsWith('concord.'))
    .map((name) => ({
      code: 'TABLE_NOT_CONFIGURED',
      text: `The table ${name} is in the publication ${settings.publication}, and in no table of the configuration: its changes pass by.`,
      remedy: `Mirror it: put \`${name.split('.').at(-1) ?? name}: {kind: mirror, schema: ${name.split('.')[0] ?? ''}}\` under registration.tables, run \`concord init\`, and start both sides again; all of its rows are read then. Or ALTER PUBLICATION ${quoteIdentifier(settings.publication)} DROP TABLE ${name}.`,
    }));
}

async function publicationFindings(client: pg.Client, settings: SourceSettings): Promise<readonly SourceFinding[]> {
  const { rows } = await client.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [settings.publication]);
  if (rows.length === 0) {
    return [
      {
        code: 'PUBLICATION_MISSING',
        text: `The publication ${settings.publication} does not exist.`,
        remedy: 'Run `concord init`.',
      },
    ];
  }
  if (await publishesInPart(client, settings.publication)) {
    return [
      {
        code: 'PUBLICATION_OPTIONS',
        text: `The publication ${settings.publication} leaves kinds of changes out, or tells changes of partitions under the partition's name.`,
        remedy:
          'Run `concord init`: a source that runs then reads all tables again. Rows that were deleted meanwhile are found, and deleted in the store, by `concord reconcile --repair`.',
      },
    ];
  }
  // Row filters and lists of columns are there from PostgreSQL 15 on.
  const { rows: limited } = await client.query<{ name: string; filtered: boolean }>(
    `SELECT n.nspname || '.' || c.relname AS name, to_jsonb(r) ->> 'prqual' IS NOT NULL AS filtered
     FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE p.pubname = $1 AND (to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL)`,
    [settings.publication],
  );
  const published = await publishedTables(client, settings.publication);
  const absent = [...settings.routes, { schema: 'concord', table: 'heartbeat' }]
    .filter((table) => !published.has(tableName(table)))
    .map((table) => ({
      code: 'TABLE_NOT_PUBLISHED',
      text: `The table ${tableName(table)} is not in the publication ${settings.publication}.`,
      remedy: 'Run `concord init`.',
    }));
  return [
    ...absent,
    ...limited.map(({ name, filtered }) => ({
      code: 'PUBLICATION_OPTIONS',
      text: `The publication ${settings.publication} has ${filtered ? 'a row filter' : 'a list of columns'} on ${name}: ${filtered ? 'rows outside of it' : 'other columns'} are not sent.`,
      remedy: `ALTER PUBLICATION ${quoteIdentifier(settings.publication)} DROP TABLE, then ADD TABLE without it: a source that runs then reads all of ${name} again. Rows that were deleted meanwhile are found, and deleted in the store, by \`concord reconcile --repair\`.`,
    })),
  ];
}
