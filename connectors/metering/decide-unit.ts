import type { LaneEvent } from '../sink/contract.ts';
import type { MpanState } from './batch-state.ts';
import { sameItems } from './item-differences.ts';
import type { KeyState } from './key-state.ts';
import type { AcceptedAppointment, AppointmentItems, StoreView, Verdict } from './rules/contract.ts';
import { accept, type Court, passBy, refuse, type Settlement } from './settle.ts';
import { hasInvalid, type Items, itemsOf } from './versions.ts';

/** How the rule book is asked. `view` is the store as it is to be seen. */
export interface UnitCourt extends Court {
  judge(state: KeyState, settlement: Settlement, previous: Items | null, view: StoreView): Verdict;
}

/** One event of a key within a unit. */
interface Step {
  readonly settlement: Settlement;
  /** What was received before it. */
  readonly previous: Items | null;
  /** Set when it fails by itself: its form, the reference data, or the record within itself (P14). */
  readonly failed: Verdict | null;
}

/** The events of one key within a unit, and what becomes of them together. */
interface Plan {
  readonly state: KeyState;
  readonly steps: Step[];
}

/** The only event of an MPAN in its unit, which is what most units have of most: what `decideMpan` comes to, without plans. */
export function decideLone(court: UnitCourt, mpan: MpanState, event: LaneEvent, isLoading: boolean): void {
  const state = stateOf(mpan, event);
  const step = received(court, state, event, null);
  if (step === null) return;
  mpan.lastEventOpen = state.last !== null;
  settle(court, state, step, court.judge(state, step.settlement, step.previous, mpan), isLoading);
}

/** The events of one MPAN in one unit, more than one: metering point and appointments. */
export function decideMpan(court: UnitCourt, mpan: MpanState, events: readonly LaneEvent[], isLoading: boolean): void {
  const plans = plansOf(court, mpan, events);
  const point = plans.find(({ state }) => state === mpan.meteringPoint);
  const appointments = plans.filter((plan) => plan !== point);
  // Deletes count first; what is created anew under the same key is judged with the rest.
  const rest: Plan[] = [];
  for (const plan of appointments) {
    const afterDelete = plan.steps.findLastIndex(({ settlement }) => settlement.event.recordType === 'delete') + 1;
    if (afterDelete > 0)
      settlePlan(court, { state: plan.state, steps: plan.steps.slice(0, afterDelete) }, mpan, isLoading);
    if (afterDelete < plan.steps.length) rest.push({ state: plan.state, steps: plan.steps.slice(afterDelete) });
  }
  const shortenings = rest.filter(isShortening);
  if (point !== undefined) settlePlan(court, point, afterShortenings(mpan, shortenings), isLoading);
  for (const plan of shortenings.sort(byLastStep)) settlePlan(court, plan, mpan, isLoading);
  for (const plan of rest.filter((one) => !shortenings.includes(one)).sort(byLastStep)) {
    settlePlan(court, plan, mpan, isLoading);
  }
}

/** The events of one asset in one unit; nothing else is looked at. */
export function decideAsset(court: UnitCourt, state: KeyState, events: readonly LaneEvent[], isLoading: boolean): void {
  const plan: Plan = { state, steps: [] };
  for (const event of events) addStep(court, plan, event);
  settlePlan(court, plan, emptyView(), isLoading);
}

export interface OpenableView extends StoreView {
  lastEventOpen: boolean;
}

/** A store that holds nothing: what stages before the store need. */
export function emptyView(): OpenableView {
  return { appointments: [], lastEventOpen: false, point: null, pointOn: () => null };
}

function stateOf(mpan: MpanState, { event, topic }: LaneEvent): KeyState {
  return topic.endsWith('.metering-point') ? mpan.meteringPoint : mpan.appointment(String(event['appointment_id']));
}

function plansOf(court: UnitCourt, mpan: MpanState, events: readonly LaneEvent[]): readonly Plan[] {
  const plans = new Map<KeyState, Plan>();
  for (const event of events) {
    const state = stateOf(mpan, event);
    let plan = plans.get(state);
    if (plan === undefined) {
      plan = { state, steps: [] };
      plans.set(state, plan);
    }
    addStep(court, plan, event);
  }
  return [...plans.values()].filter(({ steps }) => steps.length > 0);
}

function addStep(court: UnitCourt, plan: Plan, laneEvent: LaneEvent): void {
  const step = received(court, plan.state, laneEvent, plan.steps.at(-1) ?? null);
  if (step === null) return;
  // A delete runs the rules of store and flows only; a lone event is judged once, as a whole.
  if (step.settlement.event.recordType === 'delete') plan.steps.push(step);
  else {
    const verdict = court.judge(plan.state, step.settlement, step.previous, emptyView());
    const failsAlone = verdict.stage === 'form' || verdict.stage === 'reference' || verdict.stage === 'record';
    plan.steps.push(failsAlone || verdict.kind === 'not-ours' ? { ...step, failed: verdict } : step);
  }
}

