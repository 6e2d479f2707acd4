import type { LaneEvent } from '../sink/contract.ts';
import { BatchState } from './batch-state.ts';
import { Decider } from './decide.ts';
import type { KeyState } from './key-state.ts';
import { judge } from './rules/judge.ts';
import { defaultParameters } from './rules/parameters.ts';
import { ReferenceData } from './rules/reference-data.ts';
import { heldCodes } from './settle.ts';
import { referenceEvents, unit } from './world.fixture.ts';

/** A store in memory, judged by the real rule book: given units, when a unit, then what is so. */
export class Case {
  readonly state = new BatchState(new Map(), new Map());
  readonly reference = new ReferenceData();
  readonly decider: Decider;
  private isLoading = false;

  constructor() {
    for (const { topic, event } of referenceEvents(1)) {
      this.reference.applyEvent(topic.endsWith('participant') ? 'participant' : 'distributor_gsp_group', event);
    }
    this.decider = new Decider(this.state, { judge, parameters: defaultParameters }, this.reference);
  }

  loading(isLoading: boolean): this {
    this.isLoading = isLoading;
    return this;
  }

  /** One source transaction. */
  transaction(...events: readonly LaneEvent[]): this {
    this.decider.unit(unit(events[0]?.event.source.lsn ?? 0, ...events), this.isLoading);
    return this;
  }

  /** A change of reference data, which is looked at as the lane does. */
  newerReference(event: LaneEvent): this {
    const { topic, event: decoded } = event;
    this.reference.applyEvent(topic.endsWith('participant') ? 'participant' : 'distributor_gsp_group', decoded);
    this.decider.referenceChanged({ position: decoded.source, sourceTime: decoded.source.sourceTime });
    return this;
  }

  /** `outcome` → number of events, over all topics. */
  outcomes(): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const { outcome, delta } of this.decider.effects.outcomes()) totals[outcome] = (totals[outcome] ?? 0) + delta;
    return Object.fromEntries(Object.entries(totals).filter(([, count]) => count !== 0));
  }

  /** The codes of all rejections raised so far. */
  rejected(): readonly string[] {
    return this.decider.effects.rejections.flatMap(({ codes }) => codes);
  }

  resolved(): number {
    return this.decider.effects.resolutions.filter(({ status }) => status === 'resolved').length;
  }

  /** LSNs of what withdrew rejections. */
  withdrawn(): readonly number[] {
    return this.decider.effects.resolutions.flatMap(({ status, lsn }) => (status === 'withdrawn' ? [lsn] : []));
  }

  held(state: KeyState): readonly (readonly string[])[] {
    return state.held.map(heldCodes);
  }

  point(mpan: string): KeyState {
    return this.state.mpan(mpan).meteringPoint;
  }

  appointment(mpan: string, id: number): KeyState {
    return this.state.mpan(mpan).appointment(String(id));
  }

  /** `lsn>lsn_to` of every version that this case ended. */
  past(): readonly string[] {
    return this.decider.effects.past.map(({ version, ending }) => `${version.lsn}>${ending.lsn}`);
  }
}
