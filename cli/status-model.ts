import type { Balance } from './balance.ts';
import type { SideStatus } from './sides/status-document.ts';

/** What `concord status --json` prints. */
export interface Problem {
  readonly code: string;
  readonly text: string;
  readonly remedy: string;
}

/** One topic: how far its source has published it and how far the other side has applied it. */
export interface TopicStatus {
  readonly source: string;
  readonly topic: string;
  readonly captured: number;
  /** Of the source and of the slowest lane, as PostgreSQL prints LSNs. */
  readonly position: string | null;
  readonly applied: string | null;
  readonly lagEvents: number;
  readonly lagSeconds: number | null;
}

/** When both sides were last found in agreement, and what the last run could not explain. */
export interface Proof {
  readonly lastPassAt: string | null;
  readonly unexplained: number | null;
  /** Runs that could not compare, since the last that could. */
  readonly failedInARow: number;
}

export interface Status {
  readonly pids: Readonly<Record<string, number>>;
  readonly problems: readonly Problem[];
  readonly topics: readonly TopicStatus[];
  readonly balance: Balance | null;
  readonly held: number | null;
  /** Rule → events that wait for it; an event may wait for several. */
  readonly heldFor: Readonly<Record<string, number>> | null;
  readonly rejections: Readonly<Record<string, number>> | null;
  /** Table → LSN through which a reconcile has proved both sides equal. Empty: none has run. */
  readonly verifiedThrough: Readonly<Record<string, string>>;
  /** Of the last runs of reconcile; null when the store can not be asked. */
  readonly proof: Proof | null;
  /** Table → from when on its history is whole, where retention has removed some. Null: the store can not be asked. */
  readonly historyKeptFrom: Readonly<Record<string, string>> | null;
  readonly sides: Readonly<Record<string, SideStatus | null>>;
}
