import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings } from '../cli/settings.ts';
import { configurationFile, writeConfiguration } from './configuration-file.ts';

const addresses = {
  registrationUrl: 'postgres://postgres:secret@127.0.0.1:1001/registration',
  meteringUrl: 'postgres://postgres:secret@127.0.0.1:1002/metering',
  kafkaBrokers: '127.0.0.1:1003',
  schemaRegistryUrl: 'http://127.0.0.1:1004/apis/ccompat/v7',
  consoleUrl: 'http://127.0.0.1:1005',
};

describe('the configuration of an embedded stack', () => {
  let dataDir: string;

  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'concord-configuration-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const read = (): string => readFileSync(configurationFile(dataDir), 'utf8');

  it('is valid and has the addresses of the stack', () => {
    writeConfiguration(dataDir, addresses, 1006);
    const settings = parseSettings(read(), 'concord.yaml', {});
    expect(settings.registration.database.url).toBe(addresses.registrationUrl);
    expect(settings.metering.database.url).toBe(addresses.meteringUrl);
    expect(settings.kafka.brokers).toEqual(['127.0.0.1:1003']);
    expect(settings.registry.url).toBe(addresses.schemaRegistryUrl);
    expect(settings.http).toMatchObject({ registrationPort: 1006, meteringPort: 1005 });
  });

  it('is readable by its owner only, for it holds a password', () => {
    writeConfiguration(dataDir, addresses, 1006);
    expect(statSync(configurationFile(dataDir)).mode & 0o777).toBe(0o600);
  });

  it('keeps what somebody added, and their comments, when addresses change', () => {
    writeConfiguration(dataDir, addresses, 1006);
    writeFileSync(configurationFile(dataDir), `${read()}log:\n  level: debug # for a while\n`);
    writeConfiguration(dataDir, { ...addresses, kafkaBrokers: '127.0.0.1:2003' }, 1006);
    expect(read()).toContain('level: debug # for a while');
    expect(parseSettings(read(), 'concord.yaml', {}).kafka.brokers).toEqual(['127.0.0.1:2003']);
  });
});
