import { setImmediate } from 'node:timers/promises';
import { beginning, type Position } from '../../avro/position.ts';
import { partitionName } from '../../avro/progress.ts';
import { monotonicMs, nowMicros, pause } from '../../runtime/clock.ts';
import { databaseFault } from '../../runtime/postgres.ts';
import type { FetchedBatch } from '../../topics/contract.ts';
import type { LaneMoment } from './contract.ts';
import { LaneBuffer, type Valve } from './lane-buffer.ts';
import { LaneMerge, type Reach, type Step } from './lane-merge.ts';
import { LaneStore } from './lane-store.ts';
import { PartitionQueue } from './partition-queue.ts';
import { eventsUpTo, ReferenceCursor } from './reference-log.ts';
import { type LaneReport, newLaneReport, observe } from './report.ts';
import type { DeadLetter, SinkDependencies, SinkSettings } from './settings.ts';
import type { SourceView } from './source-view.ts';
import { Spool } from './spool.ts';
import type { Turns } from './turns.ts';
import { Wakeup } from './wakeup.ts';

/** What a lane hands to the subscriber. */
export interface LaneOutlet extends Valve {
  commitHint(topic: string, partition: number, nextOffset: number): void;
}

/** What only some lanes of a process do at once. */
export interface LaneTurns {
  readonly slices: Turns;
  readonly fullBatches: Turns;
}

const stopLimitMs = 10_000;

type Batch = Extract<Step, { kind: 'batch' }>;
type Slice = Extract<Step, { kind: 'slice' }>;

/** One lane: what is fetched is merged, and one batch after the other is applied. Lanes work beside each other. */
export class LaneWorker {
  private readonly settings: SinkSettings;
  private readonly dependencies: SinkDependencies;
  private readonly lane: number;
  private readonly view: SourceView;
  private readonly outlet: LaneOutlet;
  private readonly store: LaneStore;
  private readonly buffer: LaneBuffer;
  private readonly fullBatches: Turns;
  private readonly report: LaneReport;
  private readonly wakeup = new Wakeup();
  private stopping = false;
  private running: Promise<void> = Promise.resolve();

  private constructor(
    settings: SinkSettings,
    dependencies: SinkDependencies,
    lane: number,
    view: SourceView,
    outlet: LaneOutlet,
    store: LaneStore,
    fullBatches: Turns,
  ) {
    this.settings = settings;
    this.dependencies = dependencies;
    this.lane = lane;
    this.view = view;
    this.outlet = outlet;
    this.store = store;
    this.fullBatches = fullBatches;
    const { through, starts, sourceTime } = store.state;
    const queues = settings.laneTopics.map((topic, index) => {
      const start = starts.get(partitionName(topic, lane)) ?? { nextOffset: 0, taken: beginning };
      const rank = settings.referenceTopics.length + index;
      const identityItem = settings.identityItems[topic] ?? null;
      return new PartitionQueue(settings.source, topic, lane, rank, start, dependencies.eventDecoder, identityItem);
    });
    this.buffer = new LaneBuffer(queues, settings.limits.laneBufferBytesMax, outlet, dependencies.eventDecoder);
    this.report = { ...newLaneReport(), position: through, sourceTime };
    dependencies.report.lanes.set(lane, this.report);
  }

  /** Reads where the lane stands. Nothing is applied before `start`. */
  static async open(
    settings: SinkSettings,
    dependencies: SinkDependencies,
    lane: number,
    { slices, fullBatches }: LaneTurns,
    view: SourceView,
    outlet: LaneOutlet,
    onFault: (cause: unknown) => void,
  ): Promise<LaneWorker> {
    const store = await LaneStore.open(settings, dependencies, lane, slices, (cause) => onFault(databaseFault(cause)));
    return new LaneWorker(settings, dependencies, lane, view, outlet, store, fullBatches);
  }

  /** By topic, in the order of the settings. */
  get startOffsets(): readonly number[] {
    return this.buffer.queues.map((queue) => queue.fetchedOffset);
  }

