import type { DecodedEvent } from '../../avro/envelope.ts';
import { comparePositions, type Position } from '../../avro/position.ts';
import type { Effects } from './effects.ts';
import { identityUuid } from './event-identity.ts';
import type { KeyState } from './key-state.ts';
import { receiverOf } from './receiver.ts';
import { dueAt, londonDay } from './rules/calendar.ts';
import type { BrokenRule, Entity, ReferenceView, RuleParameters, Verdict } from './rules/contract.ts';
import { codesWaitingForPoint } from './rules/dispositions.ts';
import { codesOf } from './rules/judge.ts';
import { codesReadingReference } from './rules/reading-reference.ts';
import { advanceTimeline } from './timeline.ts';
import {
  type Decision,
  type HeldEvent,
  type Items,
  type OpenRejection,
  type Received,
  type Version,
  versionOf,
  wholeEvent,
} from './versions.ts';

/** What a hold of the initial load is called (P12). */
export const loadingCode = 'LOADING';

/** What settling needs to know besides the event. */
export interface Court {
  readonly effects: Effects;
  readonly parameters: RuleParameters;
  readonly reference: ReferenceView;
}

/** One event of a table, ready to be settled: its items are complete. */
export interface Settlement extends Received {
  readonly items: Items;
}

/** What the store has now of the event's key ends with it; what was open before it is resolved or superseded. */
export function accept(court: Court, state: KeyState, settlement: Settlement, decided: Decision | null): void {
  const { event, topic } = settlement;
  const version = event.recordType === 'delete' ? null : versionOf(event, settlement.items, decided);
  place(court, state, settlement, version, decided);
  court.effects.count(topic, 'applied', 1);
}

/** The event is not for us: what the store may have of its key is no longer ours either. */
export function passBy(court: Court, state: KeyState, settlement: Settlement, decided: Decision | null): void {
  if (state.accepted !== null || state.last !== null) place(court, state, settlement, null, decided);
  court.effects.count(settlement.topic, 'not-ours', 1);
}

function place(
  court: Court,
  state: KeyState,
  settlement: Settlement,
  version: Version | null,
  decided: Decision | null,
): void {
  const { event } = settlement;
  if (state.table.entity === 'metering_point') {
    const before = state.accepted === null ? null : { items: state.accepted.items, timeline: state.timeline };
    state.timeline =
      version === null ? null : advanceTimeline(before, version.items, londonDay(event.source.sourceTime));
  }
  if (version !== null || state.accepted !== null) {
    const ending = decided === null ? event.source : { ...event.source, sourceTime: decided.sourceTime };
    state.replace(version, ending, court.effects.past);
  }
  // Also where the row was not there to be ended.
  state.kept = version;
  if (state.last !== null) clearTrouble(court, state, settlement, decided?.sourceTime ?? event.source.sourceTime);
}

function clearTrouble(court: Court, state: KeyState, settlement: Settlement, at: number): void {
  const { effects } = court;
  const [older, newer] = splitAt(state.rejections, settlement);
  for (const { id } of older) {
    effects.resolutions.push({ id, status: 'resolved', generation: settlement.generation, lsn: settlement.lsn, at });
  }
  state.rejections = newer;
  for (const held of splitAt(state.held, settlement)[0]) {
    effects.release(state, held);
    effects.count(held.topic, 'held', -1);
    effects.count(held.topic, 'superseded', 1);
  }
  if (state.last !== null && comparePositions(state.last, settlement) <= 0) state.last = null;
  state.troubleTouched = true;
}

/** At or before the position, and after it. */
function splitAt<P extends Position>(all: readonly P[], position: Position): readonly [readonly P[], readonly P[]] {
  const isOlder = (one: P): boolean => comparePositions(one, position) <= 0;
  return [all.filter(isOlder), all.filter((one) => !isOlder(one))];
}

/** The rule book says no: a hold, or a row for Flow 3. The last good version stays. */
export function refuse(
  court: Court,
  state: KeyState,
  settlement: Settlement,
  verdict: Verdict,
  isLoading: boolean,
): void {
  const waits = verdict.kind === 'hold' || (isLoading && verdict.stage !== 'form');
  keepAsLast(state, settlement);
  if (waits) {
    hold(court, state, settlement, verdict.broken, isLoading);
    court.effects.count(settlement.topic, 'held', 1);
  } else {
    const recordType = verdict.kind === 'rejection' ? 'rejection' : 'error';
    reject(court, state, settlement, recordType, verdict.broken, settlement.event.source.sourceTime, 1);
  }
}

function keepAsLast(state: KeyState, settlement: Settlement): void {
  const { event, items, generation, lsn, ordinal, topic } = settlement;
  state.last = { generation, lsn, ordinal, topic, event: wholeEvent(event, items) };
  state.troubleTouched = true;
}

function hold(
  court: Court,
  state: KeyState,
  settlement: Settlement,
  broken: readonly BrokenRule[],
  isLoading: boolean,
): void {
  const { generation, lsn, ordinal, topic } = settlement;
  const event = state.last?.event ?? settlement.event;
  const { sourceTime } = event.source;
  court.effects.hold(state, {
    generation,
    lsn,
    ordinal,
    topic,
    event,
    id: identityUuid(identityOf(state, event, 'held')),
    broken: isLoading ? [loadingRule, ...broken] : broken,
    since: sourceTime,
    due: isLoading ? null : dueAt(sourceTime, court.parameters.holdWorkingDays),
    revision: 1,
  });
}

