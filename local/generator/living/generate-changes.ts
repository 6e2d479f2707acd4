import type { ClientBase } from 'pg';
import { monotonicMs, nowMs, pause } from '../../../runtime/clock.ts';
import { deviceId } from '../asset.ts';
import { type Day, londonDay } from '../calendar.ts';
import { Market } from '../market.ts';
import { Random } from '../random.ts';
import { distributors, participants, prefixWeights } from '../reference.ts';
import type { ParticipantRow } from '../rows.ts';
import type { Circumstances } from '../unit.ts';
import { connect, newMpan } from './business.ts';
import { bulkChange } from './bulk.ts';
import { Planner, type Transaction } from './planner.ts';
import { drawUnits, survey } from './sampler.ts';
import { livingUnit, type LivingUnit, nothingThere, differences } from './state.ts';
import { Tally, type ChangeSummary } from './tally.ts';
import { writeTransaction } from './writer.ts';

export interface ChangeOptions {
  readonly seed: number;
  /** Row changes a second; without it as fast as the database takes them. */
  readonly rate?: number;
  /** The run ends after so many seconds, or so many row changes, whichever is first; else when the signal aborts. */
  readonly seconds?: number;
  readonly count?: number;
  /** The share of rows with something wrong about them; without it 0.0075. */
  readonly dirtyShare?: number;
  /** One transaction of about so many rows is all that is done. */
  readonly bulkRows?: number;
  /** The settlement date it is; without it the date of now, and the next one after midnight. */
  readonly today?: Day;
  readonly signal?: AbortSignal;
  readonly onProgress?: (summary: ChangeSummary) => void;
}

const dirtyShareDefault = 0.0075;
const unitsPerDrawMax = 400;
const unitsPerDrawMin = 6;
const revisitsPerDraw = 50;
/** So many transactions may be under way: with a pipeline the server is never idle between two of them. */
const underWayMax = 16;
/** About one row in so many belongs to a supplier that failed. */
const rowsPerFailure = 60_000;
const failureRows = 1000;
const unhurriedRateMax = 500;
const progressIntervalMs = 200;

/**
 * Lives: writes the changes of a living registration database into one, through one connection, until the time, the
 * count or the signal ends it, and tells what it did. All it must know it reads from the database, so that it can be
 * begun again on any; the same seed on the same data makes the same changes.
 * A client made with `pipeline: true` is several times faster.
 */
export async function generateChanges(client: ClientBase, options: ChangeOptions): Promise<ChangeSummary> {
  const generator = new ChangeGenerator(client, options);
  return generator.run();
}

class ChangeGenerator {
  readonly #client: ClientBase;
  readonly #options: ChangeOptions;
  readonly #tally = new Tally();
  readonly #begun = monotonicMs();
  #underWay: Promise<void>[] = [];
  #participants: ParticipantRow[] = [];
  #nextFailure = rowsPerFailure;
  #queuedRows = 0;
  #told = 0;

  constructor(client: ClientBase, options: ChangeOptions) {
    this.#client = client;
    this.#options = options;
  }

