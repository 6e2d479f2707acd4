import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { commandLineFile } from '../local/checkout.ts';
import { bareDigests } from './bare-digests.ts';
import { ConcordRound } from './concord-rig.ts';
import { measureLatency } from './latency.ts';
import { cpuBetween, cpuSeconds, MemorySampler, total, type Watched } from './process-figures.ts';
import type { Rig, RigRound } from './rig.ts';
import { query, type Servers } from './servers.ts';
import { commitMoments, countRows, makeBacklog } from './workload.ts';
import { type Passage, passageOf, type Patience, rateOf, untilCount } from './waiting.ts';

export interface RoundSettings {
  readonly number: number;
  readonly rows: number;
  readonly changes: number;
  readonly latencySeconds: number;
  readonly letters: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly note: (measure: string, value: number) => void;
  /** CPU seconds per million events by process, servers included. */
  readonly noteCpu: (phase: string, byProcess: Readonly<Record<string, number>>) => void;
  readonly tell: (line: string) => void;
}

const runFile = promisify(execFile);
const secondsMax = 1_800;

/** One round of one rig: every measure that was asked for, each on what the one before left. Memory is told once: the peak. */
export async function runRound(rig: Rig, servers: Servers, given: RoundSettings): Promise<void> {
  let peak = 0;
  const settings: RoundSettings = {
    ...given,
    note: (measure, value) => {
      if (measure === 'memory-peak') peak = Math.max(peak, value);
      else given.note(measure, value);
    },
  };
  await runMeasures(rig, servers, settings);
  given.note('memory-peak', peak);
}

async function runMeasures(rig: Rig, servers: Servers, settings: RoundSettings): Promise<void> {
  const wanted = (...some: string[]): boolean => some.some((letter) => settings.letters.has(letter));
  const id = `r${settings.number}`;
  if (wanted('a', 'h')) {
    settings.tell(`${rig.name}: making ${settings.rows} rows`);
    const round = await rig.prepare(`${id}a`, settings.rows);
    try {
      await new RoundOf(round, servers, settings).snapshotThenStore();
    } finally {
      await round.remove();
    }
  }
  if (!wanted('b', 'c', 'd', 'e', 'i', 'g')) return;
  settings.tell(`${rig.name}: making ${settings.rows} rows`);
  const round = await rig.prepare(`${id}b`, settings.rows);
  try {
    const one = new RoundOf(round, servers, settings);
    await one.tableToStore();
    await one.sizesOfLoad();
    if (wanted('i')) await one.reconcile();
    let factor = 2;
    for (const [letter, per] of [
      ['c', 100],
      ['d', 1],
    ] as const) {
      if (!wanted(letter)) continue;
      await one.drainToTopic(per, factor++);
      await one.drainToStore(per, factor++);
    }
    if (wanted('e')) await one.latency(6);
  } finally {
    await round.remove();
  }
}

/** The measures of one round; each begins with what the one before left. */
export class RoundOf {
  readonly #round: RigRound;
  readonly #servers: Servers;
  readonly #settings: RoundSettings;

  constructor(round: RigRound, servers: Servers, settings: RoundSettings) {
    this.#round = round;
    this.#servers = servers;
    this.#settings = settings;
  }

