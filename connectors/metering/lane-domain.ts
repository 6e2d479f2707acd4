import type { Logger } from 'pino';
import type { ClientBase } from 'pg';
import type { Position } from '../../avro/position.ts';
import type { LaneDomain, LaneEvent, LaneMoment, LargeUnit, OutcomeDelta, Unit } from '../sink/contract.ts';
import type { BatchState } from './batch-state.ts';
import { type DecideRules, Decider, isLoadingAt } from './decide.ts';
import { Effects } from './effects.ts';
import { tableOfTopic } from './entities.ts';
import { dependOnReference, HeldLane } from './held-lane.ts';
import { HoldPasses } from './hold-passes.ts';
import { KnownKeys } from './known-keys.ts';
import { loadState } from './load.ts';
import { OutcomeTotals } from './outcome-totals.ts';
import { settleRoom } from './page-room.ts';
import { ReferenceTables } from './reference-tables.ts';
import type { MeteringReport } from './report.ts';
import { ReferenceData } from './rules/reference-data.ts';
import { truncateLane } from './truncate.ts';
import { VersionWriter } from './write.ts';
import { writeTrouble } from './write-trouble.ts';

export interface MeteringLaneSettings {
  readonly source: string;
  readonly lane: number;
  readonly partitions: number;
  readonly rules: DecideRules;
}

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
  private readonly known: KnownKeys;
  private readonly passes: HoldPasses;
  private totals = new OutcomeTotals();
  private isRoomSettled: boolean;

  constructor(settings: MeteringLaneSettings, log: Logger, report: MeteringReport) {
    this.settings = settings;
    this.log = log;
    this.report = report;
    this.referenceTables = settings.lane === 0 ? new ReferenceTables() : null;
    this.held = new HeldLane(settings.source, settings.lane);
    this.known = new KnownKeys(settings.source, settings.lane);
    this.isRoomSettled = settings.lane !== 0;
    this.passes = new HoldPasses(
      this.held,
      async (client, mpans, assets, act) => {
        const state = await loadState(client, mpans, assets, this.known);
        const decider = this.decider(state);
        act(decider);
        await this.write(client, state, decider.effects);
      },
      () => log.info({ lane: settings.lane }, 'The initial load is complete: what waited for it is judged now.'),
    );
  }

  async prime(client: ClientBase, events: readonly LaneEvent[]): Promise<void> {
    for (const event of events) this.remember(event);
    await this.refresh(client);
    await this.referenceTables?.load(client, []);
  }

  async apply(client: ClientBase, units: readonly Unit[], moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    await this.begin(client, eventsOf(units));
    let next = 0;
    while (next < units.length) {
      const unit = units[next];
      if (unit === undefined) break;
      if (hasTruncate(unit)) {
        await this.largeUnit(client, largeUnitOf(unit, this.settings.source), moment);
        next += 1;
      } else {
        await this.passes.before(client, beginOf(unit), sourceTimeOf(unit), moment);
        next = await this.segment(client, units, next, moment);
      }
    }
    await this.passes.atEnd(client, moment);
    return this.totals.take();
  }

  async applyLarge(client: ClientBase, unit: LargeUnit, moment: LaneMoment): Promise<readonly OutcomeDelta[]> {
    await this.begin(client, unit.leading);
    await this.largeUnit(client, unit, moment);
    await this.passes.atEnd(client, moment);
    return this.totals.take();
  }

  deadline(): number | null {
    // The end of the initial load may come with no event of this lane: every move of the lane is looked at.
    if (this.held.waitsForLoad) return 0;
    return this.held.deadline === null ? null : this.held.deadline + 1;
  }

  private async begin(client: ClientBase, events: Iterable<LaneEvent>): Promise<void> {
    this.totals = new OutcomeTotals();
    await this.writer.begin(client);
    await this.refresh(client);
    await this.referenceTables?.load(client, events);
  }

  private async refresh(client: ClientBase): Promise<void> {
    await this.held.refresh(client);
    await this.known.refresh(client);
  }

  /** Judges units from `from` on, until one must be preceded by something; answers with the first that is left. */
  private async segment(client: ClientBase, units: readonly Unit[], from: number, moment: LaneMoment): Promise<number> {
    const upTo = this.segmentEnd(units, from, moment);
    const first = units[from];
    if (first !== undefined && !isLoadingAt(moment.loadCompleteAt, beginOf(first))) await this.loaded(client);
    const state = await this.load(client, units, from, upTo);
    const decider = this.decider(state);
    let next = from;
    let referenceChangedAt: LaneEvent | null = null;
    while (next < upTo && referenceChangedAt === null) {
      const unit = units[next];
      if (unit === undefined || this.isOverdue(decider.effects, sourceTimeOf(unit))) break;
      const lastReference = this.judgeUnit(decider, unit, moment);
      if (lastReference !== null && (this.held.waitsForReference || dependOnReference(decider.effects))) {
        referenceChangedAt = lastReference;
      }
      next += 1;
    }
    await this.write(client, state, decider.effects);
    if (referenceChangedAt !== null) await this.passes.afterReference(client, referenceChangedAt);
    return next;
  }

  private async loaded(client: ClientBase): Promise<void> {
    this.known.loaded();
    if (this.isRoomSettled) return;
    this.isRoomSettled = true;
    await settleRoom(client);
  }

  private segmentEnd(units: readonly Unit[], from: number, moment: LaneMoment): number {
    const first = units[from];
    if (first === undefined) return from;
    const isLoading = isLoadingAt(moment.loadCompleteAt, beginOf(first));
    let end = from;
    for (; end < units.length; end += 1) {
      const unit = units[end];
      if (unit === undefined || hasTruncate(unit) || isLoadingAt(moment.loadCompleteAt, beginOf(unit)) !== isLoading)
        break;
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
    const isLoading = isLoadingAt(moment.loadCompleteAt, beginOf(unit));
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
    const keys = new LaneKeys(this.settings.source);
    for (let at = from; at < to; at += 1) keys.add(units[at]?.events ?? []);
    return loadState(client, keys.mpans, keys.assets, this.known);
  }

  /** Reference events count before everything, then truncates; what came before a truncate was never visible. */
  private async largeUnit(client: ClientBase, unit: LargeUnit, moment: LaneMoment): Promise<void> {
    await this.passes.before(client, unit.position, unit.sourceTime, moment);
    const isLoading = isLoadingAt(moment.loadCompleteAt, unit.position);
    const truncatedAt = new Map<string, number>();
    let lastReference: LaneEvent | null = null;
    const effects = new Effects();
    for (const event of unit.leading) {
      if (isReference(event, this.settings.source)) {
        lastReference = event;
        this.takeReference(effects, event);
      } else truncatedAt.set(event.topic, event.event.source.ordinal);
    }
    await this.writer.write(client, this.referenceTables?.takeTouched() ?? [], effects.past);
    for (const event of unit.leading) if (truncatedAt.has(event.topic)) await this.truncate(client, event);
    for await (const slice of unit.slices()) {
      const visible = truncatedAt.size === 0 ? slice : afterTruncates(slice, truncatedAt, effects);
      await this.slice(client, { ...unit.position, events: visible }, isLoading);
    }
    this.totals.add(effects);
    if (lastReference !== null && this.held.waitsForReference) await this.passes.afterReference(client, lastReference);
  }

  private async slice(client: ClientBase, unit: Unit, isLoading: boolean): Promise<void> {
    if (!isLoading) await this.loaded(client);
    const state = await this.load(client, [unit], 0, 1);
    const decider = this.decider(state);
    decider.unit(unit, isLoading);
    await this.write(client, state, decider.effects);
  }

  private async truncate(client: ClientBase, event: LaneEvent): Promise<void> {
    const effects = new Effects();
    const { lane, partitions, source } = this.settings;
    await truncateLane(client, { lane, partitions, source }, event, effects);
    // One truncate is in every partition, and is one event.
    if (lane === 0) effects.count(event.topic, 'applied', 1);
    this.held.forget();
    this.known.forget();
    this.totals.add(effects);
    await this.refresh(client);
  }

  private decider(state: BatchState): Decider {
    return new Decider(state, this.settings.rules, this.reference);
  }

  private async write(client: ClientBase, state: BatchState, effects: Effects): Promise<void> {
    const touched = [...state.touched(), ...(this.referenceTables?.takeTouched() ?? [])];
    await this.writer.write(client, touched, effects.past);
    await writeTrouble(client, this.settings.lane, effects, touched);
    this.known.wrote(touched);
    this.held.add(effects);
    for (const [code, count] of effects.warnings)
      this.report.warnings[code] = (this.report.warnings[code] ?? 0) + count;
    this.totals.add(effects);
  }
}

