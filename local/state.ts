import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../runtime/fault.ts';

/** What has a port of its own. The names are those of the processes, and of what some of them listen on besides. */
export const portNames = [
  'postgres-registration',
  'postgres-metering',
  'kafka',
  'kafka-controller',
  'registry',
  'registration',
  'metering',
] as const;
export type PortName = (typeof portNames)[number];

const stateSchema = z.object({
  /** Ports are kept from the first start on: clients outside have them in their configuration. */
  ports: z.partialRecord(z.enum(portNames), z.int()),
  password: z.string(),
  kafkaClusterId: z.string(),
  /** Where the databases are, if not in the data directory itself. */
  databasesDirectory: z.string().optional(),
  /** Metering points of the sample that the first start wished for. */
  samplePoints: z.int().optional(),
  /** The registration database has its tables and its sample. */
  populated: z.boolean(),
});

/** What a data directory remembers between starts: `state.json`. */
export type StackState = z.infer<typeof stateSchema>;

/** The state of the data directory, null if it is a new one. */
export function readState(dataDir: string): StackState | null {
  let text: string;
  try {
    text = readFileSync(stateFile(dataDir), 'utf8');
  } catch {
    return null;
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Fault('corrupt', 'STACK_STATE_UNREADABLE', `${stateFile(dataDir)} is not what Concord wrote.`, {}, cause);
  }
}

/** The state of the data directory; a new one gets its password and its cluster id now. */
export function openState(dataDir: string): StackState {
  const kept = readState(dataDir);
  if (kept !== null) return kept;
  const state: StackState = {
    ports: {},
    password: randomBytes(18).toString('base64url'),
    kafkaClusterId: randomBytes(16).toString('base64url'),
    populated: false,
  };
  writeState(dataDir, state);
  return state;
}

/** Replaces the state as a whole: a kill in the middle leaves the old one. */
export function writeState(dataDir: string, state: StackState): void {
  mkdirSync(dataDir, { recursive: true });
  const file = stateFile(dataDir);
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, file);
}

function stateFile(dataDir: string): string {
  return path.join(dataDir, 'state.json');
}
