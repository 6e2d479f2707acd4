import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beginningOf } from './process-identity.ts';
import { livePid, livePids, type ProcessName } from './processes.ts';
import { removeStack, startStack, stopStack, type StackAddresses } from './stack.ts';

describe('an embedded stack', () => {
  let dataDir: string;
  let addresses: StackAddresses;
  const everyPid = new Set<number>();

  beforeAll(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'concord-stack-'));
    addresses = await startStack(dataDir);
    for (const pid of Object.values(livePids(dataDir))) everyPid.add(pid);
    await query(addresses.registrationUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  });

  afterAll(async () => {
    await stopStack(dataDir);
    removeStack(dataDir);
  });

  it('heals what was killed and keeps its ports and its data', async () => {
    const before = livePids(dataDir);
    // At once: what the registry has confirmed it must have written.
    await register(addresses.schemaRegistryUrl);
    await kill('registry');
    await kill('kafka');
    await kill('postgres-registration');
    const healed = await startStack(dataDir);
    for (const pid of Object.values(livePids(dataDir))) everyPid.add(pid);
    expect(healed).toEqual(addresses);
    expect(livePid(dataDir, 'postgres-metering')).toBe(before['postgres-metering']);
    expect(await query(healed.registrationUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await (await fetch(`${healed.schemaRegistryUrl}/subjects`)).json()).toEqual(['kept-value']);
  });

  it('asks for a password and logs logically', async () => {
    const url = new URL(addresses.meteringUrl);
    url.password = 'wrong';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(await query(addresses.meteringUrl, 'SHOW wal_level')).toEqual([{ wal_level: 'logical' }]);
  });

  it('leaves no process when it is stopped, even half dead', async () => {
    await kill('postgres-metering');
    const stopped = await stopStack(dataDir);
    expect(stopped.toSorted()).toEqual(['kafka', 'postgres-registration', 'registry']);
    expect(everyPid.size).toBe(7);
    expect([...everyPid].filter((pid) => beginningOf(pid) !== null)).toEqual([]);
    expect(livePids(dataDir)).toEqual({});
  });

  async function kill(name: ProcessName): Promise<void> {
    const pid = livePid(dataDir, name);
    if (pid === null) throw new Error(`${name} does not run`);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => beginningOf(pid)).toBeNull();
  }
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function register(registry: string): Promise<void> {
  const response = await fetch(`${registry}/subjects/kept-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: '"string"' }),
  });
  expect(response.status).toBe(200);
}
