import type { Outcome, OutcomeDelta } from '../sink/contract.ts';
import type { Effects } from './effects.ts';

/** The outcomes of one batch, over all of its parts. */
export class OutcomeTotals {
  private readonly counts = new Map<string, { readonly topic: string; readonly outcome: Outcome; delta: number }>();

  add(effects: Effects): void {
    this.addAll(effects.outcomes());
  }

  addAll(deltas: readonly OutcomeDelta[]): void {
    for (const { topic, outcome, delta } of deltas) {
      const name = `${topic} ${outcome}`;
      const known = this.counts.get(name);
      if (known === undefined) this.counts.set(name, { topic, outcome, delta });
      else known.delta += delta;
    }
  }

  take(): readonly OutcomeDelta[] {
    const deltas = [...this.counts.values()].filter(({ delta }) => delta !== 0);
    this.counts.clear();
    return deltas;
  }
}
