import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { removeStack, startStack, stopStack } from '../local/stack.ts';

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

/**
 * Uses the running stack whose addresses are in the JSON file that CONCORD_TEST_STACK names, and leaves it alone. Without it,
 * starts an embedded stack in a temporary directory, and stops and removes it after the last test.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const file = process.env['CONCORD_TEST_STACK'];
  if (file !== undefined) {
    project.provide('stack', JSON.parse(readFileSync(file, 'utf8')) as StackAddresses);
    return undefined;
  }
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-test-'));
  const stop = async (): Promise<void> => {
    await stopStack(dataDir);
    removeStack(dataDir);
  };
  try {
    project.provide('stack', await startStack(dataDir, { report: (line) => process.stderr.write(`stack: ${line}\n`) }));
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
