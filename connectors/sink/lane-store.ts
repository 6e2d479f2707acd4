import type { PoolClient } from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import { OneTrip } from '../../runtime/one-trip.ts';
import { AppliedPosition, type LaneState } from './applied-position.ts';
import type { LaneDomain, LaneEvent, LaneMoment, LargeUnit, Outcome, OutcomeDelta, Unit } from './contract.ts';
import type { PartitionOffset, Reach } from './lane-merge.ts';
import { OutcomeTally } from './outcome-tally.ts';
import type { DeadLetter, SinkDependencies, SinkSettings } from './settings.ts';
import type { Spool } from './spool.ts';
import { pastStaleHolder } from './stale-holder.ts';
import type { Turns } from './turns.ts';

/** A zombie that hangs in the middle of a transaction must let go of its lane some day. */
const idleInTransactionLimit = '10min';

/**
 * One lane's connection to the store, its position and its domain. Each of its calls but `spill` is one
 * transaction: the lane is locked and compared, the domain applies, and everything that says so is written and
 * committed. After a rejection the lane must be opened anew, which tells what was committed.
 */
export class LaneStore {
  readonly domain: LaneDomain;
  readonly state: LaneState;
  private readonly settings: SinkSettings;
  private readonly dependencies: SinkDependencies;
  private readonly lane: number;
  private readonly turns: Turns;
  private readonly client: PoolClient;
  private readonly position: AppliedPosition;
  private readonly counts: Map<Outcome, number>;
  private readonly writtenOffsets = new Map<string, number>();
  private written: Position;
  private writtenAtMs = Number.NEGATIVE_INFINITY;
  private receiptAtMs = Number.NEGATIVE_INFINITY;
  /** Events got an outcome since the last receipt. */
  private owesReceipt = false;
  private tally: OutcomeTally;
  /** The transaction of a unit that is being spilled is open. */
  private begun = false;

  private constructor(
    settings: SinkSettings,
    dependencies: SinkDependencies,
    lane: number,
    turns: Turns,
    client: PoolClient,
    position: AppliedPosition,
    state: LaneState,
  ) {
    this.settings = settings;
    this.dependencies = dependencies;
    this.lane = lane;
    this.turns = turns;
    this.client = client;
    this.position = position;
    this.state = state;
    this.written = state.through;
    this.counts = new Map(state.counts);
    this.domain = dependencies.createDomain(lane);
    this.tally = new OutcomeTally(lane, settings.referenceTopics);
  }

