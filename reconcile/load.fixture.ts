import pg from 'pg';
import { pause } from '../runtime/clock.ts';
import { goodAppointment } from '../test/registration-rows.fixture.ts';

/** A rate that both sides can follow on a small machine. */
const transactionPauseMs = 10;

/** Changes of every kind, one after the other, by several sessions, until it is stopped. Bad rows come and are mended. */
export class Load {
  readonly #clients: readonly pg.Client[];
  readonly #done: Promise<void>;
  #stopped = false;
  transactions = 0;

  private constructor(clients: readonly pg.Client[], first: number, last: number) {
    this.#clients = clients;
    this.#done = Promise.all(clients.map((client, index) => this.#run(client, index, first, last))).then(() => {});
  }

  /** `first` and `last`: numbers of the metering points that it changes. */
  static async start(url: string, sessions: number, first: number, last: number): Promise<Load> {
    const clients = Array.from({ length: sessions }, () => new pg.Client({ connectionString: url }));
    await Promise.all(clients.map((client) => client.connect()));
    return new Load(clients, first, last);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await Promise.all(this.#clients.map((client) => client.end()));
  }

  async #run(client: pg.Client, index: number, first: number, last: number): Promise<void> {
    const { length } = this.#clients;
    // Each session has keys of its own, so that none waits for another.
    const keys = Math.floor((last - first + 1) / length);
    let step = 0;
    while (!this.#stopped) {
      const n = first + index * keys + (step % keys);
      await client.query(changes[step % changes.length]?.(n, step) ?? 'SELECT 1');
      this.transactions += 1;
      await pause(transactionPauseMs);
      step += 1;
    }
  }
}

const changes: readonly ((n: number, step: number) => string)[] = [
  (n, step) =>
    `UPDATE registration.metering_point SET line_loss_factor = 1 + ${step % 900} / 1000.0 WHERE mpan_core = mpan(${n})`,
  (
    n,
    step,
  ) => `BEGIN; UPDATE registration.metering_point SET line_loss_factor_class = '${String(step % 900).padStart(3, '0')}' WHERE mpan_core = mpan(${n});
    INSERT INTO registration.meter_asset (device_id, mpan_core, device_type) VALUES ('D${n}-${step}', mpan(${n}), 'x') ON CONFLICT DO NOTHING; COMMIT`,
  // Refused, and mended at once.
  (n) => `UPDATE registration.metering_point SET supplier_mpid = 'none' WHERE mpan_core = mpan(${n})`,
  (n) =>
    `UPDATE registration.metering_point SET supplier_mpid = 'SUPA' WHERE mpan_core IN (mpan(${n}), mpan(${n - 1}))`,
  (n) => `DELETE FROM registration.appointment WHERE mpan_core = mpan(${n})`,
  (n) =>
    `INSERT INTO registration.appointment SELECT ${goodAppointment} FROM generate_series(${n - 1}, ${n - 1}) AS n ON CONFLICT DO NOTHING`,
  // Held: its participant comes later, or never.
  (n, step) =>
    `UPDATE registration.metering_point SET data_service_mpid = '${late(step)}' WHERE mpan_core = mpan(${n})`,
  (n) => `UPDATE registration.metering_point SET data_service_mpid = 'DATA' WHERE mpan_core = mpan(${n - 1})`,
  // Reference data seldom changes.
  (n, step) =>
    step % 20 === 0
      ? `INSERT INTO registration.participant VALUES ('${late(step - 2)}', 'D', 'late', '2000-01-01', NULL, 2) ON CONFLICT DO NOTHING`
      : `UPDATE registration.metering_point SET opt_out = NOT opt_out WHERE mpan_core = mpan(${n})`,
];

function late(step: number): string {
  return `Q${String(step % 999).padStart(3, '0')}`;
}
