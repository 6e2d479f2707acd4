import type { Logger } from 'pino';
import type { SinkReport } from '../../connectors/sink/report.ts';
import type { SourceReport } from '../../connectors/source/report.ts';
import { keepRunning, type LegState, newLegState } from '../../runtime/keep-running.ts';
import { Watchdog } from '../../runtime/watchdog.ts';
import type { Pausing } from './pausing.ts';
import type { Judgement } from './judgement-metrics.ts';

export type SideName = 'registration' | 'metering';

/** One direction of a side: what is run, and started again when it fails. */
export interface Leg {
  readonly name: 'source' | 'sink';
  run(signal: AbortSignal): Promise<void>;
  /** What goes on beside it for as long as the process runs, whether the leg runs or waits. */
  readonly beside?: (signal: AbortSignal) => Promise<void>;
}

/** A process: a source and a sink, with what they report. */
export interface Side {
  readonly name: SideName;
  readonly legs: readonly Leg[];
  readonly states: Readonly<Record<Leg['name'], LegState>>;
  readonly source: SourceReport;
  readonly sink: SinkReport;
  readonly pausing: Pick<Pausing, 'since' | 'run' | 'watch'>;
  /** The side's own name as a source, and that of the source it reads. */
  readonly sourceName: string;
  readonly readsFrom: string;
}

/** A side with what its process must close in the end. */
export interface OpenSide {
  readonly side: Side;
  /** What the rule book made of the events; null on the side that judges nothing. */
  readonly judgement: Judgement | null;
  close(): Promise<void>;
}

export function newLegStates(): Side['states'] {
  return { source: newLegState(), sink: newLegState() };
}

/** What a side's legs are watched by. */
export interface SideWatch {
  /** For how long a leg has stood still although there was something to do. */
  silentMs(leg: Leg['name']): number;
  /** A leg that has moved nothing for so long is torn down and begun anew. */
  readonly rebuildAfterMs: number;
  /** A leg could not even be torn down. */
  stuck(leg: string): void;
}

/** Runs both legs until the signal aborts. A bug in one (an error that is no fault) ends both, and is thrown. */
export async function runSide(side: Side, watch: SideWatch, log: Logger, signal: AbortSignal): Promise<void> {
  const bug = new AbortController();
  const stop = AbortSignal.any([signal, bug.signal]);
  const runs = side.legs.map(async (leg) => {
    const name = `${side.name} ${leg.name}`;
    const watchdog = new Watchdog({
      name,
      silentMs: () => watch.silentMs(leg.name),
      limitMs: watch.rebuildAfterMs,
      stuck: () => watch.stuck(name),
    });
    const beside = leg.beside?.(stop).catch((error: unknown) => {
      bug.abort();
      throw error;
    });
    try {
      await keepRunning(
        name,
        (legSignal) =>
          side.pausing.run(
            (unpaused) => watchdog.run((workSignal) => leg.run(workSignal), unpaused),
            side.states[leg.name],
            legSignal,
          ),
        side.states[leg.name],
        log,
        stop,
      );
      await beside;
    } catch (error) {
      bug.abort();
      throw error;
    }
  });
  const results = await Promise.allSettled([...runs, side.pausing.watch(stop)]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
