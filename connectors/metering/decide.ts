import { comparePositions, type Position } from '../../avro/position.ts';
import type { LaneEvent, Unit } from '../sink/contract.ts';
import type { BatchState, MpanState } from './batch-state.ts';
import { decideAsset, decideLone, decideMpan, emptyView, type UnitCourt } from './decide-unit.ts';
import { Effects, type HeldRow } from './effects.ts';
import type { KeyState } from './key-state.ts';
import { londonDay } from './rules/calendar.ts';
import type {
  Circumstances,
  Entity,
  ItemsOf,
  ReferenceView,
  RuleParameters,
  StoreView,
  Subject,
  Verdict,
} from './rules/contract.ts';
import { codesWaitingForPoint } from './rules/dispositions.ts';
import { codesReadingReference } from './rules/reading-reference.ts';
import { expire, heldCodes, settleHeld, type Settlement, settleRejected } from './settle.ts';
import { waitsForValues } from './unsent.ts';
import {
  type Decision,
  type HeldEvent,
  type Items,
  itemsOf,
  type OpenRejection,
  type Received,
  unsentItems,
} from './versions.ts';

/** The rule book, or what a test puts in its place. */
export type Judge = (subject: Subject, circumstances: Circumstances) => Verdict;

export interface DecideRules {
  readonly judge: Judge;
  readonly parameters: RuleParameters;
}

/**
 * Judges the events of one lane batch against a state and gathers what follows. No I/O and no clock: the same units on
 * the same state always give the same effects, however they are cut into batches.
 */
export class Decider implements UnitCourt {
  readonly effects = new Effects();
  readonly parameters: RuleParameters;
  readonly reference: ReferenceView;
  private readonly state: BatchState;
  private readonly ruleBook: Judge;

  constructor(state: BatchState, rules: DecideRules, reference: ReferenceView) {
    this.state = state;
    this.ruleBook = rules.judge;
    this.parameters = rules.parameters;
    this.reference = reference;
  }

  /** Judges one unit: events of lane topics only, of no truncate. */
  unit({ events }: Unit, isLoading: boolean): void {
    const only = events[0];
    if (events.length === 1 && only !== undefined) {
      if (only.topic.endsWith('.meter-asset')) decideAsset(this, this.state.asset(only.key), events, isLoading);
      else this.mpan(only.key, only, isLoading);
      return;
    }
    // Of most keys there is one event: it is its own group.
    const mpans = new Map<string, LaneEvent | LaneEvent[]>();
    const assets = new Map<string, LaneEvent | LaneEvent[]>();
    for (const event of events) {
      const groups = event.topic.endsWith('.meter-asset') ? assets : mpans;
      const group = groups.get(event.key);
      if (group === undefined) groups.set(event.key, event);
      else if (Array.isArray(group)) group.push(event);
      else groups.set(event.key, [group, event]);
    }
    for (const [key, group] of mpans) this.mpan(key, group, isLoading);
    for (const [key, group] of assets) decideAsset(this, this.state.asset(key), listOf(group), isLoading);
  }

  private mpan(key: string, group: LaneEvent | readonly LaneEvent[], isLoading: boolean): void {
    const mpan = this.state.mpan(key);
    const pointBefore = mpan.meteringPoint.accepted;
    if (isList(group)) decideMpan(this, mpan, group, isLoading);
    else decideLone(this, mpan, group, isLoading);
    if (mpan.meteringPoint.accepted === pointBefore || mpan.byId.size === 0) return;
    const trigger = listOf(group).findLast(({ topic }) => topic.endsWith('.metering-point'));
    if (trigger === undefined) return;
    const decision: Decision = { position: trigger.event.source, sourceTime: trigger.event.source.sourceTime };
    this.pointChanged(mpan, decision);
  }

  /** What waits for the metering point, or waited for it in vain, is judged again: the appointments of its MPAN. */
  private pointChanged(mpan: MpanState, decision: Decision): void {
    const depending = dependingOn(codesWaitingForPoint, mpan.byId.values());
    // That the point has gone makes nothing right that was refused for want of it, or for what it said.
    const isGone = mpan.point === null;
    this.allAgain(isGone ? depending.filter(({ held }) => held !== null) : depending, decision);
  }

  /** Judges the held events again that wait for one of the codes, in the order of their positions (P17). */
  release(codes: readonly string[], decisionOf: (held: HeldEvent) => Decision): void {
    for (const { state, held } of waitingOf(this.state.troubled())) {
      if (!heldCodes(held).some((code) => codes.includes(code))) continue;
      const decision = decisionOf(held);
      this.revise(state, decision, () => this.again(state, held, decision));
    }
  }

  /** Judges again what waits for reference data or was refused by it, in the order of the positions. */
  referenceChanged(decision: Decision): void {
    for (const one of dependingOn(codesReadingReference, this.state.troubled()))
      this.revise(one.state, decision, () => this.allAgain([one], decision));
  }

