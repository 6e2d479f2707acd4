import type pg from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import { formatLsn } from '../../avro/position.ts';
import { nowMicros } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/fault.ts';
import { databaseFault } from '../../runtime/postgres.ts';
import { type PgoutputListener, PgoutputParser, readLsn } from './pgoutput.ts';
import { readingSession } from './session.ts';
import { slotInUse } from './slot-holder.ts';
import { quoteIdentifier, quoteLiteral } from './sql.ts';
import { statusFrame } from './status-frame.ts';

export interface WalStreamSettings {
  readonly database: pg.ClientConfig;
  readonly slot: string;
  readonly publication: string;
  readonly startLsn: number;
  /** How often the server hears of us, whatever else happens: a fraction of its wal_sender_timeout. */
  readonly statusIntervalMs: number;
  /** An open socket may lead nowhere: the server is asked for an answer, and after so long without one it is given up. */
  readonly silenceMaxMs: number;
}

export interface WalListener extends PgoutputListener {
  /** The server has sent everything that was committed before `lsn`, and asks for an answer. */
  coverIdle(lsn: number): void;
}

/** What we use of pg's connection, which the library hands to its plugin inside the client. */
interface Connection {
  readonly stream: { pause(): void; resume(): void };
  removeAllListeners(event: 'copyData'): void;
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

const xlogData = 0x77;
const keepaliveMessage = 0x6b;
/** Kind, WAL start, WAL end, clock. */
const xlogHeaderBytes = 25;

/**
 * The replication stream of a slot. The library connects and starts it; its own reading of messages makes a string
 * and an event of each and confirms what was only received, so its listener is replaced by ours, which hands every
 * message to the parser while its buffer is valid, and confirms only what it is told to.
 */
export class WalStream {
  readonly #settings: WalStreamSettings;
  readonly #listener: WalListener;
  readonly #parser: PgoutputParser;
  #connection: Connection | null = null;
  #confirmedLsn: number;
  #receivedLsn: number;
  #paused = false;
  /** Something came since the server was last asked. */
  #heard = false;
  #unanswered = 0;
  #failure: unknown = null;
  #fail: (error: unknown) => void = () => {};

  constructor(settings: WalStreamSettings, listener: WalListener) {
    this.#settings = settings;
    this.#listener = listener;
    this.#parser = new PgoutputParser(listener);
    this.#confirmedLsn = settings.startLsn;
    this.#receivedLsn = settings.startLsn;
  }

  get receivedLsn(): number {
    return this.#receivedLsn;
  }

