import type { Position } from '../../avro/position.ts';

/** What became of an event or a row, as far as anybody knows. */
export type Verdict =
  | 'delivered'
  | 'rejected'
  | 'held'
  | 'dead-lettered'
  | 'not yet'
  /** The receiver has been past it and holds nothing of it: somebody has changed the store. */
  | 'no trace'
  /** Neither an event nor a row is there. */
  | 'unknown';

/** A receipt that covers the event, as its sender received it. */
export interface Acknowledgement {
  readonly receiver: string;
  readonly throughLsn: number;
  readonly at: string;
}

export interface Reason {
  readonly code: string;
  readonly text: string | null;
}

export interface Answer {
  readonly verdict: Verdict;
  /** More exactly, where it is known: applied, unchanged or superseded, not ours … */
  readonly outcome: string | null;
  readonly source: string;
  readonly entity: string;
  readonly key: string;
  /** The partition of every topic that the key belongs to; reference data is written by lane 0. */
  readonly lane: number | null;
  readonly place: { readonly topic: string; readonly partition: number; readonly offset: number } | null;
  readonly recordType: string | null;
  readonly position: Position | null;
  readonly committedAt: string | null;
  readonly why: readonly Reason[];
  /** When a hold ends. */
  readonly due: string | null;
  readonly acknowledged: Acknowledgement | null;
  /** What could not be asked. */
  readonly note: string | null;
}

/** What the receiver of a source keeps of one event. */
export interface ReceiverFacts {
  readonly held: { readonly why: readonly Reason[]; readonly due: string | null } | null;
  readonly rejection: { readonly why: readonly Reason[]; readonly status: string } | null;
  /** The event is a version, current or superseded. */
  readonly isVersion: boolean;
  /** The event ended a version. */
  readonly endsVersion: boolean;
  readonly letter: Reason | null;
  /** An appointment of another metering service. */
  readonly isNotOurs: boolean;
  /** The receiver has an outcome of everything up to it. */
  readonly isPast: boolean;
}

type Outcome = Pick<Answer, 'verdict' | 'outcome' | 'why' | 'due'>;

const plain = { why: [], due: null };

/** The outcome by what the receiver keeps. Pure. `always`: of this topic every event that was taken is applied. */
export function outcomeByReceiver(facts: ReceiverFacts, isAlwaysApplied: boolean): Outcome {
  const { held, rejection, letter } = facts;
  if (held !== null) return { verdict: 'held', outcome: 'held', why: held.why, due: held.due };
  if (facts.isVersion) return { verdict: 'delivered', outcome: 'applied', ...plain };
  if (rejection !== null) {
    const outcome = rejection.status === 'open' ? 'rejected' : `rejected, ${rejection.status} since`;
    return { verdict: 'rejected', outcome, why: rejection.why, due: null };
  }
  if (letter !== null) return { verdict: 'dead-lettered', outcome: 'dead-lettered', why: [letter], due: null };
  if (!facts.isPast) return { verdict: 'not yet', outcome: null, ...plain };
  if (facts.isNotOurs) return { verdict: 'delivered', outcome: 'not ours', ...plain };
  const isApplied = facts.endsVersion || isAlwaysApplied;
  return { verdict: 'delivered', outcome: isApplied ? 'applied' : 'unchanged or superseded', ...plain };
}

/** The outcome by what the sender was told, where the receiver can not be asked. Pure. */
export function outcomeBySender(rejection: ReceiverFacts['rejection'], acknowledged: Acknowledgement | null): Outcome {
  if (rejection !== null) return outcomeByReceiver({ ...nothingKnown, rejection }, false);
  return { verdict: acknowledged === null ? 'not yet' : 'delivered', outcome: null, ...plain };
}

export const nothingKnown: ReceiverFacts = {
  held: null,
  rejection: null,
  isVersion: false,
  endsVersion: false,
  letter: null,
  isNotOurs: false,
  isPast: false,
};
