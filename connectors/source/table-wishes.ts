import pg from 'pg';
import { pause } from '../../runtime/clock.ts';
import { databaseFault } from '../../runtime/postgres.ts';
import type { Capture } from './capture.ts';
import type { TableRoute } from './contract.ts';
import { Release, type ReleaseParts } from './release.ts';
import { tableName } from './route-columns.ts';
import { readingSession } from './session.ts';
import { answerWish, openWishes, type TableWish, wishChannel } from './table-wish.ts';
import { ToldRecords } from './told-records.ts';
import { Wakening } from './wakening.ts';

/** A wish also notifies; this is for the one whose notification came at the wrong moment. */
const lookEveryMs = 1_000;
const committedEveryMs = 20;

/** Does what is asked of tables in `concord.table_wish`: parks them, and tells what was parked. */
export class TableWishes {
  readonly #parts: ReleaseParts;
  readonly #capture: Capture;
  readonly #release: Release;
  readonly #told: ToldRecords;
  readonly #wakening = new Wakening();

  constructor(parts: ReleaseParts, capture: Capture) {
    this.#parts = parts;
    this.#capture = capture;
    this.#release = new Release(parts);
    const parkedTopic = parts.context.settings.parkedTopic ?? '';
    this.#told = new ToldRecords({ ...parts, parkedTopic });
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { database, marks } = this.#parts;
    const client = new pg.Client(readingSession(database, 'concord source tables'));
    client.on('error', () => {});
    client.once('end', () => marks.lost());
    client.on('notification', () => this.#wakening.wake());
    const stop = (): void => void client.end().catch(() => {});
    signal.addEventListener('abort', stop, { once: true });
    try {
      await client.connect();
      await this.#work(client, signal);
    } catch (error) {
      if (!signal.aborted) throw databaseFault(error);
    } finally {
      signal.removeEventListener('abort', stop);
      await client.end().catch(() => {});
    }
  }

  async #work(client: pg.Client, signal: AbortSignal): Promise<void> {
    const { shapes, context } = this.#parts;
    while (!signal.aborted && !(await shapes.isKept(client))) await pause(lookEveryMs * 10, signal);
    await client.query(`LISTEN ${wishChannel}`);
    await this.#told.delete();
    while (!signal.aborted) {
      await shapes.save(client);
      const wishes = await openWishes(client, context.settings.name);
      for (const wish of wishes) await this.#grant(client, wish, signal);
      await this.#told.retry();
      if (wishes.length === 0) await this.#wakening.sleep(lookEveryMs, signal, () => true);
    }
  }

  async #grant(client: pg.Client, wish: TableWish, signal: AbortSignal): Promise<void> {
    const { context, log } = this.#parts;
    const route = context.settings.routes.find((one) => tableName(one) === wish.table);
    const answer =
      route === undefined
        ? `This source does not publish ${wish.table}.`
        : wish.wish === 'pause'
          ? await this.#pause(route, signal)
          : await this.#release.run(client, route, signal);
    if (signal.aborted) return;
    // Before the answer: whoever has it finds the topic without what was told.
    if (wish.wish === 'resume' && answer === null) await this.#told.delete();
    await answerWish(client, wish, answer);
    if (answer === null)
      log.info({ table: wish.table }, `${wish.table} is ${wish.wish === 'pause' ? 'paused' : 'told as usual'}.`);
    else log.warn({ table: wish.table }, `${wish.table} can not be ${wish.wish}d: ${answer}`);
  }

  /** Resolves when a committed progress record says that the table is parked. */
  async #pause(route: TableRoute, signal: AbortSignal): Promise<null> {
    const { tables, report, context } = this.#parts;
    const table = tableName(route);
    this.#capture.betweenTransactions((at) => {
      const text = `${table} was paused.`;
      const fix = `Its changes take room on ${context.settings.parkedTopic ?? ''}, and receivers do not see them. \`concord resume ${table}\` tells them and goes on.`;
      tables.park(route, { code: 'TABLE_PAUSED', text, fix }, at);
    });
    while (!signal.aborted && !report.parkedTables.includes(table)) await pause(committedEveryMs, signal);
    return null;
  }
}