  /** Streams until the signal aborts. Rejects with a Fault when the stream ends or a message can not be taken. */
  async run(signal: AbortSignal): Promise<void> {
    const service = new LogicalReplicationService(readingSession(this.#settings.database, 'concord source stream'), {
      acknowledge: { auto: false, timeoutSeconds: 0 },
    });
    const failed = new Promise<never>((_, reject) => {
      service.on('error', reject);
      this.#fail = (error) => {
        this.#failure = error;
        reject(error instanceof Error ? error : new Error(String(error)));
      };
    });
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const { statusIntervalMs, silenceMaxMs } = this.#settings;
    const askIntervalMs = Math.min(statusIntervalMs, silenceMaxMs / 3);
    const timer = setInterval(() => this.#ask(askIntervalMs), askIntervalMs);
    try {
      const ended = service
        .subscribe(this.#plugin(), this.#settings.slot, formatLsn(this.#settings.startLsn))
        .then(() => {
          throw new Fault(
            'unavailable',
            'REPLICATION_ENDED',
            'The server ended the replication stream; it is opened again.',
          );
        });
      ended.catch(() => {});
      failed.catch(() => {});
      await Promise.race([aborted, failed, ended]);
    } catch (error) {
      throw replicationFault(error, this.#settings);
    } finally {
      clearInterval(timer);
      this.#connection?.stream.resume();
      this.#connection = null;
      await service.destroy().catch(() => {});
    }
  }

  /** Confirms to the slot: the server may forget what was before it. Never more than a committed progress record says. */
  confirm(lsn: number): void {
    if (lsn <= this.#confirmedLsn) return;
    this.#confirmedLsn = lsn;
    this.#sendStatus();
  }

  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#connection?.stream.pause();
    else this.#connection?.stream.resume();
  }

  #plugin(): StreamPlugin {
    return {
      options: {},
      name: 'pgoutput',
      parse: (buffer) => buffer,
      start: (client, slot, lsn) => {
        // The connection is a field of the client that its types do not show.
        this.#attach((client as unknown as { readonly connection: Connection }).connection);
        const options = `proto_version '1', messages 'true', publication_names ${quoteLiteral(quoteIdentifier(this.#settings.publication))}`;
        return client.query(`START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${lsn} (${options})`);
      },
    };
  }

  #attach(connection: Connection): void {
    connection.removeAllListeners('copyData');
    connection.on('copyData', ({ chunk }) => {
      if (this.#failure !== null) return;
      try {
        this.#take(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#connection = connection;
    if (this.#paused) connection.stream.pause();
  }

  /** Counted in questions and not by the clock: a process that was suspended has asked nothing meanwhile. */
  #ask(intervalMs: number): void {
    this.#unanswered = this.#heard || this.#paused ? 0 : this.#unanswered + 1;
    this.#heard = false;
    const silentMs = this.#unanswered * intervalMs;
    if (silentMs > this.#settings.silenceMaxMs) {
      this.#fail(
        new Fault(
          'unavailable',
          'REPLICATION_STALLED',
          `The replication stream of the slot ${this.#settings.slot} is open, but the server has not answered for ${Math.round(silentMs / 1_000)} s: nothing passes. It is opened anew.`,
          { slot: this.#settings.slot },
        ),
      );
      return;
    }
    this.#sendStatus(true);
  }

  #take(message: Buffer): void {
    this.#heard = true;
    if (message[0] === xlogData) {
      this.#parser.parse(message, xlogHeaderBytes);
      const lsn = readLsn(message, 1);
      if (lsn > this.#receivedLsn) this.#receivedLsn = lsn;
    } else if (message[0] === keepaliveMessage) {
      const lsn = readLsn(message, 1);
      if (lsn > this.#receivedLsn) this.#receivedLsn = lsn;
      if (message[17] === 1) {
        this.#sendStatus();
        this.#listener.coverIdle(lsn);
      }
    } else {
      throw new RangeError(`replication message of unknown kind ${String(message[0])}`);
    }
  }

  #sendStatus(asks = false): void {
    this.#connection?.sendCopyFromChunk(statusFrame(this.#receivedLsn, this.#confirmedLsn, nowMicros(), asks));
  }
}

interface StreamPlugin {
  readonly options: object;
  readonly name: string;
  parse(buffer: Buffer): unknown;
  start(client: pg.Client, slotName: string, lastLsn: string): Promise<unknown>;
}

function replicationFault(error: unknown, { slot, publication }: WalStreamSettings): Fault {
  const state = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = error instanceof Error ? error.message : '';
  if (state === '42704' && text.includes('publication')) {
    return new Fault(
      'misconfigured',
      'PUBLICATION_MISSING',
      `The publication ${publication} does not exist. Run \`concord init\`.`,
      { publication },
      error,
    );
  }
  if (state === '42704') {
    return new Fault('gap', 'SLOT_MISSING', `The replication slot ${slot} does not exist.`, { slot }, error);
  }
  if (state === '55006') {
    return slotInUse(slot, null, error);
  }
  if (state === '55000' || state === '58P01') {
    return new Fault('gap', 'SLOT_LOST', `The server can not stream from the slot ${slot}: ${text}.`, { slot }, error);
  }
  return databaseFault(error);
}
