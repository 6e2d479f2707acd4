import type { Logger } from 'pino';
import type { ClientBase } from 'pg';
import { comparePositions } from '../../avro/position.ts';
import type { LaneDomain, LaneEvent, LaneMoment, OutcomeDelta, Unit } from '../sink/contract.ts';
import type { BatchState } from './batch-state.ts';
import { type DecideRules, Decider, isLoadingAt, referenceCodes } from './decide.ts';
import { Effects } from './effects.ts';
import { tableOfTopic } from './entities.ts';
import { HeldLane, type HeldKey } from './held-lane.ts';
import { loadState } from './load.ts';
import { OutcomeTotals } from './outcome-totals.ts';
import { ReferenceTables } from './reference-tables.ts';
import type { MeteringReport } from './report.ts';
import { ReferenceData } from './rules/reference-data.ts';
import { loadingCode } from './settle.ts';
import { StagedUnit } from './staged-unit.ts';
import { truncateLane } from './truncate.ts';
import type { Decision, HeldEvent } from './versions.ts';
import { VersionWriter } from './write.ts';
import { writeTrouble } from './write-trouble.ts';

export interface MeteringLaneSettings {
  readonly source: string;
  readonly lane: number;
  readonly partitions: number;
  readonly rules: DecideRules;
}

/** How many keys a pass over what waits takes at once. */
const keysPerPassMax = 5_000;

/** How many events of a staged unit are judged at once: four lanes do so side by side, in little memory. */
const stagedEventsMax = 1_000;

/** The metering side of one lane: reference data in memory, everything else in the store. */
export class MeteringLane implements LaneDomain {
  private readonly settings: MeteringLaneSettings;
  private readonly log: Logger;
  private readonly report: MeteringReport;
  private readonly reference = new ReferenceData();
  /** One lane writes the tables of reference data. */
  private readonly referenceTables: ReferenceTables | null;
  private readonly writer = new VersionWriter();
  private readonly held: HeldLane;
  private staged: StagedUnit | null = null;
  private totals = new OutcomeTotals();

  constructor(settings: MeteringLaneSettings, log: Logger, report: MeteringReport) {
    this.settings = settings;
    this.log = log;
    this.report = report;
    this.referenceTables = settings.lane === 0 ? new ReferenceTables() : null;
    this.held = new HeldLane(settings.source, settings.lane);
  }

  async prime(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    for (const event of events) this.remember(event);
    await this.held.refresh(client);
    await this.referenceTables?.load(client);
  }

  async apply(client: ClientBase, units: readonly Unit[], moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    await this.begin(client);
    let next = 0;
    while (next < units.length) {
      const unit = units[next];
      if (unit === undefined) break;
      await this.passTo(client, unit, moment);
      if (hasTruncate(unit)) {
        await this.truncatingUnit(client, unit, moment);
        next += 1;
      } else {
        next = await this.segment(client, units, next, moment);
      }
    }
    await this.passEnd(client, moment);
    return this.totals.take();
  }

  async stage(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    this.staged ??= new StagedUnit(this.settings.source);
    await this.staged.add(client, events);
  }

  async applyStaged(client: ClientBase, moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    await this.begin(client);
    const staged = this.staged;
    this.staged = null;
    if (staged !== null) await this.stagedUnit(client, staged, moment);
    await this.passEnd(client, moment);
    return this.totals.take();
  }

  deadline(): number | null {
    // The end of the initial load may come with no event of this lane: every move of the lane is looked at.
    if (this.held.waitsForLoad) return 0;
    return this.held.deadline === null ? null : this.held.deadline + 1;
  }

  private async begin(client: ClientBase): Promise<void> {
    this.totals = new OutcomeTotals();
    await this.writer.begin(client);
    await this.held.refresh(client);
    await this.referenceTables?.load(client);
  }

  /** What time and the end of the initial load ask for before a unit is judged. */
  private async passTo(client: ClientBase, unit: Unit, moment: LaneMoment): Promise<void> {
    if (!isLoadingAt(moment.loadCompleteAt, unit)) await this.passLoad(client, moment);
    await this.passTime(client, sourceTimeOf(unit));
  }

