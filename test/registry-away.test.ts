import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { untilReferenceDataArrived } from './agreement.fixture.ts';
import { createHelpers, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';
import { SilentProxy } from './silent-proxy.fixture.ts';

let registry: SilentProxy;
let rig: Rig;

beforeAll(async () => {
  const stack = inject('stack');
  registry = await SilentProxy.open(stack.schemaRegistryUrl);
  rig = await Rig.create(stack, { registry: { url: registry.through(stack.schemaRegistryUrl) } });
  await rig.init();
  await createHelpers(rig.registration);
});
afterAll(async () => {
  await rig.stop();
  await registry.close();
});

const arrived = (points: number): Promise<number> =>
  until(
    'the points arrive',
    () => count(rig.metering, 'SELECT count(*) FROM metering.metering_point'),
    (found) => found === points,
  );

test('a registry that does not answer at the start is waited for, visibly, and nothing is lost', async () => {
  registry.silenceAll(() => true);
  await insertReferenceData(rig.registration);
  rig.start('registration');
  rig.start('metering');
  for (const side of ['registration', 'metering'] as const) {
    await until(
      `${side} tells that the registry is away`,
      () => Promise.resolve(rig.log(side)),
      (log) => log.includes('REGISTRY_UNAVAILABLE'),
    );
  }
  await insertPoints(rig.registration, 1, 50);
  registry.hear();
  await untilReferenceDataArrived(rig, 8);
  await arrived(50);
  for (const side of ['registration', 'metering'] as const) expect(rig.process(side).exitCode).toBeNull();
});

test('a registry that goes away while both sides run stops neither', async () => {
  registry.silenceAll(() => true);
  await insertPoints(rig.registration, 51, 80);
  await arrived(80);
  registry.hear();
});
