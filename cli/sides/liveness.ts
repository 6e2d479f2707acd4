import type { LaneReport } from '../../connectors/sink/report.ts';
import type { Side } from './side.ts';

/** A heartbeat travels database → slot → topic → store. Nothing having moved for so long is red. */
const silenceMaxMs = 30_000;
/** A transaction of millions of rows is staged without its lane's position moving. */
const stagingMaxMs = 15 * 60_000;

/**
 * The end-to-end probe. The other database's heartbeat row must come through its slot, its topic and our lanes: so each
 * lane's position must move, and our own source must commit, at the heartbeat's pace. Every process may say "running":
 * only what has moved counts.
 */
export class Liveness {
  readonly #side: Side;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #lanes = new Map<number, { position: string; at: number }>();
  #commit: { transactions: number; at: number };

  constructor(side: Side, now: () => number) {
    this.#side = side;
    this.#now = now;
    this.#startedAt = now();
    this.#commit = { transactions: side.source.kafkaTransactions, at: this.#startedAt };
  }

  /** Looks at what has moved since the last call; empty when all is well, else a sentence for each thing that has not. */
  problems(): readonly string[] {
    const now = this.#now();
    const problems: string[] = [];
    for (const [leg, state] of Object.entries(this.#side.states)) {
      if (state.problem !== null) problems.push(`${leg}: ${state.problem.text}`);
      else if (state.state !== 'running') problems.push(`${leg} is ${state.state}`);
    }
    if (this.#side.source.kafkaTransactions !== this.#commit.transactions) {
      this.#commit = { transactions: this.#side.source.kafkaTransactions, at: now };
    }
    if (now - this.#commit.at > silenceMaxMs) {
      problems.push(`the source has committed nothing for ${seconds(now - this.#commit.at)}, not even a heartbeat`);
    }
    if (this.#side.sink.lanes.size === 0 && now - this.#startedAt > silenceMaxMs) problems.push('the sink has no lane');
    for (const [lane, report] of this.#side.sink.lanes) {
      const silentMs = this.#silence(lane, report, now);
      if (silentMs > (report.state === 'staging' ? stagingMaxMs : silenceMaxMs)) {
        problems.push(`lane ${lane} has not moved for ${seconds(silentMs)}, not even for a heartbeat`);
      }
    }
    return problems;
  }

  #silence(lane: number, report: LaneReport, now: number): number {
    const position = `${report.position.generation}/${report.position.lsn}/${report.position.ordinal}/${report.state}`;
    const known = this.#lanes.get(lane);
    if (known?.position === position) return now - known.at;
    this.#lanes.set(lane, { position, at: now });
    return 0;
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
