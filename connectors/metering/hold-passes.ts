import type { ClientBase } from 'pg';
import { comparePositions, type Position } from '../../avro/position.ts';
import type { LaneEvent, LaneMoment } from '../sink/contract.ts';
import { type Decider, isLoadingAt } from './decide.ts';
import type { HeldKey, HeldLane } from './held-lane.ts';
import { loadingCode } from './settle.ts';
import type { Decision, HeldEvent } from './versions.ts';

/** How many keys a pass takes at once. */
const keysPerPassMax = 2_000;

/** Loads the state of the keys, lets somebody act on it, and writes what follows. */
export type JudgeKeys = (
  client: ClientBase,
  mpans: ReadonlySet<string>,
  assets: ReadonlySet<string>,
  act: (decider: Decider) => void,
) => Promise<void>;

/** Passes over what waits in a lane or was refused by reference data, when time, the end of the initial load or reference data ask for one. */
export class HoldPasses {
  private readonly held: HeldLane;
  private readonly judgeKeys: JudgeKeys;
  private readonly onLoaded: () => void;

  constructor(held: HeldLane, judgeKeys: JudgeKeys, onLoaded: () => void) {
    this.held = held;
    this.judgeKeys = judgeKeys;
    this.onLoaded = onLoaded;
  }

  /** What time and the end of the initial load ask for before the unit at the position is judged. */
  async before(client: ClientBase, position: Position, sourceTime: number, moment: LaneMoment): Promise<void> {
    if (!isLoadingAt(moment.loadCompleteAt, position)) await this.passLoad(client, moment);
    await this.passTime(client, sourceTime);
  }

  async atEnd(client: ClientBase, moment: LaneMoment): Promise<void> {
    const { loadCompleteAt, through } = moment;
    if (loadCompleteAt !== null && comparePositions(through, loadCompleteAt) >= 0) await this.passLoad(client, moment);
    await this.passTime(client, moment.sourceTime);
  }

  async afterReference(client: ClientBase, { event }: LaneEvent): Promise<void> {
    const decision: Decision = { position: event.source, sourceTime: event.source.sourceTime };
    await this.overHeld(
      client,
      (after) => this.held.dependingOnReference(client, after, keysPerPassMax),
      (decider) => decider.referenceChanged(decision),
    );
  }

  private async passLoad(client: ClientBase, { loadCompleteAt }: LaneMoment): Promise<void> {
    if (!this.held.waitsForLoad || loadCompleteAt === null) return;
    this.onLoaded();
    await this.release(client, [loadingCode], (held) => ({
      // An event may have been held before it was known that the load had been complete.
      position: comparePositions(held, loadCompleteAt) < 0 ? loadCompleteAt : held,
      sourceTime: held.event.source.sourceTime,
    }));
  }

  private async passTime(client: ClientBase, sourceTime: number): Promise<void> {
    if (this.held.deadline === null || this.held.deadline >= sourceTime) return;
    await this.overHeld(
      client,
      (after) => this.held.dueBefore(client, sourceTime, after, keysPerPassMax),
      (decider) => decider.expire(sourceTime),
    );
  }

  private async release(
    client: ClientBase,
    codes: readonly string[],
    decisionOf: (held: HeldEvent) => Decision,
  ): Promise<void> {
    await this.overHeld(
      client,
      (after) => this.held.waitingFor(client, codes, after, keysPerPassMax),
      (decider) => decider.release(codes, decisionOf),
    );
  }

  private async overHeld(
    client: ClientBase,
    keysAfter: (after: string | null) => Promise<readonly HeldKey[]>,
    act: (decider: Decider) => void,
  ): Promise<void> {
    let after: string | null = null;
    for (;;) {
      const keys: readonly HeldKey[] = await keysAfter(after);
      const last = keys.at(-1);
      if (last === undefined) break;
      const mpans = new Set(keys.filter(({ isAsset }) => !isAsset).map(({ laneKey }) => laneKey));
      const assets = new Set(keys.filter(({ isAsset }) => isAsset).map(({ laneKey }) => laneKey));
      await this.judgeKeys(client, mpans, assets, act);
      if (keys.length < keysPerPassMax) break;
      after = last.laneKey;
    }
    this.held.forget();
    await this.held.refresh(client);
  }
}