  start(onFault: (cause: unknown) => void): void {
    this.running = this.run().catch((error: unknown) => {
      if (!this.stopping) onFault(error);
    });
  }

  accept(batch: FetchedBatch): boolean {
    const accepted = this.buffer.accept(batch);
    if (accepted) this.wakeup.wake();
    return accepted;
  }

  expectedOffset(topic: string): number {
    return this.buffer.expectedOffset(topic);
  }

  wake(): void {
    this.wakeup.wake();
  }

  /** Lets the batch under way end, and leaves a transaction that is being staged. Never rejects. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wakeup.wake();
    const enough = new AbortController();
    await Promise.race([this.running, pause(stopLimitMs, enough.signal)]);
    enough.abort();
    this.store.close();
    this.buffer.close();
    this.report.state = 'stopped';
  }

  private async run(): Promise<void> {
    try {
      const merge = await this.prime();
      while (!this.stopping) {
        // Fetched first, so that merging never waits with half a unit in its hands.
        await this.buffer.prepared();
        if (this.buffer.offsets > this.settings.limits.batchEventsMax) await this.inTurn(merge);
        else await this.step(merge.next(), merge);
      }
    } catch (error) {
      throw databaseFault(error);
    }
  }

  /**
   * What is in the lane's hands lives until it is committed: of all lanes at once, the garbage collector would copy and mark it
   * over and over. Where a full batch waits, nobody waits for one event of it more than for the others.
   */
  private async inTurn(merge: LaneMerge): Promise<void> {
    await this.fullBatches.take();
    let after: Step | null = null;
    try {
      if (this.stopping) return;
      await this.buffer.prepared();
      const step = merge.next();
      if (step.kind === 'batch') await this.step(step, merge);
      else after = step;
    } finally {
      this.fullBatches.finish();
    }
    // A transaction that is not complete may take long, and so may waiting for one.
    if (after !== null) await this.step(after, merge);
  }

  private async step(step: Step, merge: LaneMerge): Promise<void> {
    this.buffer.drained();
    if (step.kind !== 'slice') this.buffer.forgetTaken(false);
    if (step.kind === 'batch') await this.applyBatch(step);
    else if (step.kind === 'slice') await this.applyLarge(step, merge);
    else await this.idle(step.reach);
  }

  /** Gives the domain the reference data as of the lane's position; what comes after it is merged. */
  private async prime(): Promise<LaneMerge> {
    const { through, sourceTime, starts } = this.store.state;
    await this.untilCovered(through);
    const { references, progress } = this.view;
    await this.store.prime(eventsUpTo(references, through));
    const cursors = references.map((log) => {
      const start = starts.get(log.name) ?? { nextOffset: 0, taken: beginning };
      return new ReferenceCursor(log, through, this.lane === 0 ? start : null);
    });
    this.report.state = 'running';
    const end = this.settings.ends?.get(this.lane) ?? null;
    const partitions = [...cursors, ...this.buffer.queues];
    return new LaneMerge(partitions, progress, { through, sourceTime }, this.settings.limits, end);
  }

  private async untilCovered(through: Position): Promise<void> {
    const { patienceMs } = this.settings.limits;
    let since = monotonicMs();
    while (!this.stopping && !this.view.covers(through)) {
      await this.wakeup.sleep(Math.max(0, since + patienceMs - monotonicMs()));
      if (monotonicMs() - since < patienceMs) continue;
      since = monotonicMs();
      this.view.assertReaches(through);
      this.dependencies.log.warn(
        { source: this.settings.source, lane: this.lane },
        `Lane ${this.lane} of ${this.settings.source} waits for the progress and reference topics to be read up to where the store stands. Nothing is applied before.`,
      );
    }
  }

