import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../local/ports.ts';
import { livePid, type ProcessName } from '../local/processes.ts';
import { removeStack, startStack, stopStack } from '../local/stack.ts';
import { compareTable, untilEverythingIsThrough, untilReferenceDataArrived } from './agreement.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, type Side, until } from './rig.fixture.ts';
import type { StackAddresses } from './stack.setup.ts';
import { findDisorder, readTopics } from './topic-reader.fixture.ts';

/** A server that is stopped by SIGSTOP: its connections stay open, it accepts new ones, and it never answers. */
describe('a server that hangs turns the probe red, and when it goes on nothing is lost or there twice', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'concord-hung-'));
  const ports: Record<Side, number> = { registration: 0, metering: 0 };
  let stack: StackAddresses;
  let rig: Rig;
  let written = 0;
  let frozen: readonly number[] = [];

  beforeAll(async () => {
    stack = await startStack(dataDir);
    const taken = new Set<number>();
    ports.registration = await freePort(taken);
    ports.metering = await freePort(taken);
    rig = await Rig.create(stack, {
      http: { registrationPort: ports.registration, meteringPort: ports.metering },
      limits: { heartbeatIntervalMs: 300, receiptIntervalMs: 300, silenceMaxMs: 3_000, rebuildAfterMs: 6_000 },
    });
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    rig.start('registration');
    rig.start('metering');
    await untilReferenceDataArrived(rig, 8);
  });
  afterAll(async () => {
    goOn();
    await rig.stop();
    await stopStack(dataDir);
    removeStack(dataDir);
  });

  function hang(server: ProcessName): void {
    const pid = livePid(dataDir, server);
    if (pid === null) throw new Error(`${server} does not run`);
    // PostgreSQL has a process for each connection.
    frozen = [pid, ...childrenOf(pid)];
    for (const one of frozen) process.kill(one, 'SIGSTOP');
  }

  function goOn(): void {
    for (const one of frozen.toReversed()) process.kill(one, 'SIGCONT');
    frozen = [];
  }

  async function write(): Promise<void> {
    await insertPoints(rig.registration, written + 1, written + 50);
    written += 50;
  }

  const arrived = (): Promise<unknown> =>
    until(
      'changes arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point').catch(() => -1),
      (points) => points >= written,
    );

  const health = (side: Side): Promise<number | null> =>
    fetch(`http://127.0.0.1:${ports[side]}/healthz`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ status }) => status,
      () => null,
    );
  const is = (side: Side, wanted: number): Promise<unknown> =>
    until(
      `${side} answers ${wanted}`,
      () => health(side),
      (status) => status === wanted,
    );

  test.each<[server: ProcessName, red: readonly Side[]]>([
    ['kafka', ['registration', 'metering']],
    // What it does not send the other side does not get.
    ['postgres-registration', ['registration', 'metering']],
    ['postgres-metering', ['metering', 'registration']],
  ])('%s', async (server, red) => {
    await write();
    await arrived();
    for (const side of ['registration', 'metering'] as const) await is(side, 200);
    hang(server);
    try {
      if (server !== 'postgres-registration') await write();
      for (const side of red) await is(side, 503);
    } finally {
      goOn();
    }
    await write();
    for (const side of ['registration', 'metering'] as const) await is(side, 200);
    await arrived();
    for (const side of ['registration', 'metering'] as const) expect(rig.process(side).exitCode).toBeNull();
  });

  test('and in the end both sides are the same, each event once', async () => {
    expect((await untilEverythingIsThrough(rig)).closes).toBe(true);
    expect(await compareTable(rig, 'metering_point', 'mpan_core')).toEqual({ same: true });
    const topics = ['metering-point', 'participant'].map((topic) => `${rig.registrationPrefix}.${topic}`);
    const { duplicates, late } = findDisorder(await readTopics(stack.kafkaBrokers, stack.schemaRegistryUrl, topics));
    expect({ duplicates, late }).toEqual({ duplicates: [], late: [] });
    expect(await count(rig.metering, 'SELECT count(*) FROM metering.dead_letter')).toBe(0);
  });
});

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