  static async open(
    settings: SinkSettings,
    dependencies: SinkDependencies,
    lane: number,
    turns: Turns,
    onBroken: (cause: unknown) => void,
  ): Promise<LaneStore> {
    const client = await dependencies.pool.connect();
    client.on('error', onBroken);
    try {
      // A commit that a crash of the server undoes takes its position with it, and Kafka has the events still.
      await client.query(
        // A batch's statements are the same ones over and over, each with its keys: no plan is better than the one for any keys.
        `SET idle_in_transaction_session_timeout = '${idleInTransactionLimit}'; SET synchronous_commit = off;
         SET plan_cache_mode = force_generic_plan`,
      );
      const { storeSchema, source, receiver, receiptTopics, laneTopics, referenceTopics } = settings;
      const position = new AppliedPosition(storeSchema, source, lane, receiver, receiptTopics);
      const topics = lane === 0 ? [...laneTopics, ...referenceTopics] : laneTopics;
      const state = await pastStaleHolder(
        client,
        { schema: storeSchema, source, lane },
        () => position.open(client, topics),
        () =>
          dependencies.log.warn(
            { source, lane },
            `Lane ${lane} of ${source} was locked by a process that stands still. Its session was ended; what it had not committed is applied again here.`,
          ),
      );
      return new LaneStore(settings, dependencies, lane, turns, client, position, state);
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async prime(events: readonly LaneEvent[]): Promise<void> {
    await this.sent(this.position.begin(this.client));
    await this.domain.prime(this.client, events);
    await this.client.query('COMMIT');
  }

  async apply(units: readonly Unit[], letters: readonly DeadLetter[], moment: LaneMoment, reach: Reach): Promise<void> {
    let isBegun = false;
    const begun = this.position.begin(this.client).then(() => {
      isBegun = true;
    });
    begun.catch(() => {});
    try {
      for (const unit of units) this.tally.expect(unit.events);
      if (units.length > 0 || this.isDue(moment.sourceTime)) {
        this.tally.add(await this.domain.apply(this.client, units, moment));
      }
      // What the domain has written last goes with the commit, unless the lane is not known to be ours yet.
      if (!isBegun) await this.sent(begun);
      await this.commit(letters, reach);
    } catch (cause) {
      // Whatever failed: that the lane is another's by now would say why.
      await this.sent(begun);
      throw OneTrip.on(this.client).firstFailure(cause);
    }
  }

  /** Makes room in a unit that is not complete, in the transaction in which it will be applied. */
  async spill(unit: Spool): Promise<void> {
    if (!this.begun) await this.sent(this.position.begin(this.client));
    this.begun = true;
    await unit.spill(this.client);
  }

  async applyLarge(unit: Spool, letters: readonly DeadLetter[], moment: LaneMoment, reach: Reach): Promise<void> {
    if (!this.begun) await this.sent(this.position.begin(this.client));
    const { tally, turns } = this;
    tally.expect(unit.leading);
    const counted: LargeUnit = {
      position: unit.position,
      sourceTime: unit.sourceTime,
      leading: unit.leading,
      slices: async function* () {
        for await (const slice of turns.each(unit.slices())) {
          tally.expect(slice);
          yield slice;
        }
      },
    };
    tally.add(await this.domain.applyLarge(this.client, counted, moment));
    this.begun = false;
    await this.commit(letters, reach);
  }

  /** The domain wants to be called at this source time, events or not. */
  isDue(sourceTime: number): boolean {
    const deadline = this.domain.deadline();
    return deadline !== null && sourceTime >= deadline;
  }

  /** How long until an idle lane may write how far it is, or must sign for it; null when there is nothing to write. */
  idleWaitMs(through: Position): number | null {
    const { receiptGapMs, idleIntervalMs } = this.settings.limits;
    const receiptMs = this.owesReceipt ? this.receiptAtMs + receiptGapMs : Number.POSITIVE_INFINITY;
    const isFurther = comparePositions(through, this.written) > 0;
    const writeMs = isFurther ? this.writtenAtMs + idleIntervalMs : Number.POSITIVE_INFINITY;
    const next = Math.min(receiptMs, writeMs);
    return next === Number.POSITIVE_INFINITY ? null : Math.max(0, next - monotonicMs());
  }

  /** Ends whatever is under way; what is not committed never was. */
  close(): void {
    this.client.release(true);
  }

  /** What waits for other statements to go with it goes now. */
  private async sent(begun: Promise<void>): Promise<void> {
    OneTrip.on(this.client).send();
    await begun;
  }

  private async commit(letters: readonly DeadLetter[], reach: Reach): Promise<void> {
    if (letters.length > 0) await this.dependencies.sendDeadLetters(letters);
    for (const { topic } of letters) this.tally.deadLettered(topic);
    const deltas = this.tally.close();
    this.tally = new OutcomeTally(this.lane, this.settings.referenceTopics);
    const offsets = reach.offsets.filter((offset) => this.writtenOffsets.get(offset.topic) !== offset.nextOffset);
    const receipt = this.receiptFor(deltas);
    await this.position.commit(this.client, { reach, offsets, deltas, letters, receipt });
    this.written = reach.through;
    this.writtenAtMs = monotonicMs();
    if (receipt !== null) {
      this.receiptAtMs = this.writtenAtMs;
      this.owesReceipt = false;
    }
    this.remember(offsets, deltas);
  }

  /**
   * P19: when an event got an outcome, else now and then. A receipt is an event of its own, all the way back: a lane that is
   * busy signs once for all that came within a gap. Receipts of receipts would never end.
   */
  private receiptFor(deltas: readonly OutcomeDelta[]): Readonly<Record<string, number>> | null {
    const { receiptGapMs, receiptIntervalMs } = this.settings.limits;
    for (const { topic, outcome, delta } of deltas) {
      if (this.settings.receiptTopics.includes(topic)) continue;
      this.owesReceipt = true;
      this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + delta);
    }
    const waitMs = this.owesReceipt ? receiptGapMs : receiptIntervalMs;
    return monotonicMs() < this.receiptAtMs + waitMs ? null : Object.fromEntries(this.counts);
  }

  private remember(offsets: readonly PartitionOffset[], deltas: readonly OutcomeDelta[]): void {
    for (const { topic, nextOffset } of offsets) this.writtenOffsets.set(topic, nextOffset);
    const { outcomes } = this.dependencies.report;
    for (const { topic, outcome, delta } of deltas) {
      let ofTopic = outcomes.get(topic);
      if (ofTopic === undefined) {
        ofTopic = new Map();
        outcomes.set(topic, ofTopic);
      }
      ofTopic.set(outcome, (ofTopic.get(outcome) ?? 0) + delta);
    }
  }
}
