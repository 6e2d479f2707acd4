import type { Watched } from './process-figures.ts';

export type RigName = 'concord' | 'peer';

/** One of the two that are compared: everything in which they differ is behind this. */
export interface Rig {
  readonly name: RigName;
  /** A source database with the workload, an empty store, empty topics, a slot; nothing of it runs. */
  prepare(round: string, rows: number): Promise<RigRound>;
  close(): Promise<void>;
}

export interface RigRound {
  readonly sourceUrl: string;
  readonly storeUrl: string;
  /** The store's table of metering points, as SQL. */
  readonly storeTable: string;
  /** The topic of metering points. */
  readonly topic: string;
  /** Its own processes, as they are now. */
  watched(): Watched;
  /** Both return when it is asked for; what it leads to is waited for outside. */
  startSource(): Promise<void>;
  startSink(): Promise<void>;
  /** Settings for a low latency from here on, where there are others. Everything is stopped. */
  preferLatency(): void;
  /** Throws if something of it has failed. */
  demandAlive(): void;
  /** Stops source and sink so that they can go on later. */
  stop(): Promise<void>;
  /** Stops and removes everything of the round. */
  remove(): Promise<void>;
}