/** The event as a step, or null (and counted) when it changes nothing. */
function received(court: UnitCourt, state: KeyState, laneEvent: LaneEvent, before: Step | null): Step | null {
  const { event, topic } = laneEvent;
  const { generation, lsn, ordinal } = event.source;
  const previous = before === null ? state.previous() : contentOf(before);
  const items = itemsOf(event, previous);
  const settlement: Settlement = { generation, lsn, ordinal, topic, event, items };
  const isKnown =
    (before === null && state.covers(settlement, event)) ||
    (event.recordType === 'delete' ? isGoneAnyway(state, before) : isRepetition(state, before, settlement, previous));
  if (!isKnown) return { settlement, previous, failed: null };
  court.effects.count(topic, 'unchanged', 1);
  return null;
}

function contentOf({ settlement }: Step): Items | null {
  return settlement.event.recordType === 'delete' ? null : settlement.items;
}

/** A snapshot of chosen keys deletes what is gone; that an unknown appointment is deleted is for the rule book. */
function isGoneAnyway(state: KeyState, before: Step | null): boolean {
  return state.table.entity !== 'appointment' && before === null && state.accepted === null && state.last === null;
}

/** The same content again: of what is accepted, or read again by a snapshot (P11). */
function isRepetition(state: KeyState, before: Step | null, settlement: Settlement, previous: Items | null): boolean {
  const { event, items } = settlement;
  if (previous === null || !sameItems(state.table, previous, items)) return false;
  const last = before === null ? (state.last?.event ?? null) : before.settlement.event;
  const isOpen = before === null ? state.last !== null : before.failed !== null;
  if (!isOpen) return !hasInvalid(event) && (last === null || !hasInvalid(last));
  return event.recordType === 'read' && last !== null && JSON.stringify(last.invalid) === JSON.stringify(event.invalid);
}

function isShortening({ state, steps }: Plan): boolean {
  const items = lastGood(steps)?.settlement.items;
  const accepted = state.accepted?.items;
  if (items === undefined || accepted === undefined) return false;
  const from = items['metering_service_efd'];
  const to = items['metering_service_etd'] ?? Number.POSITIVE_INFINITY;
  const oldFrom = accepted['metering_service_efd'];
  const oldTo = accepted['metering_service_etd'] ?? Number.POSITIVE_INFINITY;
  if (typeof from !== 'number' || typeof oldFrom !== 'number') return false;
  return from >= oldFrom && Number(to) <= Number(oldTo);
}

function lastGood(steps: readonly Step[]): Step | undefined {
  return steps.findLast(({ failed }) => failed === null);
}

function byLastStep(a: Plan, b: Plan): number {
  return (a.steps.at(-1)?.settlement.ordinal ?? 0) - (b.steps.at(-1)?.settlement.ordinal ?? 0);
}

/** The MPAN as the rules about its metering point see it: with the periods as this transaction shortens them. */
function afterShortenings(mpan: MpanState, shortenings: readonly Plan[]): OpenableView {
  if (shortenings.length === 0) return mpan;
  const shortened = new Map<number, AcceptedAppointment>();
  for (const { steps } of shortenings) {
    const items = lastGood(steps)?.settlement.items as unknown as AppointmentItems;
    shortened.set(items.appointment_id, { appointmentId: items.appointment_id, items });
  }
  return {
    appointments: mpan.appointments.map((accepted) => shortened.get(accepted.appointmentId) ?? accepted),
    lastEventOpen: false,
    point: mpan.point,
    pointOn: (day) => mpan.pointOn(day),
  };
}

/**
 * The last event that passes is what the transaction says of the key; those before it were never visible and go to
 * history unasked. When it fails against the store, the one before it is asked in turn.
 */
function settlePlan(court: UnitCourt, { state, steps }: Plan, view: OpenableView, isLoading: boolean): void {
  const verdicts = steps.map(({ failed }) => failed);
  let final = steps.length - 1;
  for (; final >= 0; final -= 1) {
    const step = steps[final];
    if (step === undefined || step.failed !== null) continue;
    const before = steps[final - 1];
    // Within one transaction a delete may end what was received just before it, accepted or not.
    view.lastEventOpen = before === undefined ? state.last !== null : true;
    const verdict = court.judge(state, step.settlement, step.previous, view);
    verdicts[final] = verdict;
    if (verdict.kind === 'accept') break;
  }
  for (const [index, step] of steps.entries()) settle(court, state, step, verdicts[index] ?? null, isLoading);
}

/** Without a verdict: it was never visible, and goes to history unasked. */
function settle(court: UnitCourt, state: KeyState, step: Step, verdict: Verdict | null, isLoading: boolean): void {
  if (verdict === null || verdict.kind === 'accept') {
    accept(court, state, step.settlement, null);
    if (verdict !== null) court.effects.warn(verdict.warnings);
  } else if (verdict.kind === 'not-ours') passBy(court, state, step.settlement, null);
  else refuse(court, state, step.settlement, verdict, isLoading);
}
