import { comparePositions, type Position } from '../../avro/position.ts';
import type { LaneEvent, Unit } from '../sink/contract.ts';
import { BatchState } from './batch-state.ts';
import { type DecideRules, Decider, isLoadingAt } from './decide.ts';
import type { Effects } from './effects.ts';
import { appointmentTable, tableOfTopic } from './entities.ts';
import { dependOnReference } from './held-lane.ts';
import type { KeyState } from './key-state.ts';
import { ReferenceData } from './rules/reference-data.ts';
import { loadingCode } from './settle.ts';
import type { Decision } from './versions.ts';

/**
 * What the metering store would decide of some keys, with no store: everything is in memory, from their first event on. It
 * judges as `MeteringLane` does, with the same passes at the same places; nothing is written anywhere.
 */
export class MemoryLane {
  private readonly source: string;
  private readonly loadCompleteAt: Position | null;
  private readonly reference = new ReferenceData();
  private readonly state = new BatchState(new Map(), new Map());
  /** The first deadline of a hold, epoch microseconds; it may have ended otherwise by now. */
  private deadline = Number.POSITIVE_INFINITY;
  private waitsForLoad = false;
  private waitsForReference = false;

  constructor(source: string, loadCompleteAt: Position | null) {
    this.source = source;
    this.loadCompleteAt = loadCompleteAt;
  }

  /** Judges a unit, with its events of reference topics first; answers with what follows from it, passes included. */
  unit(unit: Unit, rules: DecideRules): readonly Effects[] {
    const first = unit.events[0]?.event.source;
    if (first === undefined) return [];
    const begin = { generation: unit.generation, lsn: unit.lsn, ordinal: first.ordinal };
    const isLoading = isLoadingAt(this.loadCompleteAt, begin);
    const found = this.passesBefore(first.sourceTime, isLoading, rules);
    const judged: LaneEvent[] = [];
    let reference: LaneEvent | null = null;
    const truncatedAt = this.truncate(unit.events);
    for (const one of unit.events) {
      if (one.event.recordType === 'truncate' || one.event.source.ordinal <= (truncatedAt.get(one.topic) ?? -1))
        continue;
      const table = tableOfTopic(one.topic, this.source);
      if (table?.laneKey === null) {
        reference = one;
        const { entity } = table;
        if (entity === 'participant' || entity === 'distributor_gsp_group')
          this.reference.applyEvent(entity, one.event);
      } else judged.push(one);
    }
    if (judged.length > 0)
      found.push(this.decide(rules, (decider) => decider.unit({ ...unit, events: judged }, isLoading)));
    if (reference !== null && this.waitsForReference) {
      const decision: Decision = { position: reference.event.source, sourceTime: reference.event.source.sourceTime };
      found.push(this.decide(rules, (decider) => decider.referenceChanged(decision)));
    }
    return found;
  }

  /** What the source has emptied is gone, with what was open about it; what came before it in the transaction was never visible. */
  private truncate(events: readonly LaneEvent[]): ReadonlyMap<string, number> {
    const truncatedAt = new Map<string, number>();
    for (const { topic, event } of events) {
      if (event.recordType !== 'truncate' || truncatedAt.has(topic)) continue;
      truncatedAt.set(topic, event.source.ordinal);
      for (const state of this.state.touched()) {
        if (topicOf(state, this.source) !== topic) continue;
        if (state.accepted !== null) state.replace(null, event.source, []);
        state.last = null;
        state.rejections = [];
        state.held = [];
      }
    }
    return truncatedAt;
  }

  /** What time asks for when nothing more comes. */
  end(sourceTime: number, rules: DecideRules): readonly Effects[] {
    return this.passesBefore(sourceTime, this.loadCompleteAt === null, rules);
  }

  private passesBefore(sourceTime: number, isLoading: boolean, rules: DecideRules): Effects[] {
    const found: Effects[] = [];
    const { loadCompleteAt } = this;
    if (!isLoading && this.waitsForLoad && loadCompleteAt !== null) {
      this.waitsForLoad = false;
      found.push(
        this.decide(rules, (decider) =>
          decider.release([loadingCode], (held) => ({
            position: comparePositions(held, loadCompleteAt) < 0 ? loadCompleteAt : held,
            sourceTime: held.event.source.sourceTime,
          })),
        ),
      );
    }
    if (this.deadline < sourceTime) {
      this.deadline = Number.POSITIVE_INFINITY;
      for (const state of this.state.troubled()) {
        for (const { due } of state.held)
          if (due !== null && due >= sourceTime) this.deadline = Math.min(this.deadline, due);
      }
      found.push(this.decide(rules, (decider) => decider.expire(sourceTime)));
    }
    return found;
  }

  private decide(rules: DecideRules, act: (decider: Decider) => void): Effects {
    const decider = new Decider(this.state, rules, this.reference);
    act(decider);
    const { effects } = decider;
    for (const { held } of effects.heldAdded.values()) {
      if (held.due === null) this.waitsForLoad = true;
      else this.deadline = Math.min(this.deadline, held.due);
    }
    if (dependOnReference(effects)) this.waitsForReference = true;
    return effects;
  }
}

/** Where the events of a key are: of an appointment by its kind of service, of which what nobody knows goes to the smart topic. */
function topicOf({ table, accepted, last }: KeyState, source: string): string {
  if (last !== null) return last.topic;
  const name = table.entity.replace('_', '-');
  if (table !== appointmentTable) return `${source}.${name}`;
  const service = String(accepted?.items['service_type'] ?? '').toLowerCase();
  return `${source}.${name}.${service === 'msa' || service === 'umso' ? service : 'mss'}`;
}
