import pg from 'pg';
import type { Logger } from 'pino';
import { pauseChannel, pausedSince } from '../../connectors/source/side-pause.ts';
import { Wakening } from '../../connectors/source/wakening.ts';
import type { LegState } from '../../runtime/keep-running.ts';
import { clientConfigOf, type DatabaseSettings } from '../../runtime/postgres.ts';

export function pausingOf(
  { name, database }: { readonly name: string; readonly database: DatabaseSettings },
  log: Logger,
): Pausing {
  return new Pausing({
    database: clientConfigOf(database, `concord ${name} pausing`),
    source: name,
    log,
  });
}

export interface PausingSettings {
  readonly database: pg.ClientConfig;
  readonly source: string;
  readonly log: Logger;
}

/** Who pauses also notifies; this is for the one whose notification came at the wrong moment. */
const lookEveryMs = 1_000;

/**
 * Whether the side is paused, as its own database says, so that it stays so over restarts. While it is, nobody confirms
 * anything to its slot; how much WAL that keeps is watched beside it.
 */
export class Pausing {
  readonly #settings: PausingSettings;
  readonly #known: Promise<void>;
  #wasAsked: () => void = () => {};
  #since: Date | null = null;
  /** What hears of every look. */
  readonly #legs = new Set<() => void>();

  constructor(settings: PausingSettings) {
    this.#settings = settings;
    this.#known = new Promise((resolve) => {
      this.#wasAsked = resolve;
    });
  }

  /** Looks until the signal aborts. A database that is away says nothing new. */
  async watch(signal: AbortSignal): Promise<void> {
    const { database, log, source } = this.#settings;
    while (!signal.aborted) {
      const client = new pg.Client(database);
      const wakening = new Wakening();
      const ended = { now: false };
      client.on('error', () => {});
      client.on('notification', () => wakening.wake());
      client.once('end', () => {
        ended.now = true;
        wakening.wake();
      });
      try {
        await client.connect();
        await client.query(`LISTEN ${pauseChannel}`);
        while (!signal.aborted && !ended.now) {
          await this.#look(client);
          await wakening.sleep(lookEveryMs, signal, () => true);
        }
      } catch (error) {
        log.debug({ err: error, source }, 'Whether the side is paused can not be asked just now.');
        this.#wasAsked();
        await wakening.sleep(lookEveryMs, signal, () => true);
      } finally {
        await client.end().catch(() => {});
      }
    }
    this.#wasAsked();
  }

  get since(): Date | null {
    return this.#since;
  }

  /** Runs the work whenever the side is not paused, until the signal aborts. */
  async run(work: (signal: AbortSignal) => Promise<void>, state: LegState, signal: AbortSignal): Promise<void> {
    await this.#known;
    while (!signal.aborted) {
      if (this.#since !== null) {
        state.state = 'paused';
        state.pauses += 1;
        await this.#change(signal);
        continue;
      }
      state.state = 'running';
      const pausing = new AbortController();
      const stop = (): void => {
        if (this.#since !== null) pausing.abort();
      };
      this.#legs.add(stop);
      try {
        await work(AbortSignal.any([signal, pausing.signal]));
        if (!pausing.signal.aborted) return;
      } finally {
        this.#legs.delete(stop);
      }
    }
  }

  async #look(client: pg.Client): Promise<void> {
    const { source, log } = this.#settings;
    const since = await pausedSince(client, source);
    if ((since === null) !== (this.#since === null)) {
      if (since === null) log.info({ source }, `The side ${source} is resumed.`);
      else log.warn({ source, since }, `The side ${source} is paused: its slot keeps WAL until it is resumed.`);
    }
    this.#since = since;
    this.#wasAsked();
    for (const changed of this.#legs) changed();
  }

  /** Resolves when the side may be paused no more. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        if (this.#since !== null && !signal.aborted) return;
        this.#legs.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#legs.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