  private async passEnd(client: ClientBase, moment: LaneMoment): Promise<void> {
    const { loadCompleteAt, through } = moment;
    if (loadCompleteAt !== null && comparePositions(through, loadCompleteAt) >= 0) await this.passLoad(client, moment);
    await this.passTime(client, moment.sourceTime);
  }

  private async passLoad(client: ClientBase, { loadCompleteAt }: LaneMoment): Promise<void> {
    if (!this.held.waitsForLoad || loadCompleteAt === null) return;
    this.log.info({ lane: this.settings.lane }, 'The initial load is complete: what waited for it is judged now.');
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
      const state = await loadState(client, mpans, assets);
      const decider = this.decider(state);
      act(decider);
      await this.write(client, state, decider.effects);
      if (keys.length < keysPerPassMax) break;
      after = last.laneKey;
    }
    this.held.forget();
    await this.held.refresh(client);
  }

  /** Judges units from `from` on, until one must be preceded by something; answers with the first that is left. */
  private async segment(client: ClientBase, units: readonly Unit[], from: number, moment: LaneMoment): Promise<number> {
    const upTo = this.segmentEnd(units, from, moment);
    const state = await this.load(client, units, from, upTo);
    const decider = this.decider(state);
    let next = from;
    let referenceChangedAt: LaneEvent | null = null;
    while (next < upTo && referenceChangedAt === null) {
      const unit = units[next];
      if (unit === undefined || this.isOverdue(decider.effects, sourceTimeOf(unit))) break;
      const lastReference = this.judgeUnit(decider, unit, moment);
      if (lastReference !== null && (this.held.waitsForReference || holdsForReference(decider.effects))) {
        referenceChangedAt = lastReference;
      }
      next += 1;
    }
    await this.write(client, state, decider.effects);
    if (referenceChangedAt !== null) await this.releaseForReference(client, referenceChangedAt);
    return next;
  }

  private async releaseForReference(client: ClientBase, { event }: LaneEvent): Promise<void> {
    const decision: Decision = { position: event.source, sourceTime: event.source.sourceTime };
    await this.release(client, referenceCodes, () => decision);
  }

  private segmentEnd(units: readonly Unit[], from: number, moment: LaneMoment): number {
    const first = units[from];
    if (first === undefined) return from;
    const isLoading = isLoadingAt(moment.loadCompleteAt, first);
    let end = from;
    for (; end < units.length; end += 1) {
      const unit = units[end];
      if (unit === undefined || hasTruncate(unit) || isLoadingAt(moment.loadCompleteAt, unit) !== isLoading) break;
      if (this.held.deadline !== null && sourceTimeOf(unit) > this.held.deadline) break;
    }
    return end;
  }

  /** Would a hold of this very segment have ended before the source time? */
  private isOverdue(effects: Effects, sourceTime: number): boolean {
    for (const { held } of effects.heldAdded.values()) if (held.due !== null && held.due < sourceTime) return true;
    return false;
  }

  /** Reference events of the unit count before everything; the last of them is answered. */
  private judgeUnit(decider: Decider, unit: Unit, moment: LaneMoment): LaneEvent | null {
    let lastReference: LaneEvent | null = null;
    for (const event of unit.events) {
      if (!isReference(event, this.settings.source)) continue;
      lastReference = event;
      this.takeReference(decider.effects, event);
    }
    const isLoading = isLoadingAt(moment.loadCompleteAt, unit);
    if (lastReference === null) decider.unit(unit, isLoading);
    else
      decider.unit(
        { ...unit, events: unit.events.filter((one) => !isReference(one, this.settings.source)) },
        isLoading,
      );
    return lastReference;
  }

  private takeReference(effects: Effects, event: LaneEvent): void {
    this.remember(event);
    this.referenceTables?.decide(effects, event);
  }

  private remember({ topic, event }: LaneEvent): void {
    const entity = tableOfTopic(topic, this.settings.source)?.entity;
    if (entity === 'participant' || entity === 'distributor_gsp_group') this.reference.applyEvent(entity, event);
  }

  private load(client: ClientBase, units: readonly Unit[], from: number, to: number): Promise<BatchState> {
    const mpans = new Set<string>();
    const assets = new Set<string>();
    for (let at = from; at < to; at += 1) {
      for (const event of units[at]?.events ?? []) {
        if (event.topic.endsWith('.meter-asset')) assets.add(event.key);
        else if (!isReference(event, this.settings.source)) mpans.add(event.key);
      }
    }
    return loadState(client, mpans, assets);
  }

  /** A truncate parts its transaction: what came before it is judged, then all rows go, then the rest is judged. */
  private async truncatingUnit(client: ClientBase, unit: Unit, moment: LaneMoment): Promise<void> {
    let part: LaneEvent[] = [];
    for (const event of unit.events) {
      if (event.event.recordType !== 'truncate') {
        part.push(event);
        continue;
      }
      await this.part(client, { ...unit, events: part }, moment);
      part = [];
      await this.truncate(client, event);
    }
    await this.part(client, { ...unit, events: part }, moment);
  }

  private async part(client: ClientBase, unit: Unit, moment: LaneMoment): Promise<void> {
    if (unit.events.length > 0) await this.segment(client, [unit], 0, moment);
  }

  private async truncate(client: ClientBase, event: LaneEvent): Promise<void> {
    const effects = new Effects();
    if (isReference(event, this.settings.source)) {
      this.takeReference(effects, event);
      await this.writeReference(client, effects);
    } else {
      const { lane, partitions, source } = this.settings;
      await truncateLane(client, { lane, partitions, source }, event, effects);
      // One truncate is in every partition, and is one event.
      if (lane === 0) effects.count(event.topic, 'applied', 1);
      this.held.forget();
    }
    this.totals.add(effects);
    await this.held.refresh(client);
  }

  private async stagedUnit(client: ClientBase, staged: StagedUnit, moment: LaneMoment): Promise<void> {
    const first = staged.firstUnit();
    if (first === null) return;
    await this.passTo(client, first, moment);
    const effects = new Effects();
    let lastReference: LaneEvent | null = null;
    for (const event of staged.reference) {
      lastReference = event;
      this.takeReference(effects, event);
    }
    await this.writeReference(client, effects);
    this.totals.add(effects);
    for (const event of staged.truncates) await this.truncate(client, event);
    if (staged.truncates.length > 0) this.totals.addAll(await staged.dropTruncated(client));
    for await (const events of staged.chunks(client, stagedEventsMax)) {
      await this.segment(client, [{ ...first, events }], 0, moment);
    }
    await staged.clear(client);
    if (lastReference !== null && this.held.waitsForReference) await this.releaseForReference(client, lastReference);
  }

  private decider(state: BatchState): Decider {
    return new Decider(state, this.settings.rules, this.reference);
  }

  private async write(client: ClientBase, state: BatchState, effects: Effects): Promise<void> {
    const touched = [...state.touched(), ...(this.referenceTables?.takeTouched() ?? [])];
    await this.writer.write(client, touched, effects.past);
    await writeTrouble(client, this.settings.lane, effects, touched);
    this.held.add(effects.heldAdded.values());
    for (const [code, count] of effects.warnings)
      this.report.warnings[code] = (this.report.warnings[code] ?? 0) + count;
    this.totals.add(effects);
  }

  private async writeReference(client: ClientBase, effects: Effects): Promise<void> {
    await this.writer.write(client, this.referenceTables?.takeTouched() ?? [], effects.past);
  }
}

function sourceTimeOf(unit: Unit): number {
  return unit.events[0]?.event.source.sourceTime ?? 0;
}

function hasTruncate(unit: Unit): boolean {
  return unit.events.some(({ event }) => event.recordType === 'truncate');
}

function isReference(event: LaneEvent, source: string): boolean {
  return tableOfTopic(event.topic, source)?.laneKey === null;
}

function holdsForReference(effects: Effects): boolean {
  for (const { held } of effects.heldAdded.values()) {
    if (held.broken.some(({ code }) => referenceCodes.includes(code))) return true;
  }
  return false;
}
