import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Document, parseDocument } from 'yaml';
import type { StackAddresses } from './stack.ts';

/** The configuration of the connectors of an embedded stack. */
export function configurationFile(dataDir: string): string {
  return path.join(dataDir, 'concord.yaml');
}

/**
 * Writes the stack's addresses into its configuration file, and leaves everything else in it as it is: a rule parameter
 * that somebody set there outlives the next start.
 */
export function writeConfiguration(dataDir: string, addresses: StackAddresses, registrationPort: number): string {
  const file = configurationFile(dataDir);
  const document = existsSync(file) ? parseDocument(readFileSync(file, 'utf8')) : new Document({});
  if (!existsSync(file)) document.commentBefore = ' Addresses are written by `concord up`; what you add is kept.';
  document.setIn(['registration', 'database', 'url'], addresses.registrationUrl);
  document.setIn(['metering', 'database', 'url'], addresses.meteringUrl);
  document.setIn(['kafka', 'brokers'], addresses.kafkaBrokers.split(','));
  document.setIn(['registry', 'url'], addresses.schemaRegistryUrl);
  document.setIn(['http', 'registrationPort'], registrationPort);
  document.setIn(['http', 'meteringPort'], Number(new URL(addresses.consoleUrl).port));
  const next = `${file}.${process.pid}`;
  writeFileSync(next, document.toString(), { mode: 0o600 });
  renameSync(next, file);
  return file;
}
