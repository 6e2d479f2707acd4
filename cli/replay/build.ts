import type pg from 'pg';
import type { RuleParameters } from '../../connectors/metering/rules/contract.ts';
import { createMeteringDomain } from '../../connectors/metering/domain.ts';
import { comparePositions } from '../../avro/position.ts';
import { runSink } from '../../connectors/sink/pipeline.ts';
import { newSinkReport, type SinkReport } from '../../connectors/sink/report.ts';
import type { LaneEnd } from '../../connectors/sink/settings.ts';
import { monotonicMs, pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import { createLog } from '../../runtime/log.ts';
import { cutClient } from '../../runtime/cut-client.ts';
import { openPool, withDatabase } from '../../runtime/postgres.ts';
import { createFollower } from '../../topics/follower.ts';
import { createPrivateLanes } from '../../topics/private-lanes.ts';
import { decodersOf, kafkaOf, registryOf } from '../connections.ts';
import { mirrorsOf, noGenerated } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { LiveMirrors } from '../sides/live-mirrors.ts';
import { topicsOfSource } from '../sides/legs.ts';
import { sinkLimitsOf } from '../sides/settings-of.ts';
import type { SecondStore } from './second-store.ts';

const lookEveryMs = 50;
const tellEveryMs = 1_000;
const retryMs = 2_000;

/** How building goes on. */
export interface Building {
  /** A line for people; again and again. */
  readonly tell: (text: string) => void;
  /** Whether somebody asks to wait. Asked about once a second. */
  readonly isPaused: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/**
 * Brings the second store to the ends, exactly, with the real sink and the real domain. Where it stands is in the store itself:
 * killed anywhere, the next call goes on. Resolves false when it was interrupted or paused before the ends.
 */
export async function buildTo(
  settings: Settings,
  store: SecondStore,
  parameters: RuleParameters,
  ends: ReadonlyMap<number, LaneEnd>,
  building: Building,
): Promise<boolean> {
  for (;;) {
    try {
      return await buildOnce(settings, store, parameters, ends, building);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
      building.tell(`${error.code}: ${error.message} It goes on when that is over.`);
      await pause(retryMs, building.signal);
      if (building.signal.aborted) return false;
    }
  }
}

async function buildOnce(
  settings: Settings,
  store: SecondStore,
  parameters: RuleParameters,
  ends: ReadonlyMap<number, LaneEnd>,
  building: Building,
): Promise<boolean> {
  const log = createLog('replay', 'fatal');
  const kafka = kafkaOf(settings, 'replay', log);
  const registry = registryOf(settings);
  const { partitions } = settings.kafka;
  const pool = openPool(store.settings, `concord replay ${store.name}`, partitions + 1);
  const opened = new Set<pg.Client>();
  pool.on('connect', (client) => opened.add(client)).on('remove', (client) => opened.delete(client));
  // The tables of mirrored ones are made here as they are made in the live store: before the first record of a schema is read.
  const mirrors = mirrorsOf(settings).length === 0 ? null : new LiveMirrors(settings, registry, pool, log);
  const report = newSinkReport();
  const sink = {
    ...topicsOfSource(settings, settings.registration.name),
    receiver: settings.metering.receiver,
    storeSchema: 'metering',
    limits: { ...sinkLimitsOf(settings), idleIntervalMs: 100 },
    ends,
  } as const;
  const createDomain = createMeteringDomain(
    {
      source: sink.source,
      partitions,
      ruleParameters: parameters,
      ...(mirrors === null ? {} : { mirrors: mirrors.schemas }),
    },
    { log },
  );
  const done = new AbortController();
  const stop = AbortSignal.any([done.signal, building.signal]);
  try {
    await mirrors?.open();
    const decoders = decodersOf(settings, registry, mirrors?.schemas ?? noGenerated, (fetch) =>
      mirrors === null ? fetch : mirrors.through(fetch),
    );
    const running = runSink(
      sink,
      {
        pool,
        openSubscriber: () => createPrivateLanes(kafka, sink.laneTopics),
        openFollower: () => createFollower(kafka, [sink.progressTopic, ...sink.referenceTopics]),
        eventDecoder: decoders.event,
        progressDecoder: decoders.progress,
        createDomain,
        // They are rows of the second store; the topic has them from the live one.
        sendDeadLetters: () => Promise.resolve(),
        log,
        report,
      },
      stop,
    );
    const watched = watch(report, ends, building, stop).finally(() => done.abort());
    // Both have ended before anything is closed, whichever fails first: a sink that still stops needs its connections.
    const [ran, seen] = await Promise.allSettled([running.finally(() => done.abort()), watched]);
    if (ran.status === 'rejected') throw ran.reason;
    if (seen.status === 'rejected') throw seen.reason;
    return seen.value;
  } finally {
    done.abort();
    registry.close();
    await pool.end();
    // The pool does not wait until they are closed, and one whose other end is silent keeps the process from ending.
    for (const client of opened) cutClient(client);
  }
}

/** Tells how far it is, until all lanes are at their ends (true), or it is to stop. */
async function watch(
  report: SinkReport,
  ends: ReadonlyMap<number, LaneEnd>,
  building: Building,
  stop: AbortSignal,
): Promise<boolean> {
  const begunMs = monotonicMs();
  let toldMs = begunMs;
  const line = new Rate();
  for (;;) {
    if (isAtEnds(report, ends)) return true;
    if (stop.aborted) return false;
    if (monotonicMs() - toldMs >= tellEveryMs) {
      toldMs = monotonicMs();
      line.see(report, toldMs - begunMs);
      building.tell(line.text);
      if (await building.isPaused()) return false;
    }
    await pause(lookEveryMs, stop);
  }
}

function isAtEnds(report: SinkReport, ends: ReadonlyMap<number, LaneEnd>): boolean {
  for (const [lane, { position }] of ends) {
    const at = report.lanes.get(lane)?.position;
    if (at === undefined || comparePositions({ ...at, ordinal: 0 }, { ...position, ordinal: 0 }) < 0) return false;
  }
  return true;
}

class Rate {
  text = '';

  see({ lanes }: SinkReport, forMs: number): void {
    let applied = 0;
    let left = 0;
    for (const lane of lanes.values()) {
      applied += lane.appliedEvents;
      left += lane.lagEvents;
    }
    const rate = Math.round(applied / (forMs / 1000));
    const rest = rate === 0 ? '' : `, about ${number(Math.ceil(left / rate))} s to go`;
    this.text = `building: ${number(applied)} events applied, ${number(left)} records left, ${number(rate)} a second${rest}`;
  }
}

function number(value: number): string {
  return value.toLocaleString('en-GB');
}

/** How far the live store is now, by lane: where a second one must end to be as it is. */
export async function liveEnds(settings: Settings): Promise<ReadonlyMap<number, LaneEnd>> {
  return withDatabase(settings.metering.database, 'concord replay', (client) =>
    endsOf(client, settings.registration.name),
  );
}

export async function endsOf(
  client: { query<R extends object>(text: string, values: unknown[]): Promise<{ rows: R[] }> },
  source: string,
): Promise<ReadonlyMap<number, LaneEnd>> {
  const { rows } = await client.query<{ lane: number; generation: number; lsn: string; ordinal: number; time: string }>(
    `SELECT lane, generation, lsn, ordinal, (extract(epoch FROM source_time) * 1000000)::bigint AS time
     FROM metering.applied_position WHERE source = $1`,
    [source],
  );
  return new Map(
    rows.map(({ lane, generation, lsn, ordinal, time }) => [
      lane,
      { position: { generation, lsn: Number(lsn), ordinal }, sourceTime: Number(time) },
    ]),
  );
}
