import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { removeStack, startStack, stopStack } from '../local/stack.ts';
import { otherPostgres, PostgresServer } from './postgres-server.fixture.ts';

/** Where the real servers are that the integration tests use. Brokers are one comma-separated string. */
export interface StackAddresses {
  readonly registrationUrl: string;
  readonly meteringUrl: string;
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackAddresses;
  }
}

interface SharedStack {
  readonly dataDir: string;
  readonly started: Promise<StackAddresses>;
  users: number;
}

/** Of all projects of a run; each of them loads this module anew. */
const run = globalThis as { concordTestStack?: SharedStack };

/** With CONCORD_TEST_POSTGRES, the registration database is in a server of that version. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (otherPostgres === undefined) return provide(project, (stack) => stack);
  const server = await PostgresServer.make();
  await server.start('max_connections=200', 'max_replication_slots=40', 'max_wal_senders=40');
  const leave = await provide(project, (stack) => ({ ...stack, registrationUrl: server.url }));
  return async () => {
    await leave?.();
    await server.remove();
  };
}

/**
 * Uses the running stack whose addresses are in the JSON file that CONCORD_TEST_STACK names, and leaves it alone. Without it,
 * starts an embedded stack in a temporary directory, and stops and removes it after the last test of the last project.
 */
async function provide(
  project: TestProject,
  change: (stack: StackAddresses) => StackAddresses,
): Promise<(() => Promise<void>) | undefined> {
  const file = process.env['CONCORD_TEST_STACK'];
  if (file !== undefined) {
    project.provide('stack', change(JSON.parse(readFileSync(file, 'utf8')) as StackAddresses));
    return undefined;
  }
  const stack = (run.concordTestStack ??= begin());
  stack.users += 1;
  const leave = async (): Promise<void> => {
    stack.users -= 1;
    if (stack.users > 0) return;
    await stopStack(stack.dataDir);
    removeStack(stack.dataDir);
  };
  try {
    project.provide('stack', change(await stack.started));
  } catch (error) {
    await leave();
    throw error;
  }
  return leave;
}

function begin(): SharedStack {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-test-'));
  const started = startStack(dataDir, { report: (line) => process.stderr.write(`stack: ${line}\n`) });
  return { dataDir, started, users: 0 };
}
