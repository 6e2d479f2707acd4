import type { RegistrationMapping } from '../connectors/registration/routes.ts';
import type { DatabaseSettings } from '../runtime/postgres.ts';
import type { ReadAppliedEvents } from './applied-events.ts';
import type { SourceProgress } from './evidence.ts';
import type { EventsBalance } from './report.ts';
import type { MirroredSchemas } from './tables.ts';

export interface ReconcileSettings {
  /** The registration source's name. */
  readonly source: string;
  readonly registration: DatabaseSettings;
  readonly metering: DatabaseSettings;
  readonly mapping: RegistrationMapping;
  readonly lanes: number;
  /** The MPIDs that this side plays, and the role that makes a participant a metering service. */
  readonly played: readonly string[];
  readonly meteringService: string;
  /** Null for every table. */
  readonly only: string | null;
  /** Tables that are mirrored besides. */
  readonly mirrors: MirroredSchemas;
  /** Sessions that read on each side. */
  readonly workers: number;
  readonly listedMax: number;
  readonly patienceMs: number;
  readonly version: string;
  /** Only what was written since the last run that passed, where there is one that can be a base. */
  readonly since: boolean;
}

export interface ReconcileDependencies {
  readonly progress: () => Promise<SourceProgress>;
  readonly events: () => Promise<EventsBalance>;
  readonly applied: ReadAppliedEvents;
  readonly tell: (text: string) => void;
  readonly signal?: AbortSignal;
}
