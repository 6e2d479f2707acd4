import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { freePort } from '../local/ports.ts';
import { createHelpers, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { untilReferenceDataArrived } from './agreement.fixture.ts';
import { count, Rig, type Side, until } from './rig.fixture.ts';
import { SilentProxy } from './silent-proxy.fixture.ts';

interface SideDocument {
  readonly healthy: boolean;
  readonly unhealthyBecause: readonly string[];
  readonly legs: Readonly<Record<string, { readonly restarts: number }>>;
}

/** The other end is gone without a word: connections stay open, processes run, and nothing moves. */
describe('a part that looks alive and is dead turns the probe red and is rebuilt by itself', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concord-alive-'));
  const ports: Record<Side, number> = { registration: 0, metering: 0 };
  let rig: Rig;
  let registration: SilentProxy;
  let metering: SilentProxy;
  let written = 0;

  beforeAll(async () => {
    const stack = inject('stack');
    registration = await SilentProxy.open(stack.registrationUrl);
    metering = await SilentProxy.open(stack.meteringUrl);
    const taken = new Set<number>();
    ports.registration = await freePort(taken);
    ports.metering = await freePort(taken);
    rig = await Rig.create(
      {
        ...stack,
        registrationUrl: registration.through(stack.registrationUrl),
        meteringUrl: metering.through(stack.meteringUrl),
      },
      {
        http: { registrationPort: ports.registration, meteringPort: ports.metering },
        limits: {
          heartbeatIntervalMs: 300,
          receiptIntervalMs: 300,
          silenceMaxMs: 2_000,
          rebuildAfterMs: 4_000,
          eventLoopBlockedMaxMs: 3_000,
        },
      },
    );
    await rig.init();
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    rig.start('registration');
    // A computation that does not end, begun by a signal.
    const blocker = path.join(directory, 'blocker.cjs');
    writeFileSync(blocker, "process.on('SIGUSR2', () => { for (;;); });");
    const { NODE_OPTIONS: before } = process.env;
    process.env['NODE_OPTIONS'] = `--require ${blocker}`;
    rig.start('metering');
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
    await untilReferenceDataArrived(rig, 8);
  });
  afterAll(async () => {
    await rig.stop();
    await registration.close();
    await metering.close();
    rmSync(directory, { recursive: true });
  });

  /** The status of `/healthz`; null while there is no answer. */
  async function health(side: Side): Promise<number | null> {
    try {
      return (await fetch(`http://127.0.0.1:${ports[side]}/healthz`, { signal: AbortSignal.timeout(1_000) })).status;
    } catch {
      return null;
    }
  }
  async function document(side: Side): Promise<SideDocument> {
    return (await (await fetch(`http://127.0.0.1:${ports[side]}/status.json`)).json()) as SideDocument;
  }
  const red = (side: Side): Promise<unknown> =>
    until(
      `${side} is red`,
      () => health(side),
      (code) => code !== 200,
    );
  const green = (side: Side): Promise<unknown> =>
    until(
      `${side} is green`,
      () => health(side),
      (code) => code === 200,
    );

  async function changesArrive(): Promise<void> {
    await insertPoints(rig.registration, written + 1, written + 10);
    written += 10;
    await until(
      'changes arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
      (points) => points === written,
    );
  }

  beforeEach(async () => {
    await changesArrive();
    await green('registration');
    await green('metering');
  });

  test('the replication connection of the source', async () => {
    const { restarts = 0 } = (await document('registration')).legs['source'] ?? {};
    expect(registration.silence((greeting) => greeting.includes('replication\0database'))).toBe(1);
    await red('registration');
    await until(
      'the source is begun anew',
      async () => (await document('registration')).legs['source']?.restarts ?? 0,
      (now) => now > restarts,
    );
    expect(rig.log('registration')).toContain('REPLICATION_STALLED');
    await green('registration');
    await changesArrive();
  });

  test('the connections of the sink to its store', async () => {
    expect(metering.silence((greeting) => greeting.includes('concord metering sink'))).toBeGreaterThan(0);
    await until(
      'the probe is red, and says why',
      async () => ((await health('metering')) === 503 ? (await document('metering')).unhealthyBecause.join() : null),
      (why) => why?.includes('has not moved') === true,
    );
    await until(
      'the sink is begun anew',
      () => Promise.resolve(rig.log('metering')),
      (log) => log.includes('LEG_STALLED'),
    );
    await green('metering');
    await changesArrive();
  });

  test('the event loop', async () => {
    const process = rig.process('metering');
    process.kill('SIGUSR2');
    await red('metering');
    await until(
      'the process is killed',
      () => Promise.resolve(process.signalCode),
      (signal) => signal === 'SIGKILL',
    );
    expect(rig.log('metering')).toContain('EVENT_LOOP_BLOCKED');
    rig.start('metering');
    await changesArrive();
    await green('metering');
  });
});
