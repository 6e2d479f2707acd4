import type { ReconcileSettings } from '../reconcile/settings.ts';
import type { ReconcileReport } from '../reconcile/report.ts';
import { explanationOf } from '../runtime/codes.ts';
import { monotonicMs, pause } from '../runtime/clock.ts';
import { exit, print } from './output.ts';
import { beginning, type FailedRun, failedRun, keepFailed, type KeptRun } from './reconcile-run.ts';
import { pauseAfter } from './reconcile-schedule.ts';

/** What a loop does in each round. */
export interface Round {
  /** One comparison, which is kept when it could say something. */
  readonly compare: () => Promise<KeptRun>;
  /** Shows and writes what was asked for, after the loop's own line about it. */
  readonly show: (run: KeptRun) => Promise<ReconcileReport>;
}

/** Failed runs that wait for the store: of more, the oldest are given up, and the next that is kept tells of them. */
const waitingMax = 1_000;

/**
 * Runs again and again until it is stopped. No fault ends it: a run that failed is told, kept, and followed by another,
 * with growing pauses up to the interval. One run at a time, however long it takes.
 */
export class ReconcileLoop {
  readonly #wanted: ReconcileSettings;
  readonly #everyMs: number;
  readonly #asJson: boolean;
  readonly #signal: AbortSignal;
  /** Failed runs that could not be kept, because it was the store that was away. */
  readonly #waiting: FailedRun[] = [];
  #failuresInARow = 0;

  constructor(wanted: ReconcileSettings, everyMs: number, asJson: boolean, signal: AbortSignal) {
    this.#wanted = wanted;
    this.#everyMs = everyMs;
    this.#asJson = asJson;
    this.#signal = signal;
  }

  /** Answers with the exit code of the last run that came to its end. */
  async run(round: Round): Promise<number> {
    let code: number = exit.done;
    while (!this.#signal.aborted) {
      const startedAtMs = monotonicMs();
      const begin = beginning();
      try {
        await this.#keepWaiting();
        code = await this.#tell(await round.compare(), round);
        this.#failuresInARow = 0;
      } catch (error) {
        if (this.#signal.aborted) break;
        code = exit.fault;
        this.#failuresInARow += 1;
        await this.#fail(failedRun(begin, error));
      }
      const last = { startedAtMs, endedAtMs: monotonicMs(), failuresInARow: this.#failuresInARow };
      const pauseMs = pauseAfter(last, this.#everyMs);
      if (last.endedAtMs - startedAtMs > this.#everyMs && this.#failuresInARow === 0) this.#tellOverrun(last, pauseMs);
      await pause(pauseMs, this.#signal);
    }
    return code;
  }

  async #tell(run: KeptRun, { show }: Round): Promise<number> {
    const { report } = run.proof;
    if (!this.#asJson) print(lineOf(run));
    const shown = await show(run);
    if (this.#asJson) print(JSON.stringify({ run: run.runId, ...shown }));
    return report.verdict === 'agree' && report.closes ? exit.done : exit.found;
  }

  async #fail(failed: FailedRun): Promise<void> {
    this.#waiting.push(failed);
    if (this.#waiting.length > waitingMax) this.#waiting.shift();
    const isKept = await this.#keepWaiting().then(
      () => true,
      () => false,
    );
    const { at, code, text, seconds } = failed;
    const nextInMs = pauseAfter({ startedAtMs: 0, endedAtMs: 0, failuresInARow: this.#failuresInARow }, this.#everyMs);
    if (this.#asJson) {
      print(JSON.stringify({ verdict: 'failed', at: at.toISOString(), code, text, seconds, kept: isKept, nextInMs }));
    }
    const lines = [
      `${timeOf(at.toISOString())}  FAILED after ${seconds.toFixed(1)} s, ${this.#failuresInARow === 1 ? 'once' : `${this.#failuresInARow} times`} in a row. ${code}: ${text}`,
      `  What to do: ${explanationOf(code)?.remedy ?? `See \`concord explain ${code}\`.`}`,
      `  ${isKept ? 'It is kept in the history.' : 'The store can not be reached: it is put into the history when it can.'} The next run begins in ${Math.ceil(nextInMs / 1000)} s.`,
    ];
    process.stderr.write(`${lines.join('\n')}\n`);
  }

  /** In the order in which they failed, and before what comes after them. */
  async #keepWaiting(): Promise<void> {
    for (let failed = this.#waiting[0]; failed !== undefined; failed = this.#waiting[0]) {
      await keepFailed(this.#wanted, failed);
      this.#waiting.shift();
    }
  }

  #tellOverrun({ startedAtMs, endedAtMs }: { startedAtMs: number; endedAtMs: number }, pauseMs: number): void {
    const seconds = (ms: number): string => (ms / 1000).toFixed(0);
    process.stderr.write(
      `The run took ${seconds(endedAtMs - startedAtMs)} s, longer than the ${seconds(this.#everyMs)} s of --every: the next begins in ${seconds(pauseMs)} s, and what it has overrun is left out.\n`,
    );
  }
}

/** One line of the loop: what a person who comes by wants to see of a run, one below the other. */
function lineOf({ runId, proof }: KeptRun): string {
  const { report } = proof;
  const sum = (of: (table: ReconcileReport['tables'][number]) => number): string =>
    report.tables.reduce((total, table) => total + of(table), 0).toLocaleString('en-GB');
  const verdict = report.verdict === 'differ' ? 'DIFFER' : report.closes ? 'agree ' : 'OPEN  ';
  const explained = sum(({ explained: by }) => Object.values(by).reduce((total, rows) => total + rows, 0));
  return `${timeOf(report.point.at)}  run ${runId}  ${verdict}  ${sum(({ sourceRows }) => sourceRows)} rows: ${sum(({ agreeing }) => agreeing)} agreeing, ${explained} explained, ${sum(({ unexplained }) => unexplained)} unexplained  ${report.seconds.toFixed(1)} s  LSN ${report.point.lsn}`;
}

function timeOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}