function* eventsOf(units: readonly Unit[]): Generator<LaneEvent> {
  for (const { events } of units) yield* events;
}

function sourceTimeOf(unit: Unit): number {
  return unit.events[0]?.event.source.sourceTime ?? 0;
}

function beginOf({ generation, lsn, events }: Unit): Position {
  return { generation, lsn, ordinal: events[0]?.event.source.ordinal ?? 0 };
}

function hasTruncate(unit: Unit): boolean {
  return unit.events.some(({ event }) => event.recordType === 'truncate');
}

/** A unit with a truncate, which is judged in the same way whether it is large or not. */
function largeUnitOf(unit: Unit, source: string): LargeUnit {
  const leads = (event: LaneEvent): boolean => isReference(event, source) || event.event.recordType === 'truncate';
  return {
    position: beginOf(unit),
    sourceTime: sourceTimeOf(unit),
    leading: unit.events.filter(leads),
    slices: async function* () {
      const events = unit.events.filter((event) => !leads(event));
      if (events.length > 0) yield await Promise.resolve(events);
    },
  };
}

/** What a truncate of the same transaction undid is counted, and not judged. */
function afterTruncates(
  events: readonly LaneEvent[],
  truncatedAt: ReadonlyMap<string, number>,
  effects: Effects,
): readonly LaneEvent[] {
  return events.filter(({ topic, event }) => {
    const isVisible = event.source.ordinal > (truncatedAt.get(topic) ?? -1);
    if (!isVisible) effects.count(topic, 'applied', 1);
    return isVisible;
  });
}

/** The keys of events of a lane, by what they are keys of. */
class LaneKeys {
  readonly mpans = new Set<string>();
  readonly assets = new Set<string>();
  private readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  add(events: readonly LaneEvent[]): void {
    for (const event of events) {
      if (event.topic.endsWith('.meter-asset')) this.assets.add(event.key);
      else if (!isReference(event, this.source)) this.mpans.add(event.key);
    }
  }
}

function isReference(event: LaneEvent, source: string): boolean {
  return tableOfTopic(event.topic, source)?.laneKey === null;
}