  async run(): Promise<ChangeSummary> {
    try {
      await this.#generate();
    } finally {
      await Promise.allSettled(this.#underWay);
      await this.#client.query('RESET synchronous_commit').catch(() => undefined);
    }
    const summary = this.#tally.summary();
    this.#options.onProgress?.(summary);
    return summary;
  }

  async #generate(): Promise<void> {
    const { rate } = this.#options;
    // Waiting for the disk at each commit would be the speed limit; a crash of the server loses a moment of made-up data.
    if (rate === undefined || rate > unhurriedRateMax) await this.#client.query('SET synchronous_commit TO off');
    const found = await survey(this.#client);
    this.#participants = [...found.participants];
    let market = found.market;
    if (!market.complete) market = await this.#introduceEverybody();
    const random = Random.of(this.#options.seed, 'changes', found.lastAppointmentId);
    const deviceBlock = random.bits();
    let appointmentId = found.lastAppointmentId;
    let device = random.integer(0xffff_ffff) * 256;
    const setting = (): Circumstances => ({
      random,
      market,
      today: this.#options.today ?? londonDay(new Date(nowMs())),
      nextAppointmentId: () => (appointmentId += 1),
      nextDeviceId: () => deviceId(deviceBlock, (device += 1)),
    });
    if (this.#options.bulkRows !== undefined) {
      await this.#bulk(setting(), this.#options.bulkRows);
      return;
    }
    const version = Math.max(1, ...this.#participants.map((row) => row.reference_version ?? 1));
    const planner = new Planner(random, this.#options.dirtyShare ?? dirtyShareDefault, version);
    while (!this.#isOver()) {
      const due = planner.dueRevisits(revisitsPerDraw);
      const drawn = await drawUnits(this.#client, random, { mpanCores: due, throws: this.#throws() });
      if (drawn.length === 0) await this.#write(connections(setting()));
      for (const transaction of planner.plan(drawn, new Set(due), setting())) {
        await this.#write(transaction);
        if (this.#isOver()) break;
      }
      for (const arrival of planner.arrivals()) market = await this.#arrive(arrival);
      if (this.#queuedRows >= this.#nextFailure) {
        this.#nextFailure += rowsPerFailure;
        await this.#bulk(setting(), failureRows);
      }
    }
    for (const arrival of planner.arrivals(true)) market = await this.#arrive(arrival);
    await this.#settle(0);
  }

  /** Few at a time where little is asked for: what was read must not grow old before it is written again. */
  #throws(): number {
    const { rate, count } = this.#options;
    const wanted = Math.min(
      rate === undefined ? unitsPerDrawMax : rate / 4,
      ((count ?? Infinity) - this.#queuedRows) / 2,
    );
    return Math.round(Math.min(unitsPerDrawMax, Math.max(unitsPerDrawMin, wanted)));
  }

  #isOver(): boolean {
    const { signal, seconds, count } = this.#options;
    if (signal?.aborted === true) return true;
    if (seconds !== undefined && monotonicMs() - this.#begun >= seconds * 1000) return true;
    return count !== undefined && this.#queuedRows >= count;
  }

  async #write(transaction: Transaction): Promise<void> {
    if (transaction.changes.length === 0) return;
    await this.#keepPace();
    this.#queuedRows += transaction.changes.length;
    const written = writeTransaction(this.#client, transaction.changes).then((rows) => {
      this.#tally.add(rows, transaction.plans);
      this.#tell();
    });
    // A failure is met when the promise is waited for; until then it must not end the process.
    written.catch(() => undefined);
    this.#underWay.push(written);
    await this.#settle(this.#options.rate === undefined ? underWayMax - 1 : underWayMax / 2);
  }

  async #settle(leave: number): Promise<void> {
    while (this.#underWay.length > leave) await this.#underWay.shift();
  }

  async #keepPace(): Promise<void> {
    const { rate, signal } = this.#options;
    if (rate === undefined) return;
    const due = this.#begun + (this.#queuedRows / rate) * 1000;
    if (due > monotonicMs()) await pause(due - monotonicMs(), signal);
  }

  async #arrive(arrival: Transaction & { readonly participant: ParticipantRow }): Promise<Market> {
    await this.#write(arrival);
    this.#participants.push(arrival.participant);
    return new Market(this.#participants, distributors());
  }

  /** An empty database gets its reference data first, in a transaction of its own. */
  async #introduceEverybody(): Promise<Market> {
    this.#participants = participants();
    const changes = [
      ...this.#participants.map((row) => ({ table: 'participant', operation: 'insert', row }) as const),
      ...distributors().map((row) => ({ table: 'distributor_gsp_group', operation: 'insert', row }) as const),
    ];
    await this.#write({ changes, plans: [{ kind: 'reference-data' }] });
    return new Market(this.#participants, distributors());
  }

  async #bulk(setting: Circumstances, rows: number): Promise<void> {
    await this.#settle(0);
    await this.#keepPace();
    const written = await bulkChange(this.#client, setting, rows);
    this.#queuedRows += Object.values(written).reduce((sum, count) => sum + count, 0);
    this.#tally.add(written, [{ kind: 'bulk' }]);
    this.#tell();
  }

  #tell(): void {
    if (this.#options.onProgress === undefined || monotonicMs() - this.#told < progressIntervalMs) return;
    this.#told = monotonicMs();
    this.#options.onProgress(this.#tally.summary());
  }
}

/** Where there is nothing that could change, points are connected first. */
function connections(setting: Circumstances): Transaction {
  const made: LivingUnit[] = [];
  for (let left = 5; left > 0; left -= 1) {
    const prefix = setting.random.weighted(prefixWeights.filter((one) => one.value < '24'));
    const unit = connect(newMpan(prefix, setting), setting.today + setting.random.between(-5, 10), setting);
    if (unit !== null) made.push(livingUnit(unit));
  }
  return {
    changes: made.flatMap((unit) => differences(nothingThere(unit.mpanCore), unit)),
    plans: made.map(() => ({ kind: 'new-connection' })),
  };
}