const loadingRule: BrokenRule = {
  code: loadingCode,
  item: null,
  text: 'The initial load is not complete: this is judged again when it is.',
};

/** Why a held event waits, as its row tells it: what fails while the initial load runs is not told yet. */
export function heldCodes(held: HeldEvent): readonly string[] {
  return held.due === null ? [loadingCode] : codesOf(held.broken);
}

function reject(
  court: Court,
  state: KeyState,
  settlement: Settlement,
  recordType: 'error' | 'rejection',
  broken: readonly BrokenRule[],
  raisedAt: number,
  revision: number,
): void {
  const { event, items, generation, lsn, ordinal, topic } = settlement;
  const entity = state.table.entity as Entity;
  const receiver = receiverOf(entity, items, court.parameters);
  const id = identityUuid(identityOf(state, event, `${receiver ?? ''}|${revision}`));
  const mpan = items['mpan_core'];
  const codes = codesOf(broken);
  const kept = codes.some(mayBeOverturned) ? wholeEvent(event, items) : null;
  court.effects.rejections.push({
    id,
    mpanCore: typeof mpan === 'string' ? mpan : null,
    recordType,
    flow: entity === 'appointment' ? 2 : 1,
    entity,
    entityKey: state.key,
    source: event.source.name,
    generation,
    lsn,
    ordinal,
    revision,
    codes,
    broken,
    referenceVersion: court.reference.version,
    receiver,
    raisedAt,
    topic,
    laneKey: state.laneKey,
    event: kept,
  });
  const open: OpenRejection = { id, topic, generation, lsn, ordinal, revision, recordType, codes, event: kept };
  state.rejections = [...state.rejections, open];
  state.troubleTouched = true;
  court.effects.count(topic, 'rejected', 1);
}

/** Newer reference data, or the metering point, may come late and give another verdict. */
function mayBeOverturned(code: string): boolean {
  return codesReadingReference.includes(code) || codesWaitingForPoint.includes(code);
}

function identityOf(state: KeyState, event: DecodedEvent, role: string): Parameters<typeof identityUuid>[0] {
  const { source, recordType } = event;
  return { source: source.name, position: source, entity: state.table.entity, key: state.key, recordType, role };
}

/** A held event was judged again: `decided` says by what. */
export function settleHeld(court: Court, state: KeyState, held: HeldEvent, verdict: Verdict, decided: Decision): void {
  const { effects } = court;
  const settlement: Settlement = { ...held, items: held.event as unknown as Items };
  if (verdict.kind === 'hold') {
    const due = held.due ?? dueAt(held.event.source.sourceTime, court.parameters.holdWorkingDays);
    if (held.due !== null && codesOf(held.broken).join() === codesOf(verdict.broken).join()) return;
    effects.release(state, held);
    effects.hold(state, { ...held, broken: verdict.broken, due });
    return;
  }
  effects.release(state, held);
  effects.count(held.topic, 'held', -1);
  if (verdict.kind === 'accept') accept(court, state, settlement, decided);
  else if (verdict.kind === 'not-ours') passBy(court, state, settlement, decided);
  else reject(court, state, settlement, verdict.kind, verdict.broken, decided.sourceTime, held.revision);
}

/**
 * An open rejection was judged again under newer reference data, or because its metering point has come: it stays as long as
 * the verdict does, else it is withdrawn. What is right now is applied: nothing newer of its key was, or it would have been resolved. What is refused
 * for another reason is refused anew, with the next revision (P18).
 */
export function settleRejected(
  court: Court,
  state: KeyState,
  rejection: OpenRejection,
  event: DecodedEvent,
  verdict: Verdict,
  decided: Decision,
): void {
  // A hold by the same rules is what it was refused for when its time was up: nothing has come that it waited for.
  const isSame = verdict.kind === rejection.recordType || verdict.kind === 'hold';
  if (isSame && codesOf(verdict.broken).join() === rejection.codes.join()) return;
  const { effects } = court;
  const { generation, lsn, ordinal, topic } = rejection;
  const revision = rejection.revision + 1;
  effects.withdraw(state, rejection, decided);
  const settlement: Settlement = { generation, lsn, ordinal, topic, event, items: event as unknown as Items };
  if (verdict.kind === 'accept') accept(court, state, settlement, decided);
  else if (verdict.kind === 'not-ours') passBy(court, state, settlement, decided);
  else if (verdict.kind === 'hold') {
    // It begins to wait only now: its own time may be long up.
    const since = decided.sourceTime;
    const due = dueAt(since, court.parameters.holdWorkingDays);
    const id = identityUuid(identityOf(state, event, 'held'));
    effects.hold(state, { generation, lsn, ordinal, topic, event, id, broken: verdict.broken, since, due, revision });
    effects.count(topic, 'held', 1);
  } else reject(court, state, settlement, verdict.kind, verdict.broken, decided.sourceTime, revision);
}

/** The time is up: an error, dated at the deadline whatever made us look (P17). */
export function expire(court: Court, state: KeyState, held: HeldEvent): void {
  court.effects.release(state, held);
  court.effects.count(held.topic, 'held', -1);
  const settlement: Settlement = { ...held, items: held.event as unknown as Items };
  reject(court, state, settlement, 'error', held.broken, held.due ?? held.event.source.sourceTime, held.revision);
}
