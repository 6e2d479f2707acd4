import { databaseFault } from '../../runtime/postgres.ts';
import type { FetchedBatch, LaneListener } from '../../topics/contract.ts';
import { type LaneOutlet, LaneWorker } from './lane-worker.ts';
import type { SinkDependencies, SinkSettings } from './settings.ts';
import type { SourceView } from './source-view.ts';
import { Turns } from './turns.ts';

/** One slice of a large unit is judged while the store writes another; more would only take memory. */
const slicesAtOnceMax = 2;
/** It is the same with full batches: one is made of bytes while the store writes another, and the other lanes wait as bytes. */
const fullBatchesAtOnceMax = 2;

/** The lanes that this process has at the moment, as the subscriber gives and takes them. */
export class Lanes implements LaneListener {
  private readonly settings: SinkSettings;
  private readonly dependencies: SinkDependencies;
  private readonly view: SourceView;
  private readonly outlet: LaneOutlet;
  private readonly onFault: (cause: unknown) => void;
  private readonly turns = { slices: new Turns(slicesAtOnceMax), fullBatches: new Turns(fullBatchesAtOnceMax) };
  private readonly workers = new Map<number, LaneWorker>();
  private closed = false;

  constructor(
    settings: SinkSettings,
    dependencies: SinkDependencies,
    view: SourceView,
    outlet: LaneOutlet,
    onFault: (cause: unknown) => void,
  ) {
    this.settings = settings;
    this.dependencies = dependencies;
    this.view = view;
    this.outlet = outlet;
    this.onFault = onFault;
  }

  async assigned(lanes: readonly number[]): Promise<ReadonlyMap<number, readonly number[]>> {
    await this.revoked(lanes);
    try {
      const opened = await Promise.all(lanes.map(async (lane) => [lane, await this.open(lane)] as const));
      if (!this.closed) for (const [, worker] of opened) worker.start(this.onFault);
      return new Map(opened.map(([lane, worker]) => [lane, worker.startOffsets]));
    } catch (error) {
      throw databaseFault(error);
    }
  }

  async revoked(lanes: readonly number[]): Promise<void> {
    await Promise.all(
      lanes.map(async (lane) => {
        const worker = this.workers.get(lane);
        if (worker === undefined) return;
        this.workers.delete(lane);
        this.dependencies.report.lanes.delete(lane);
        await worker.stop();
      }),
    );
  }

  batch(batch: FetchedBatch): boolean {
    // What comes for a lane that is not ours any more is let go: its next owner reads it again.
    return this.workers.get(batch.partition)?.accept(batch) ?? true;
  }

  expectedOffset(topic: string, partition: number): number {
    return this.workers.get(partition)?.expectedOffset(topic) ?? 0;
  }

  fault(cause: unknown): void {
    this.onFault(cause);
  }

  wake(): void {
    for (const worker of this.workers.values()) worker.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.revoked([...this.workers.keys()]);
  }

  private async open(lane: number): Promise<LaneWorker> {
    const { settings, dependencies, turns, view, outlet, onFault } = this;
    const worker = await LaneWorker.open(settings, dependencies, lane, turns, view, outlet, onFault);
    this.workers.set(lane, worker);
    if (this.closed) await this.revoked([lane]);
    return worker;
  }
}
