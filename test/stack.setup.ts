import { readFileSync } from 'node:fs';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';

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

/** Uses the running stack whose addresses are in the file that CONCORD_TEST_STACK names. */
export default function setup(project: TestProject): void {
  const file = process.env['CONCORD_TEST_STACK'];
  if (file === undefined) throw new Error('CONCORD_TEST_STACK is not set');
  project.provide('stack', JSON.parse(readFileSync(file, 'utf8')) as StackAddresses);
}
