import type { LaneEvent, Outcome, OutcomeDelta } from './contract.ts';

/**
 * Holds that every event ends as exactly one of the outcomes (P16): the deltas of a batch must sum up, by topic, to the
 * events of the batch. Reference events come to every lane and truncates to every partition: lane 0 alone counts them.
 */
export class OutcomeTally {
  private readonly lane: number;
  private readonly referenceTopics: ReadonlySet<string>;
  private readonly expected = new Map<string, number>();
  private deltas: OutcomeDelta[] = [];

  constructor(lane: number, referenceTopics: readonly string[]) {
    this.lane = lane;
    this.referenceTopics = new Set(referenceTopics);
  }

  expect(events: readonly LaneEvent[]): void {
    for (const { topic, event } of events) {
      if (this.lane !== 0 && (event.recordType === 'truncate' || this.referenceTopics.has(topic))) continue;
      this.expected.set(topic, (this.expected.get(topic) ?? 0) + 1);
    }
  }

  /** A record that can not be read has its outcome without the domain. */
  deadLettered(topic: string): void {
    this.expected.set(topic, (this.expected.get(topic) ?? 0) + 1);
    this.add([{ topic, outcome: 'dead-lettered', delta: 1 }]);
  }

  /** What the domain says; of reference topics only where they are counted. */
  add(deltas: readonly OutcomeDelta[]): void {
    for (const delta of deltas) {
      if (this.lane === 0 || !this.referenceTopics.has(delta.topic)) this.deltas.push(delta);
    }
  }

  /** One delta for each topic and outcome. Throws when the equation does not close: a bug of the domain. */
  close(): readonly OutcomeDelta[] {
    const sums = new Map<string, Map<Outcome, number>>();
    for (const { topic, outcome, delta } of this.deltas) {
      let ofTopic = sums.get(topic);
      if (ofTopic === undefined) {
        ofTopic = new Map();
        sums.set(topic, ofTopic);
      }
      ofTopic.set(outcome, (ofTopic.get(outcome) ?? 0) + delta);
    }
    for (const topic of new Set([...this.expected.keys(), ...sums.keys()])) {
      const given = [...(sums.get(topic)?.values() ?? [])].reduce((sum, delta) => sum + delta, 0);
      const expected = this.expected.get(topic) ?? 0;
      if (given !== expected) {
        throw new Error(
          `lane ${this.lane}: ${expected} events of ${topic} were given outcomes that sum up to ${given}`,
        );
      }
    }
    return [...sums].flatMap(([topic, outcomes]) =>
      [...outcomes].flatMap(([outcome, delta]) => (delta === 0 ? [] : [{ topic, outcome, delta }])),
    );
  }
}
