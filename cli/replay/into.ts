import type pg from 'pg';
import type { Position } from '../../avro/position.ts';
import { comparePositions, formatLsn } from '../../avro/position.ts';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import type { LaneEnd } from '../../connectors/sink/settings.ts';
import { monotonicMs, pause } from '../../runtime/clock.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { registryOf } from '../connections.ts';
import { type GeneratedSchemas, knownSchemas, mirrorsOf } from '../mirrors.ts';
import { UsageError } from '../output.ts';
import type { Settings } from '../settings.ts';
import { type Building, buildTo, endsOf, liveEnds } from './build.ts';
import { outcomesOf, refusalsByRule } from './causes.ts';
import { compareStores, type TableComparison } from './compare.ts';
import { comparableAt, newestSourceTime, type NotCompared } from './as-of-place.ts';
import { comparedMirrors, hasExpired } from './compared-mirrors.ts';
import { comparedTables } from './compared-tables.ts';
import { historyKeptFrom, type NoLongerThere } from './explained.ts';
import { type LogStarts, logStarts, positionAt } from './place-in-time.ts';
import { rulesWith } from './rules-file.ts';
import {
  beginAtLogStart,
  changeRun,
  findRun,
  openSecondStore,
  type ReplayRun,
  type SecondStore,
  type Until,
} from './second-store.ts';
import { withSnapshot } from './snapshot.ts';

/** What a second store says of the live one; the document of `--json`. */
export interface ReplayReport {
  readonly store: string;
  readonly database: string;
  /** `same`: as far as both have it. `stopped`: it was not brought to where the live store is, and nothing of that could be compared. */
  readonly verdict: 'same' | 'differs' | 'stopped';
  /** Where they were compared, if that is not where the live store was; null when it is. */
  readonly asOf: { readonly generation: number; readonly lsn: number } | null;
  readonly notCompared: readonly NotCompared[];
  /** Entity → from when on the live store keeps history, where retention has removed some. */
  readonly historyFrom: Readonly<Record<string, string>>;
  readonly at: string;
  /** Lane → how far both were when they were compared. */
  readonly lanes: Readonly<Record<string, { readonly generation: number; readonly lsn: number }>>;
  /** What was before it has expired from the topics; null when everything was there. */
  readonly completeFrom: { readonly generation: number; readonly lsn: number } | null;
  readonly rules: { readonly text: string; readonly from: { generation: number; lsn: number } | null } | null;
  readonly tables: readonly TableComparison[];
  /** Rejections and holds by rule: [live, second]. */
  readonly refusals: Readonly<Record<string, readonly [number, number]>>;
  /** Events by topic and outcome, where the two are not the same: [live, second]. */
  readonly outcomes: Readonly<Record<string, readonly [number, number]>>;
  readonly seconds: number;
}

export interface IntoOptions {
  /** The text of a rules file. */
  readonly rules: string | null;
  readonly rulesFromMs: number | null;
  /** Nothing behind it is built. Null: what was asked for before, where that is not done yet; else where the live store is. */
  readonly until: Until | null;
}

const lookEveryMs = 500;
/** Each pass brings the second store to where the live one was when it began: the last, which holds a snapshot, is short. */
const passesBeforeSnapshot = 2;
/** An idle lane says once a second how far it is. */
const livePatienceMs = 10_000;
const livePollMs = 200;

/**
 * Builds a second store, or goes on with it, brings it exactly to where the live one is, and compares them. Of the live side
 * nothing is read but its store, in a snapshot, while they are compared.
 */
