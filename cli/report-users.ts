import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { ClientBase } from 'pg';
import { checkInstalled } from '../connectors/metering/map-report/run.ts';
import { addMapUser, listMapUsers, removeMapUser } from '../connectors/metering/map-report/users.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable, UsageError } from './output.ts';

interface AddOptions extends CommonOptions {
  readonly map: string;
  readonly supplierItems?: boolean;
  readonly personalItems?: boolean;
  readonly passwordStdin?: boolean;
}

/** `concord report users add|remove|list`: for an administrator, as the owner of the metering store. */
export function reportUsersCommand(): Command {
  const users = new Command('users').description('who may run the report, as an administrator of the metering store');
  withCommonOptions(
    users
      .command('add')
      .description('register a login role of the metering database as a MAP, or change what it may see')
      .argument('<role>', 'the login role; it is made if it is not there')
      .requiredOption('--map <mpid>', 'the MAP that it is'),
  )
    .option('--supplier-items', 'show it the supplier columns, and let it ask for a supplier')
    .option('--personal-items', 'show it MPxN, postcode and UPRN in full, with --reveal')
    .option('--password-stdin', 'set its password to the first line of standard input')
    .action(add);
  withCommonOptions(
    users
      .command('remove')
      .description('take the registration away; the login role stays')
      .argument('<role>', 'the login role'),
  ).action(remove);
  withCommonOptions(users.command('list').description('list who is registered as which MAP')).action(list);
  return users;
}

/** `concord report runs`: who asked for what, and what came of it. */
export function reportRunsCommand(): Command {
  return withCommonOptions(
    new Command('runs').description('every run of a report that was asked for, newest first, refused ones too'),
  )
    .option('--limit <rows>', 'at most so many', '50')
    .action(runs);
}

async function add(role: string, options: AddOptions): Promise<void> {
  if (!/^[A-Z0-9]{4}$/.test(options.map)) {
    throw new UsageError(`--map ${options.map} is not an MPID; write four of A–Z and 0–9, such as MAPA.`);
  }
  const password = options.passwordStdin === true ? ((await text(process.stdin)).split(/\r?\n/)[0] ?? '') : null;
  if (password === '') throw new UsageError('There is no password on standard input; write it as the first line.');
  const user = {
    role,
    map: options.map,
    seesSupplier: options.supplierItems === true,
    seesPersonal: options.personalItems === true,
    password,
  };
  const { isNewRole } = await asAdministrator(options, (client) => addMapUser(client, user));
  if (options.json === true) {
    printJson({ role, map: user.map, seesSupplier: user.seesSupplier, seesPersonal: user.seesPersonal, isNewRole });
    return;
  }
  const shown = [user.seesSupplier ? 'suppliers' : null, user.seesPersonal ? 'personal data' : null].filter(Boolean);
  print(`${role} is registered as ${user.map}: it sees its own assets${shown.map((one) => `, ${one}`).join('')}.`);
  if (isNewRole && password === null) {
    print(
      `The role was made without a password. Set one: psql … -c '\\password ${role}', or again with --password-stdin.`,
    );
  }
}

async function remove(role: string, options: CommonOptions): Promise<void> {
  const wasRegistered = await asAdministrator(options, (client) => removeMapUser(client, role));
  if (!wasRegistered) throw new UsageError(`${role} is not registered. \`concord report users list\` shows who is.`);
  if (options.json === true) printJson({ role, removed: true });
  else print(`${role} is not registered any more. The login role itself is still there; DROP ROLE removes it.`);
}

async function list(options: CommonOptions): Promise<void> {
  const users = await asAdministrator(options, listMapUsers);
  if (options.json === true) {
    printJson(users);
    return;
  }
  printTable(
    ['role', 'MAP', 'suppliers', 'personal data', 'registered', 'by', 'can log in'],
    users.map((user) => [
      user.role_name,
      user.map_mpid,
      user.sees_supplier ? 'shown' : 'blank',
      user.sees_personal ? 'shown with --reveal' : 'masked',
      user.registered_at.toISOString().slice(0, 10),
      user.registered_by,
      user.is_ready ? 'yes' : 'NO: register it again',
    ]),
    'Nobody is registered. `concord report users add ROLE --map MPID` registers somebody.',
  );
  if (users.some(({ is_ready: isReady }) => !isReady)) process.exitCode = exit.found;
}

interface RunRow {
  readonly run_id: string;
  readonly at: Date;
  readonly role_name: string;
  readonly client: string | null;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly outcome: string;
  readonly refused_code: string | null;
  readonly row_count: string | null;
  readonly rows_read: string | null;
}

async function runs(options: CommonOptions & { readonly limit: string }): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit ${options.limit} is not a number of rows; give 1 or more.`);
  }
  const rows = await asAdministrator(options, async (client) => {
    const found = await client.query<RunRow>(
      `SELECT run_id, at, role_name, host(client) AS client, filters, outcome, refused_code, row_count, rows_read
         FROM report.run ORDER BY run_id DESC LIMIT $1`,
      [limit],
    );
    return found.rows;
  });
  if (options.json === true) {
    printJson(rows);
    return;
  }
  printTable(
    ['run', 'at', 'role', 'from', 'outcome', 'rows', 'read', 'asked for'],
    rows.map((row) => [
      row.run_id,
      row.at.toISOString().slice(0, 19),
      row.role_name,
      row.client ?? 'socket',
      row.refused_code ?? row.outcome,
      row.row_count,
      row.rows_read,
      Object.entries(row.filters)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', '),
    ]),
    'No report has been run yet.',
  );
}

async function asAdministrator<T>(options: CommonOptions, act: (client: ClientBase) => Promise<T>): Promise<T> {
  return withDatabase(settingsOf(options).metering.database, 'concord report', async (client) => {
    await checkInstalled(client);
    return act(client);
  });
}
