import { Command } from 'commander';
import { expectedProcesses } from '../local/bring-up.ts';
import { livePids } from '../local/processes.ts';
import { readState } from '../local/state.ts';
import { readProofFigures } from '../reconcile/history.ts';
import { readVerifiedThrough } from '../reconcile/ledger.ts';
import { pause } from '../runtime/clock.ts';
import { explanationOf } from '../runtime/codes.ts';
import { withDatabase } from '../runtime/postgres.ts';
import { historyKeptFrom } from './as-of.ts';
import { type Balance, readBalance } from './balance.ts';
import { placeOf, settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, printJson } from './output.ts';
import type { Settings } from './settings.ts';
import { problem, problemsOfSide } from './side-problems.ts';
import { type SideStatus, statusForm } from './sides/status-document.ts';
import type { Problem, Proof, Status, TopicStatus } from './status-model.ts';
import { printStatus } from './status-page.ts';
import { untoldColumns } from './untold-columns.ts';

export function statusCommand(): Command {
  return withCommonOptions(
    new Command('status').description('show processes, problems, lag, balance, held events and rejections'),
  )
    .option('--watch', 'show it again every two seconds, until Ctrl-C')
    .action(async (options: CommonOptions & { watch?: boolean }) => {
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      do {
        const status = await readStatus(options);
        if (options.json === true) printJson(status);
        else printStatus(status, options.watch === true);
        process.exitCode = status.problems.length === 0 ? exit.done : exit.found;
        if (options.watch === true) await pause(2_000, stop.signal);
      } while (options.watch === true && !stop.signal.aborted);
    });
}

export async function readStatus(options: CommonOptions): Promise<Status> {
  const settings = settingsOf(options);
  const problems: Problem[] = [];
  const attempt = async <T>(read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (error) {
      problems.push(problemOf(error));
      return null;
    }
  };
  const ask = (name: string, port: number): Promise<SideStatus | null> => askSide(name, settings, port, problems);
  const [registration, metering] = await Promise.all([
    ask('registration', settings.http.registrationPort),
    ask('metering', settings.http.meteringPort),
  ]);
  const sides = { registration, metering };
  const pids = pidsOf(options, sides, problems);
  for (const [name, side] of Object.entries(sides)) if (side !== null) problems.push(...problemsOfSide(name, side));
  if (registration !== null) problems.push(...((await attempt(() => untoldColumns(settings, registration))) ?? []));
  const [balance, counts] = [await attempt(() => readBalance(settings)), await attempt(() => readCounts(settings))];
  return {
    pids,
    problems: distinct(problems),
    topics: topicsOf(balance, sides),
    balance,
    held: counts?.held ?? null,
    heldFor: counts?.heldFor ?? null,
    rejections: counts?.rejections ?? null,
    verifiedThrough:
      (await attempt(() => readVerifiedThrough(settings.metering.database, settings.registration.name))) ?? {},
    proof: await attempt(() => readProof(settings)),
    historyKeptFrom: await attempt(() =>
      withDatabase(settings.metering.database, 'concord status', (client) => historyKeptFrom(client)),
    ),
    sides,
  };
}

/** Null, and a problem, when it can not be understood: it does not answer, or is of another version. */
async function askSide(
  name: string,
  settings: Settings,
  port: number,
  problems: Problem[],
): Promise<SideStatus | null> {
  let side: SideStatus;
  try {
    const response = await fetch(`http://${settings.http.host}:${port}/status.json`, {
      signal: AbortSignal.timeout(2_000),
    });
    side = (await response.json()) as SideStatus;
  } catch {
    problems.push(
      problem(
        'SIDE_NOT_ANSWERING',
        `The ${name} side does not answer on its HTTP port.`,
        `Start it with \`concord run ${name}\` (or \`concord up\`), or see its log.`,
      ),
    );
    return null;
  }
  if (side.form === statusForm) return side;
  problems.push(
    problem(
      'SIDE_OF_ANOTHER_VERSION',
      `The ${name} side was started by another version of Concord than this command.`,
      'Start it again: `concord down`, then `concord up`, or your own way to run it.',
    ),
  );
  return null;
}

/** The embedded stack knows its processes; elsewhere the sides themselves say who they are. */
function pidsOf(options: CommonOptions, sides: Status['sides'], problems: Problem[]): Readonly<Record<string, number>> {
  const { dataDir, configurationFile } = placeOf(options);
  if (configurationFile.startsWith(dataDir) && readState(dataDir) !== null) {
    const pids = livePids(dataDir);
    for (const name of expectedProcesses) {
      if (pids[name] === undefined)
        problems.push(
          problem('PROCESS_NOT_RUNNING', `${name} does not run.`, 'Run `concord up`, which starts what is missing.'),
        );
    }
    return pids;
  }
  return Object.fromEntries(Object.entries(sides).flatMap(([name, side]) => (side === null ? [] : [[name, side.pid]])));
}

function topicsOf(balance: Balance | null, sides: Status['sides']): readonly TopicStatus[] {
  if (balance === null) return [];
  return balance.topics.map(({ source, topic, captured, inFlight }) => {
    const writer = Object.values(sides).find((side) => side?.source.name === source) ?? null;
    const reader = Object.values(sides).find((side) => side?.sink.source === source) ?? null;
    const slowest = reader?.sink.lanes.toSorted((a, b) => a.position.lsn - b.position.lsn)[0];
    return {
      source,
      topic,
      captured,
      position: writer?.source.lsn ?? null,
      applied: slowest?.lsn ?? null,
      lagEvents: inFlight,
      lagSeconds: reader === null ? null : inFlight === 0 ? 0 : reader.sink.lagSeconds,
    };
  });
}

interface Counts {
  readonly held: number;
  readonly heldFor: Readonly<Record<string, number>>;
  readonly rejections: Readonly<Record<string, number>>;
}

async function readCounts(settings: Settings): Promise<Counts> {
  return withDatabase(settings.metering.database, 'concord status', async (client) => {
    const held = await client.query<{ count: string }>('SELECT count(*) FROM metering.held');
    const rejections = await client.query<{ status: string; count: string }>(
      'SELECT status, count(*) FROM metering.rejection GROUP BY status',
    );
    const heldFor = await client.query<{ code: string; count: string }>(
      'SELECT code, count(*) FROM metering.held, unnest(rule_codes) AS code GROUP BY code ORDER BY count(*) DESC, code',
    );
    return {
      held: Number(held.rows[0]?.count ?? 0),
      heldFor: Object.fromEntries(heldFor.rows.map(({ code, count }) => [code, Number(count)])),
      rejections: {
        open: 0,
        resolved: 0,
        withdrawn: 0,
        ...Object.fromEntries(rejections.rows.map((row) => [row.status, Number(row.count)])),
      },
    };
  });
}

async function readProof({ metering, registration }: Settings): Promise<Proof> {
  const { lastPassMs, unexplained, failedInARow } = await withDatabase(metering.database, 'concord status', (client) =>
    readProofFigures(client, registration.name),
  );
  return { lastPassAt: lastPassMs === null ? null : new Date(lastPassMs).toISOString(), unexplained, failedInARow };
}

function problemOf(error: unknown): Problem {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'STATUS_INCOMPLETE';
  const text = error instanceof Error ? error.message : String(error);
  return problem(code, text, explanationOf(code)?.remedy ?? 'See the log of the process that is concerned.');
}

/** The same server being away is told once, not once for everything that asked it. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((one) => [`${one.code} ${one.text}`, one])).values()];
}