export async function replayInto(
  settings: Settings,
  store: SecondStore,
  options: IntoOptions,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<ReplayReport | null> {
  const begunMs = monotonicMs();
  const rulesFrom = options.rulesFromMs === null ? null : new Date(options.rulesFromMs);
  const run = await openSecondStore(settings, store, { rules: options.rules, rulesFrom, until: options.until });
  demandSameRules(run, options);
  return withWorker(store, async () => {
    const asked = untilOf(await findRun(settings, store), options.until);
    // In one: killed between the two, the next call would go on to another end.
    await changeRun(store, `state = 'running', until = $1`, [asked === null ? null : JSON.stringify(asked)]);
    const until = asked?.position ?? null;
    const starts = await logStarts(settings);
    await beginAtLogStart(store, settings.registration.name, starts.offsets);
    const building: Building = {
      tell,
      signal,
      isPaused: async () => (await findRun(settings, store))?.state !== 'running',
    };
    while (!signal.aborted) {
      const parameters = await rulesReached(settings, store, building);
      const report = parameters === null ? null : await toTheEnd(settings, store, parameters, until, starts, building);
      if (report !== null) {
        const whole = {
          ...report,
          completeFrom: placeOf(starts.completeFrom),
          seconds: (monotonicMs() - begunMs) / 1000,
        };
        await changeRun(store, `state = 'done', report = $1, reported_at = now()`, [JSON.stringify(whole)]);
        return whole;
      }
      await untilResumed(building);
    }
    return null;
  });
}

/** Who was killed on the way to a place goes on to that place, and one that is done goes on to where it is asked to now. */
function untilOf(run: ReplayRun | null, wanted: Until | null): Until | null {
  if (run === null || run.state === 'done') return wanted;
  return wanted === null || wanted.text === run.until?.text ? run.until : wanted;
}

function demandSameRules(run: ReplayRun, { rules, rulesFromMs }: IntoOptions): void {
  if (rules === null && rulesFromMs === null) return;
  if (run.rules === rules && (run.rulesFrom?.getTime() ?? null) === rulesFromMs) return;
  throw new UsageError(
    `${run.name} was begun with other rules. Drop it (\`concord replay drop ${run.name}\`), or give the new one another name.`,
  );
}

/** The rules of the file, once the second store is where they begin; null when it was interrupted or paused on the way. */
async function rulesReached(
  settings: Settings,
  store: SecondStore,
  building: Building,
): Promise<RuleParameters | null> {
  const live = settings.metering.rules;
  const run = await findRun(settings, store);
  if (run === null || run.rules === null) return live;
  if (run.rulesFrom === null || run.rulesReached) return rulesWith(live, run.rules);
  const position = run.rulesPosition ?? (await positionAt(settings, run.rulesFrom.getTime()));
  if (position === null) return live;
  await changeRun(store, 'rules_position = $1', [JSON.stringify(placeOf({ ordinal: 0, ...position }))]);
  const before = { generation: position.generation, lsn: position.lsn - 1, ordinal: 0 };
  const reached = await liveEndsFrom(settings, before, building);
  if (reached === null) {
    if (building.signal.aborted) return null;
    throw new UsageError(
      'The live store is not yet where the new rules begin. Start what does not run (`concord status`), and try again.',
    );
  }
  const ends = cutAt(reached, before);
  building.tell('judging by the live rules up to where the new ones begin');
  if (!(await buildTo(settings, store, live, ends, building))) return null;
  await changeRun(store, 'rules_reached = true');
  return rulesWith(live, run.rules);
}

/** An idle lane says only now and then how far it is. Null: it is not there within the patience. */
async function liveEndsFrom(
  settings: Settings,
  place: Position,
  { tell, signal }: Building,
): Promise<ReadonlyMap<number, LaneEnd> | null> {
  const begun = monotonicMs();
  for (;;) {
    const reached = await liveEnds(settings);
    if ([...reached.values()].every((end) => comparePositions(end.position, place) >= 0)) return reached;
    if (signal.aborted || monotonicMs() - begun > livePatienceMs) return null;
    tell('waiting for the live store to be where the new rules begin');
    await pause(livePollMs, signal);
  }
}

async function toTheEnd(
  settings: Settings,
  store: SecondStore,
  parameters: RuleParameters,
  until: Position | null,
  starts: LogStarts,
  building: Building,
): Promise<ReplayReport | null> {
  if (until !== null) await demandNotBehind(settings, store, until);
  for (let pass = 0; pass < passesBeforeSnapshot; pass += 1) {
    const ends = cutAt(await liveEnds(settings), until);
    if (!(await buildTo(settings, store, parameters, ends, building))) return null;
  }
  return withSnapshot(settings.metering.database, async (live) => {
    const atLive = await endsOf(live, settings.registration.name);
    const ends = cutAt(atLive, until);
    if (!(await buildTo(settings, store, parameters, ends, building))) return null;
    const run = await findRun(settings, store);
    const isWhole = [...atLive].every(([lane, end]) => ends.get(lane) === end);
    const { partitions } = settings.kafka;
    const gone = { ...starts, partitions, historyFrom: await historyKeptFrom(live) };
    const found = await withSnapshot(store.settings, (second) =>
      comparedWith(live, second, settings, gone, isWhole ? null : until, building.tell),
    );
    return {
      store: store.name,
      database: store.database,
      at: new Date().toISOString(),
      lanes: Object.fromEntries([...ends].map(([lane, { position }]) => [lane, placeOf(position) ?? position])),
      completeFrom: null,
      rules: run === null || run.rules === null ? null : { text: run.rules, from: run.rulesPosition },
      seconds: 0,
      ...found,
    };
  });
}

/** What has been built is not taken back. */
async function demandNotBehind(settings: Settings, store: SecondStore, until: Position): Promise<void> {
  const reached = await withDatabase(store.settings, 'concord replay', (client) =>
    endsOf(client, settings.registration.name),
  );
  const end = { ...until, ordinal: 0 };
  const isBehind = [...reached.values()].some(({ position }) => comparePositions({ ...position, ordinal: 0 }, end) > 0);
  if (!isBehind) return;
  throw new UsageError(
    `${store.name} has been built further than ${formatLsn(until.lsn)} already → give one that ends there another name, or drop this one (\`concord replay drop ${store.name}\`).`,
  );
}

type Found = Pick<
  ReplayReport,
  'verdict' | 'asOf' | 'notCompared' | 'historyFrom' | 'tables' | 'refusals' | 'outcomes'
>;

async function comparedWith(
  live: pg.Client,
  second: pg.Client,
  settings: Settings,
  gone: NoLongerThere,
  until: Position | null,
  tell: (text: string) => void,
): Promise<Found> {
  const place = until === null ? null : { position: until, sourceTime: await newestSourceTime(second) };
  const source = settings.registration.name;
  const topics = mirrorsOf(settings).map(({ topic }) => topic);
  const mirrors = await comparedMirrors(live, topics, await schemasOfMirrors(settings), gone.offsets);
  const all = [...comparedTables, ...mirrors.tables];
  const { tables: wanted, notCompared } =
    place === null ? { tables: all, notCompared: [] } : comparableAt(all, place, gone.historyFrom);
  const tables = await compareStores(live, second, { source, tables: wanted, gone, place }, tell);
  const known = {
    asOf: placeOf(until),
    notCompared: [...notCompared, ...mirrors.notCompared],
    historyFrom: Object.fromEntries(gone.historyFrom),
    tables,
  };
  const isSame = tables.every(({ differing, explained }) => differing === explained);
  if (place !== null) {
    const verdict = tables.length === 0 ? 'stopped' : isSame ? 'same' : 'differs';
    return { ...known, verdict, refusals: {}, outcomes: {} };
  }
  const refusals = pairs(await refusalsByRule(live, source), await refusalsByRule(second, source));
  const outcomes = Object.fromEntries(
    Object.entries(pairs(await outcomesOf(live, source), await outcomesOf(second, source))).filter(
      ([, [a, b]]) => a !== b,
    ),
  );
  // Of events that have expired, the second store has no outcome.
  const hasGone = gone.firstOfLane.size > 0 || topics.some((topic) => hasExpired(topic, gone.offsets));
  const counted = hasGone || Object.keys(outcomes).length === 0;
  return { ...known, verdict: isSame && counted ? 'same' : 'differs', refusals, outcomes };
}

async function schemasOfMirrors(settings: Settings): Promise<GeneratedSchemas> {
  const registry = registryOf(settings);
  try {
    return await knownSchemas(settings, registry);
  } finally {
    registry.close();
  }
}

function pairs(
  live: ReadonlyMap<string, number>,
  second: ReadonlyMap<string, number>,
): Record<string, readonly [number, number]> {
  const names = [...new Set([...live.keys(), ...second.keys()])].toSorted();
  return Object.fromEntries(names.map((name) => [name, [live.get(name) ?? 0, second.get(name) ?? 0]]));
}

/** The ends, and none behind the position. */
function cutAt(ends: ReadonlyMap<number, LaneEnd>, until: Position | null): ReadonlyMap<number, LaneEnd> {
  if (until === null) return ends;
  return new Map(
    [...ends].map(([lane, end]) => [
      lane,
      comparePositions(end.position, until) <= 0 ? end : { position: until, sourceTime: 0 },
    ]),
  );
}

async function untilResumed({ tell, isPaused, signal }: Building): Promise<void> {
  let isTold = false;
  while (!signal.aborted && (await isPaused())) {
    if (!isTold) tell('paused; `concord replay resume NAME` lets it go on');
    isTold = true;
    await pause(lookEveryMs, signal);
  }
}

/** One process at a time works on a second store. */
async function withWorker<T>(store: SecondStore, act: () => Promise<T>): Promise<T> {
  return withDatabase(store.settings, 'concord replay lock', async (client) => {
    const { rows } = await client.query<{ free: boolean }>(
      `SELECT pg_try_advisory_lock(hashtext('concord replay')) AS free`,
    );
    if (rows[0]?.free !== true) throw new UsageError(`Another process builds ${store.name} just now.`);
    return act();
  });
}

function placeOf(position: Position | null): { generation: number; lsn: number } | null {
  return position === null ? null : { generation: position.generation, lsn: position.lsn };
}
