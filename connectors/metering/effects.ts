import type { DecodedEvent } from '../../avro/envelope.ts';
import type { Position } from '../../avro/position.ts';
import type { Outcome, OutcomeDelta } from '../sink/contract.ts';
import type { KeyState } from './key-state.ts';
import type { BrokenRule } from './rules/contract.ts';
import type { Decision, HeldEvent, OpenRejection, PastVersion } from './versions.ts';

/** A row for the outbox of Flow 3. */
export interface Rejection extends Position {
  readonly id: string;
  readonly mpanCore: string | null;
  readonly recordType: 'error' | 'rejection';
  readonly flow: 1 | 2;
  readonly entity: string;
  readonly entityKey: string;
  readonly source: string;
  readonly revision: number;
  readonly codes: readonly string[];
  readonly broken: readonly BrokenRule[];
  readonly referenceVersion: number | null;
  readonly receiver: string | null;
  /** Epoch microseconds. */
  readonly raisedAt: number;
  readonly topic: string;
  readonly laneKey: string;
  /** Kept where newer reference data may overturn the rejection. */
  readonly event: DecodedEvent | null;
}

/** The end of an open rejection: by a later good event, or withdrawn because of newer reference data. */
export interface Resolution {
  readonly id: string;
  readonly status: 'resolved' | 'withdrawn';
  /** Position of the event that ended it. */
  readonly generation: number;
  readonly lsn: number;
  /** Epoch microseconds. */
  readonly at: number;
}

export interface HeldRow {
  readonly state: KeyState;
  readonly held: HeldEvent;
}

/** Everything that deciding one batch asks of the store, besides the keys that it touched. */
export class Effects {
  readonly past: PastVersion[] = [];
  readonly rejections: Rejection[] = [];
  readonly resolutions: Resolution[] = [];
  readonly heldAdded = new Map<string, HeldRow>();
  readonly heldRemoved: string[] = [];
  readonly warnings = new Map<string, number>();
  private readonly counts = new Map<string, Map<Outcome, number>>();

  count(topic: string, outcome: Outcome, delta: number): void {
    let ofTopic = this.counts.get(topic);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      this.counts.set(topic, ofTopic);
    }
    ofTopic.set(outcome, (ofTopic.get(outcome) ?? 0) + delta);
  }

  warn(warnings: readonly BrokenRule[]): void {
    for (const { code } of warnings) this.warnings.set(code, (this.warnings.get(code) ?? 0) + 1);
  }

  hold(state: KeyState, held: HeldEvent): void {
    state.held = [...state.held, held];
    state.troubleTouched = true;
    this.heldAdded.set(held.id, { state, held });
  }

  release(state: KeyState, held: HeldEvent): void {
    state.held = state.held.filter(({ id }) => id !== held.id);
    state.troubleTouched = true;
    if (!this.heldAdded.delete(held.id)) this.heldRemoved.push(held.id);
  }

  /** Newer reference data has overturned it. */
  withdraw(state: KeyState, { id, topic }: OpenRejection, { position, sourceTime }: Decision): void {
    const { generation, lsn } = position;
    this.resolutions.push({ id, status: 'withdrawn', generation, lsn, at: sourceTime });
    state.rejections = state.rejections.filter((one) => one.id !== id);
    state.troubleTouched = true;
    this.count(topic, 'rejected', -1);
  }

  outcomes(): OutcomeDelta[] {
    const deltas: OutcomeDelta[] = [];
    for (const [topic, ofTopic] of this.counts) {
      for (const [outcome, delta] of ofTopic) if (delta !== 0) deltas.push({ topic, outcome, delta });
    }
    return deltas;
  }
}
