import { comparePositions } from '../../avro/position.ts';
import type { LaneReport } from '../../connectors/sink/report.ts';
import type { Leg, Side } from './side.ts';

/** A transaction of millions of rows is staged without its lane's position moving. */
const stagingMaxMs = 15 * 60_000;

interface Movement {
  readonly seen: string;
  readonly at: number;
}

/**
 * The end-to-end probe. The other database's heartbeat row must come through its slot, its topic and our lanes: so each
 * lane's position must move, and our own source must commit, at the heartbeat's pace. Every process may say "running":
 * only what has moved counts.
 */
export class Liveness {
  readonly #side: Side;
  readonly #silenceMaxMs: number;
  readonly #now: () => number;
  readonly #movements = new Map<string, Movement>();

  /** Nothing having moved for `silenceMaxMs` is red. `now`: milliseconds. */
  constructor(side: Side, silenceMaxMs: number, now: () => number) {
    this.#side = side;
    this.#silenceMaxMs = silenceMaxMs;
    this.#now = now;
    this.problems();
  }

  /** For how long a leg has stood still although there was something to do, since it was last begun. */
  silentMs(leg: Leg['name']): number {
    const { restarts, pauses } = this.#side.states[leg];
    const run = `${restarts}/${pauses}`;
    if (leg === 'source') return this.#silence('source run', `${run}/${this.#side.source.kafkaTransactions}`);
    const { lanes, newestPosition } = this.#side.sink;
    const laneless = this.#silence('sink run', `${run}/${lanes.size}`);
    if (lanes.size === 0) return laneless;
    return Math.max(
      ...[...lanes].map(([lane, report]) => {
        // A lane that has all there is waits for the other side, which is no fault of ours.
        const idle = comparePositions(report.position, newestPosition) >= 0;
        const seen = idle ? `${run}/idle/${this.#now()}` : `${run}/${standOf(report)}`;
        const silentMs = this.#silence(`lane ${lane} run`, seen);
        return report.state === 'staging' ? Math.max(0, silentMs - stagingMaxMs) : silentMs;
      }),
    );
  }

  /** Looks at what has moved since the last call; empty when all is well, else a sentence for each thing that has not. */
  problems(): readonly string[] {
    const problems: string[] = [];
    for (const [leg, state] of Object.entries(this.#side.states)) {
      if (state.problem !== null) problems.push(`${leg}: ${state.problem.text}`);
      else if (state.state !== 'running') problems.push(`${leg} is ${state.state}`);
    }
    const { source, sink } = this.#side;
    const sourceMs = this.#silence('source', String(source.kafkaTransactions));
    if (sourceMs > this.#silenceMaxMs) {
      problems.push(`the source has committed nothing for ${seconds(sourceMs)}, not even a heartbeat`);
    }
    const lanelessMs = this.#silence('sink', String(sink.lanes.size));
    if (sink.lanes.size === 0 && lanelessMs > this.#silenceMaxMs) problems.push('the sink has no lane');
    for (const [lane, report] of sink.lanes) {
      const silentMs = this.#silence(`lane ${lane}`, standOf(report));
      if (silentMs > (report.state === 'staging' ? stagingMaxMs : this.#silenceMaxMs)) {
        problems.push(`lane ${lane} has not moved for ${seconds(silentMs)}, not even for a heartbeat`);
      }
    }
    return problems;
  }

  #silence(what: string, seen: string): number {
    const now = this.#now();
    const known = this.#movements.get(what);
    if (known?.seen === seen) return now - known.at;
    this.#movements.set(what, { seen, at: now });
    return 0;
  }
}

function standOf({ position, state }: LaneReport): string {
  return `${position.generation}/${position.lsn}/${position.ordinal}/${state}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
