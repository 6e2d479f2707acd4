import { entityTables } from '../connectors/metering/entities.ts';
import type { ReconcileSettings } from '../reconcile/settings.ts';
import { tableSchemas, mirrorsOf } from './mirrors.ts';
import type { CommonOptions } from './options.ts';
import { UsageError } from './output.ts';
import { programVersion, type Settings } from './settings.ts';

export interface ReconcileOptions extends CommonOptions {
  readonly table?: string;
  readonly csv?: string;
  readonly html?: string;
  readonly every?: string;
  readonly limit: string;
  readonly workers: string;
  readonly patience: string;
  readonly reveal?: boolean;
  readonly since?: boolean;
  readonly repair?: boolean;
  readonly yes?: boolean;
}

export async function wantedOf(settings: Settings, options: ReconcileOptions): Promise<ReconcileSettings> {
  const { registration, metering, kafka } = settings;
  const { services, roles } = metering.rules;
  return {
    source: registration.name,
    registration: registration.database,
    metering: metering.database,
    mapping: { tables: registration.tables },
    lanes: kafka.partitions,
    played: [...services.MSS, ...services.MSA, ...services.UMSO],
    meteringService: roles.meteringService,
    only: tableOf(settings, options.table),
    mirrors: await tableSchemas(settings),
    workers: wholeNumber('--workers', options.workers, 1, 32),
    listedMax: wholeNumber('--limit', options.limit, 0, 100_000),
    patienceMs: wholeNumber('--patience', options.patience, 1, 86_400) * 1_000,
    version: programVersion(),
    since: options.since === true,
  };
}

/** What does not go together is told before anything is read. */
export function checkTogether({ repair, yes, every }: ReconcileOptions): void {
  if (yes === true && repair !== true) throw new UsageError('--yes goes with --repair.');
  if (repair === true && every !== undefined) {
    throw new UsageError('--repair is done once, by somebody who has seen the plan: it does not go with --every.');
  }
}

function tableOf(settings: Settings, name: string | undefined): string | null {
  if (name === undefined) return null;
  const names = [...Object.keys(entityTables), ...mirrorsOf(settings).map(({ schema, table }) => `${schema}.${table}`)];
  if (names.includes(name)) return name;
  throw new UsageError(`There is no table ${name}: choose one of ${names.join(', ')}.`);
}

export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${option} is ${text}: write a whole number from ${min} to ${max}.`);
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function durationMs(text: string): number {
  const match = /^(\d+)([smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isFinite(ms) && ms > 0) return ms;
  throw new UsageError(`--every is ${text}: write a number and s, m, h or d, such as 10m.`);
}