  /** The source alone, then the sink alone on what lies on the topic. */
  async snapshotThenStore(): Promise<void> {
    const { rows, note } = this.#settings;
    await this.#servers.checkpoint();
    await this.#measured('snapshot-to-topic', rows, async () => {
      const begunMs = Date.now();
      await this.#round.startSource();
      const passage = await this.#topicPassage(0, rows, 'snapshot');
      note('first-event', (passage.firstMs - begunMs) / 1_000);
      return passage;
    });
    await this.#measured('topic-to-store', rows, async () => {
      await this.#round.startSink();
      return this.#storePassage('true', rows, 'topic → store');
    });
    await this.#round.stop();
  }

  /** Both at once, from the moment they are asked to start. */
  async tableToStore(): Promise<void> {
    const { rows } = this.#settings;
    await this.#servers.checkpoint();
    await this.#measured('table-to-store', rows, async () => {
      const firstMs = Date.now();
      await this.#round.startSource();
      await this.#round.startSink();
      const { lastMs } = await this.#storePassage('true', rows, 'table → store');
      return { firstMs, lastMs, first: 0 };
    });
  }

  /** What a row needs on the topic and in the store. */
  async sizesOfLoad(): Promise<void> {
    const { rows, note } = this.#settings;
    const { storeUrl, storeTable, topic } = this.#round;
    const [found] = await query<{ bytes: string }>(
      storeUrl,
      `SELECT pg_total_relation_size('${storeTable}')::text AS bytes`,
    );
    note('bytes-current', Number(found?.bytes ?? 0) / rows);
    note('bytes-event', this.#servers.topicBytes(topic) / rows);
  }

  /** A backlog that only the source takes; afterwards the store gets it, too. Leaves both running. */
  async drainToTopic(per: number, factor: number): Promise<void> {
    const changes = await this.#backlog(per, factor);
    const from = await this.#servers.nextOffset(this.#round.topic);
    await this.#measured(`drain-${per}-to-topic`, changes, async () => {
      await this.#round.startSource();
      return this.#topicPassage(from, changes, 'drain to the topic');
    });
    await this.#round.startSink();
    await this.#storePassage(`line_loss_factor = ${factor}`, changes, 'what is left of the drain');
  }

  /** A backlog that goes through to the store. Leaves both running. */
  async drainToStore(per: number, factor: number): Promise<void> {
    const changes = await this.#backlog(per, factor);
    await this.#measured(`drain-${per}-to-store`, changes, async () => {
      await this.#round.startSource();
      await this.#round.startSink();
      return this.#storePassage(`line_loss_factor = ${factor}`, changes, 'drain to the store');
    });
    if (!(this.#round instanceof ConcordRound) || per !== 100) return;
    const [found] = await query<{ bytes: number }>(
      this.#round.storeUrl,
      `SELECT pg_total_relation_size('metering.metering_point_history')::float8 / greatest(count(*), 1) AS bytes
       FROM metering.metering_point_history`,
    );
    this.#settings.note('bytes-history', found?.bytes ?? Number.NaN);
  }

  /** Updates that are committed while nothing runs. */
  async #backlog(per: number, factor: number): Promise<number> {
    await this.#round.stop();
    this.#settings.tell(`a backlog of ${this.#settings.changes} updates in transactions of ${per}`);
    const { changes, walBytes } = await makeBacklog(this.#round.sourceUrl, { ...this.#settings, per, factor });
    if (per === 100) this.#settings.note('bytes-wal', walBytes / changes);
    await this.#servers.checkpoint();
    return changes;
  }

  async latency(factor: number): Promise<void> {
    const { note, tell, latencySeconds, signal, rows } = this.#settings;
    await this.#round.stop();
    this.#round.preferLatency();
    await this.#round.startSource();
    await this.#round.startSink();
    tell(`latency: 500 changes a second for ${latencySeconds} s`);
    const memory = new MemorySampler(() => this.#round.watched());
    const before = cpuSeconds(this.#watched());
    const { delays, changes } = await measureLatency(this.#round, {
      rows,
      seconds: latencySeconds,
      factor,
      signal,
      patience: this.#patience('latency'),
    });
    note('memory-idle', total(memory.stop()));
    this.#noteCpu('latency', changes, before);
    for (const [part, value] of Object.entries(delays)) note(`latency-${part}`, value);
  }

  async reconcile(): Promise<void> {
    if (!(this.#round instanceof ConcordRound)) return;
    const { note, tell, signal } = this.#settings;
    tell('reconcile');
    note('digests', await bareDigests(this.#round));
    const begun = performance.now();
    const { stdout } = await runFile(
      process.execPath,
      [commandLineFile, 'reconcile', '--json', '--config', this.#round.configuration],
      { signal, maxBuffer: 64 * 1024 * 1024 },
    );
    const seconds = (performance.now() - begun) / 1_000;
    const report = JSON.parse(stdout) as { verdict: string };
    if (report.verdict !== 'agree') throw new Error(`reconcile does not agree: ${stdout.slice(0, 2_000)}`);
    note('reconcile', seconds);
  }

  /** `act` tells when the events passed. CPU is that of the whole act, memory its peak. */
  async #measured(phase: string, events: number, act: () => Promise<Passage>): Promise<void> {
    const { note, tell } = this.#settings;
    tell(phase);
    const before = cpuSeconds(this.#watched());
    const memory = new MemorySampler(() => this.#round.watched());
    try {
      const begunMs = Date.now();
      const passage = await act();
      const rate = rateOf(events, passage);
      const perMillion = this.#noteCpu(phase, events, before);
      const own = Object.keys(this.#round.watched());
      note(phase, rate);
      note(`${phase}-seconds-from-start`, (passage.lastMs - begunMs) / 1_000);
      note(
        `cpu-${phase}`,
        own.reduce((sum, name) => sum + (perMillion[name] ?? 0), 0),
      );
      tell(`${phase}: ${Math.round(rate).toLocaleString('en-GB')} events/s`);
    } finally {
      const peak = memory.stop();
      note('memory-peak', total(peak));
      note('memory-peak-process', Math.max(...Object.values(peak)));
    }
  }

  #watched(): Watched {
    return { ...this.#round.watched(), ...this.#servers.watched() };
  }

  /** Seconds per million events by process, since `before`. */
  #noteCpu(phase: string, events: number, before: ReturnType<typeof cpuSeconds>): Readonly<Record<string, number>> {
    const perMillion = Object.fromEntries(
      Object.entries(cpuBetween(before, cpuSeconds(this.#watched()))).map(([name, seconds]) => [
        name,
        (seconds * 1e6) / events,
      ]),
    );
    this.#settings.noteCpu(phase, perMillion);
    return perMillion;
  }

  #topicPassage(from: number, goal: number, what: string): Promise<Passage> {
    return passageOf(() => this.#servers.nextOffset(this.#round.topic), from, goal, this.#patience(what));
  }

  /** The commits in the store that brought the rows; waits for all. */
  async #storePassage(condition: string, goal: number, what: string): Promise<Passage> {
    const { storeUrl, storeTable } = this.#round;
    const client = new pg.Client({ connectionString: storeUrl, application_name: 'concord bench' });
    await client.connect();
    try {
      await untilCount(() => countRows(client, storeTable, condition), goal, this.#patience(what));
    } finally {
      await client.end();
    }
    const moments = await commitMoments(storeUrl, storeTable, condition);
    if (moments.count !== goal) throw new Error(`${what}: ${moments.count} rows in the store, ${goal} were sent`);
    return moments;
  }

  #patience(what: string): Patience {
    return {
      what,
      seconds: secondsMax,
      signal: this.#settings.signal,
      alive: () => this.#round.demandAlive(),
    };
  }
}