  private async applyBatch({ units, letters, reach }: Batch): Promise<void> {
    const startedAt = monotonicMs();
    await this.store.apply(units, letters, this.momentAt(reach), reach);
    let events = 0;
    for (const unit of units) events += unit.events.length;
    this.applied(reach, events, letters.length, startedAt);
    const oldest = units[0]?.events[0]?.event;
    if (oldest !== undefined && oldest.recordType !== 'read') {
      observe(this.dependencies.report.latencyMs, (nowMicros() - oldest.source.committedAt) / 1_000);
    }
  }

  /** A transaction too large to be held decoded: kept as it came while it is fetched, and applied when it is complete. */
  private async applyLarge(first: Slice, merge: LaneMerge): Promise<void> {
    const startedAt = monotonicMs();
    const { limits } = this.settings;
    this.report.state = 'staging';
    const unit = new Spool(this.lane, this.dependencies.eventDecoder, limits.sliceEventsMax);
    const letters: DeadLetter[] = [];
    for (let slice = first; ; slice = await this.nextSlice(merge)) {
      if (this.stopping) return;
      letters.push(...slice.letters);
      unit.add(slice.events);
      this.buffer.forgetTaken(true);
      if (unit.bytes > limits.spoolBytesMax) await this.store.spill(unit);
      if (slice.reach !== null) {
        await this.store.applyLarge(unit, letters, this.momentAt(slice.reach), slice.reach);
        this.applied(slice.reach, unit.events, letters.length, startedAt);
        this.report.state = 'running';
        return;
      }
      // Much is there already: others must have their turn.
      await setImmediate();
    }
  }

  private async nextSlice(merge: LaneMerge): Promise<Slice> {
    for (;;) {
      await this.buffer.prepared();
      const step = merge.next();
      if (step.kind !== 'slice') throw new Error('a unit that comes in parts is not followed by another');
      this.buffer.drained();
      this.measure();
      if (this.stopping || step.events.length > 0 || step.letters.length > 0 || step.reach !== null) return step;
      await this.wakeup.sleep(null);
    }
  }

  private async idle(reach: Reach): Promise<void> {
    this.measure();
    const waitMs = this.store.idleWaitMs(reach.through);
    const isDue = this.store.isDue(reach.sourceTime) && waitMs !== null;
    if (!isDue && waitMs !== 0) {
      await this.wakeup.sleep(waitMs);
      return;
    }
    const startedAt = monotonicMs();
    await this.store.apply([], [], this.momentAt(reach), reach);
    this.applied(reach, 0, 0, startedAt);
  }

  private momentAt(reach: Reach): LaneMoment {
    return {
      source: this.settings.source,
      lane: this.lane,
      through: reach.through,
      sourceTime: reach.sourceTime,
      loadCompleteAt: this.view.progress.newest?.loadCompleteAt ?? null,
    };
  }

  private applied(reach: Reach, events: number, letters: number, startedAt: number): void {
    const { report } = this;
    report.position = reach.through;
    report.sourceTime = reach.sourceTime;
    report.deadLetters += letters;
    for (const { topic, partition, nextOffset } of reach.offsets) {
      if (this.settings.laneTopics.includes(topic)) this.outlet.commitHint(topic, partition, nextOffset);
    }
    if (events > 0) {
      report.appliedEvents += events;
      report.batches += 1;
      report.lastBatchEvents = events;
      report.lastBatchMs = monotonicMs() - startedAt;
      observe(this.dependencies.report.batchMs, report.lastBatchMs);
    }
    this.measure();
  }

  private measure(): void {
    const { report, buffer, view } = this;
    report.bufferedBytes = buffer.bytes;
    report.pausedPartitions = 0;
    report.duplicates = 0;
    report.lagEvents = 0;
    for (const queue of buffer.queues) {
      if (queue.paused) report.pausedPartitions += 1;
      report.duplicates += queue.duplicates;
      report.lagEvents += Math.max(0, view.progress.newestOffset(queue.name) - queue.nextOffset);
    }
    const behind = this.dependencies.report.newestSourceTime - report.sourceTime;
    report.lagMs = report.lagEvents === 0 || report.sourceTime === 0 ? 0 : Math.max(0, behind / 1_000);
  }
}