  private allAgain(depending: readonly Depending[], decision: Decision): void {
    for (const { state, held, rejection } of depending) {
      if (held !== null) this.again(state, held, decision);
      else if (rejection !== null) this.rejectedAgain(state, rejection, decision);
    }
  }

  private revise(state: KeyState, decision: Decision, judgeAgain: () => void): void {
    const before = state.accepted;
    judgeAgain();
    // Its appointments may stand before it in the transaction, and have been judged before it in this very pass.
    if (state.table.entity === 'metering_point' && state.accepted !== before) {
      this.pointChanged(this.state.mpan(state.laneKey), decision);
    }
  }

  /** Ends the holds whose deadline (epoch microseconds) is before the source time. */
  expire(sourceTime: number): void {
    for (const { state, held } of waitingOf(this.state.troubled())) {
      if (held.due !== null && held.due < sourceTime) expire(this, state, held);
    }
  }

  judge(state: KeyState, settlement: Settlement, previous: Items | null, view: StoreView): Verdict {
    const { event, items } = settlement;
    const entity = state.table.entity as Entity;
    const recordType = event.recordType as Subject['recordType'];
    const unsent = unsentItems(items);
    if (unsent.length > 0) return waitsForValues(unsent);
    return this.ruleBook(
      {
        entity,
        recordType,
        items: items as unknown as ItemsOf[Entity],
        invalid: event.invalid,
        senderId: event.senderId,
        previous: previous as unknown as ItemsOf[Entity] | null,
      },
      {
        reference: this.reference,
        store: view,
        parameters: this.parameters,
        // A rule about today means the day of the event, whenever it is judged: a replay decides the same.
        today: londonDay(event.source.sourceTime),
      },
    );
  }

  private again(state: KeyState, held: HeldEvent, decision: Decision): void {
    // An event before it in the same pass may have ended it.
    if (!state.held.some(({ id }) => id === held.id)) return;
    const verdict = this.verdictAgain(state, held);
    settleHeld(this, state, held, verdict, decision);
  }

  private rejectedAgain(state: KeyState, rejection: OpenRejection, decision: Decision): void {
    const { event } = rejection;
    if (event === null || !state.rejections.some(({ id }) => id === rejection.id)) return;
    settleRejected(this, state, rejection, event, this.verdictAgain(state, { ...rejection, event }), decision);
  }

  private verdictAgain(state: KeyState, received: Received): Verdict {
    const view = state.table.entity === 'meter_asset' ? emptyView() : this.state.mpan(state.laneKey);
    view.lastEventOpen = true;
    const settlement: Settlement = { ...received, items: itemsOf(received.event, null) };
    const verdict = this.judge(state, settlement, state.accepted?.items ?? null, view);
    if (verdict.kind === 'accept') this.effects.warn(verdict.warnings);
    return verdict;
  }
}

interface Depending extends Position {
  readonly state: KeyState;
  readonly held: HeldEvent | null;
  readonly rejection: OpenRejection | null;
}

/** What waits by one of the rules, or was refused by it, in the order of the positions. */
function dependingOn(codes: readonly string[], states: Iterable<KeyState>): readonly Depending[] {
  const found: Depending[] = [];
  const depends = (code: string): boolean => codes.includes(code);
  for (const state of states) {
    for (const held of state.held) {
      if (heldCodes(held).some(depends)) found.push({ ...positionOf(held), state, held, rejection: null });
    }
    for (const rejection of state.rejections) {
      if (rejection.event !== null && rejection.codes.some(depends))
        found.push({ ...positionOf(rejection), state, held: null, rejection });
    }
  }
  return found.sort((a, b) => comparePositions(a, b) || (a.state.key < b.state.key ? -1 : 1));
}

function positionOf({ generation, lsn, ordinal }: Position): Position {
  return { generation, lsn, ordinal };
}

function isList(group: LaneEvent | readonly LaneEvent[]): group is readonly LaneEvent[] {
  return Array.isArray(group);
}

function listOf(group: LaneEvent | readonly LaneEvent[]): readonly LaneEvent[] {
  return isList(group) ? group : [group];
}

function waitingOf(states: Iterable<KeyState>): readonly HeldRow[] {
  const rows: HeldRow[] = [];
  for (const state of states) for (const held of state.held) rows.push({ state, held });
  return rows.sort((a, b) => comparePositions(a.held, b.held) || (a.state.key < b.state.key ? -1 : 1));
}

/** Is the unit that begins at the position still within the initial load (P12)? */
export function isLoadingAt(loadCompleteAt: Position | null, begin: Position): boolean {
  return loadCompleteAt === null || comparePositions(begin, loadCompleteAt) <= 0;
}
