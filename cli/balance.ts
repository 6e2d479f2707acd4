import { Command } from 'commander';
import { pause } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { withDatabase } from '../runtime/postgres.ts';
import type { Outcome } from '../connectors/sink/contract.ts';
import type { StoreSchema } from '../connectors/sink/settings.ts';
import { lettersNotCaptured } from './dead-letters/of-source.ts';
import { readProgress } from './progress.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit, print, printJson, printTable } from './output.ts';
import type { Settings } from './settings.ts';

/** One topic's equation: captured = applied + unchanged + superseded + rejected + held + dead-lettered + not ours. */
export interface BalanceLine {
  readonly source: string;
  readonly topic: string;
  readonly captured: number;
  readonly applied: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly rejected: number;
  readonly held: number;
  readonly deadLettered: number;
  readonly notOurs: number;
  /** Captured but without an outcome yet: on its way. Negative would mean an event counted twice. */
  readonly inFlight: number;
}

export interface Balance {
  readonly topics: readonly BalanceLine[];
  readonly closes: boolean;
}

export function balanceCommand(): Command {
  return withCommonOptions(
    new Command('balance').description('show, per topic, that every captured event ended as exactly one outcome'),
  ).action(async (options: CommonOptions) => {
    const balance = await readBalance(settingsOf(options));
    if (options.json === true) printJson(balance);
    else printBalance(balance);
    process.exitCode = balance.closes ? exit.done : exit.found;
  });
}

const looks = 5;
const betweenLooksMs = 150;

/**
 * Even an idle system sends a receipt every few seconds: what is on its way at the moment of a look is looked at again, so that
 * only a system that is really behind does not close.
 */
export async function readBalance(settings: Settings): Promise<Balance> {
  for (let look = 1; ; look += 1) {
    const balance = await lookAtBalance(settings);
    if (balance.closes || look === looks) return balance;
    await pause(betweenLooksMs);
  }
}

/** Outcomes are read before what was captured, so that a change on its way in between can only look in flight. */
async function lookAtBalance(settings: Settings): Promise<Balance> {
  const [atMetering, atRegistration] = await Promise.all([
    readOutcomes(settings.metering.database, 'metering', settings.registration.name),
    readOutcomes(settings.registration.database, 'concord', settings.metering.name),
  ]);
  const progress = await readProgress(settings, createLog('balance', 'error'));
  const topics = [
    ...lines(settings.registration.name, progress.registration?.captured ?? {}, atMetering),
    ...lines(settings.metering.name, progress.metering?.captured ?? {}, atRegistration),
  ];
  return { topics, closes: topics.every((line) => line.inFlight === 0) };
}

interface Outcomes {
  readonly byTopic: ReadonlyMap<string, ReadonlyMap<Outcome, number>>;
  /** Topic → dead letters that are not among what the source says it captured. */
  readonly lettersNotCaptured: ReadonlyMap<string, number>;
}

/** Of one moment: a letter and its outcome are written together. */
async function readOutcomes(
  database: Settings['metering']['database'],
  schema: StoreSchema,
  source: string,
): Promise<Outcomes> {
  return withDatabase(database, 'concord balance', async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<{ topic: string; outcome: Outcome; count: string }>(
      `SELECT topic, outcome, sum(count) AS count FROM ${schema}.outcome WHERE source = $1 GROUP BY topic, outcome`,
      [source],
    );
    const notCaptured = await lettersNotCaptured(client, schema, source);
    await client.query('COMMIT');
    const found = new Map<string, Map<Outcome, number>>();
    for (const row of rows) {
      const ofTopic = found.get(row.topic) ?? new Map<Outcome, number>();
      ofTopic.set(row.outcome, Number(row.count));
      found.set(row.topic, ofTopic);
    }
    return { byTopic: found, lettersNotCaptured: notCaptured };
  });
}

function lines(source: string, captured: Readonly<Record<string, number>>, outcomes: Outcomes): readonly BalanceLine[] {
  const topics = [...new Set([...Object.keys(captured), ...outcomes.byTopic.keys()])].toSorted();
  return topics.map((topic) => {
    const of = (outcome: Outcome): number => outcomes.byTopic.get(topic)?.get(outcome) ?? 0;
    const line = {
      applied: of('applied'),
      unchanged: of('unchanged'),
      superseded: of('superseded'),
      rejected: of('rejected'),
      held: of('held'),
      deadLettered: of('dead-lettered'),
      notOurs: of('not-ours'),
    };
    const ended = Object.values(line).reduce((sum, events) => sum + events, 0);
    // What somebody else has put on the topic was captured by nobody, and is counted where it was found.
    const total = (captured[topic] ?? 0) + (outcomes.lettersNotCaptured.get(topic) ?? 0);
    return { source, topic, captured: total, ...line, inFlight: total - ended };
  });
}

export function printBalance(balance: Balance): void {
  printTable(
    [
      'topic',
      'captured',
      'applied',
      'unchanged',
      'superseded',
      'rejected',
      'held',
      'dead-lettered',
      'not ours',
      'in flight',
    ],
    balance.topics.map((line) => [
      line.topic,
      line.captured,
      line.applied,
      line.unchanged,
      line.superseded,
      line.rejected,
      line.held,
      line.deadLettered,
      line.notOurs,
      line.inFlight,
    ]),
    'Nothing has been captured yet.',
  );
  print('');
  if (balance.closes) print('The balance closes: every captured event ended as exactly one outcome.');
  else if (balance.topics.some((line) => line.inFlight < 0))
    print('The balance does NOT close: more outcomes than captured events. Please report this.');
  else
    print(
      'The balance does not close yet: events are on their way. Ask again when the load pauses; `concord status` shows the lag.',
    );
}
