import pg from 'pg';
import { cutClient } from './cut-client.ts';

/** A server that says nothing for so long is not waited for. */
export const silenceMaxMs = 30_000;
/** A server that is asked for much is asked whether it is there so many times in the time that it may be silent. */
const asksPerSilence = 3;
const turnMs = 100;

/**
 * Tells a server that takes its time from one that has fallen silent: connections stay open to a server that is stopped or cut
 * off, and TCP alone would wait for hours. As long as it watches it asks the server, over a connection of its own, whether it
 * answers at all. When it does not, what the clients wait for fails. A refusal is an answer.
 */
export class SilenceWatch {
  readonly #config: pg.ClientConfig;
  readonly #limitMs: number;
  readonly #clients: readonly pg.Client[];
  #timer: NodeJS.Timeout;
  #probe: pg.Client | null = null;

  /** `clients` may still grow. */
  constructor(config: pg.ClientConfig, clients: readonly pg.Client[], limitMs = silenceMaxMs) {
    this.#config = { ...config, connectionTimeoutMillis: 0 };
    this.#clients = clients;
    this.#limitMs = limitMs;
    this.#timer = this.#later();
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (this.#probe !== null) cutClient(this.#probe);
    this.#probe = null;
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => this.#ask(), this.#limitMs / asksPerSilence).unref();
  }

  #ask(): void {
    const probe = new pg.Client(this.#config);
    this.#probe = probe;
    // What has arrived while this process was busy with other things counts.
    const isSilent = (): void => {
      this.#timer = setTimeout(() => this.#cut(probe), turnMs).unref();
    };
    this.#timer = setTimeout(isSilent, this.#limitMs).unref();
    const answered = (): void => {
      if (this.#probe !== probe) return;
      clearTimeout(this.#timer);
      this.#probe = null;
      void probe.end().catch(() => {});
      this.#timer = this.#later();
    };
    probe.on('error', () => {});
    probe
      .connect()
      .then(() => probe.query('SELECT'))
      .then(answered, answered);
  }

  #cut(probe: pg.Client): void {
    if (this.#probe !== probe) return;
    this.stop();
    const text = `it accepts connections, and has said nothing for ${Math.round(this.#limitMs / 1000)} s`;
    for (const client of this.#clients) cutClient(client, Object.assign(new Error(text), { code: 'ETIMEDOUT' }));
  }
}
