import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshTopics, type TestTopics } from './kafka.fixture.ts';
// Run as a process of its own, below; named here so that it is not taken for unused.
import type {} from './killed-member.fixture.ts';
import { createSubscriber } from './subscriber.ts';

const { kafkaBrokers } = inject('stack');
const root = resolve(import.meta.dirname, '..');
let topics: TestTopics;
let compiled: string;

beforeAll(async () => {
  topics = await freshTopics(kafkaBrokers);
  // Node 20 does not run TypeScript. Under node_modules the packages are found.
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  compiled = mkdtempSync(join(root, 'node_modules/.cache/topics-'));
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  const compilerOptions = { noEmit: false, noCheck: true, outDir: compiled, rootDir: root };
  const files = [join(root, 'topics/killed-member.fixture.ts')];
  writeFileSync(
    join(compiled, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [], exclude: [] }),
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', compiled], { stdio: 'inherit' });
});

afterAll(async () => {
  rmSync(compiled, { recursive: true, force: true });
  await topics.drop();
});

test('who is started in the place of a killed member does not wait for its session to end', async () => {
  const topic = await topics.create('killed', 4);
  const child = fork(join(compiled, 'topics/killed-member.fixture.js'), [kafkaBrokers, topic, topic]);
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const begun = performance.now();
  let lanes: readonly number[] = [];
  const heir = createSubscriber(topics.connection, { groupId: topic, topics: [topic] });
  await heir.start({
    assigned: (given) => {
      lanes = given;
      return Promise.resolve(new Map(given.map((lane) => [lane, [0]])));
    },
    revoked: () => Promise.resolve(),
    batch: () => true,
    expectedOffset: () => 0,
    fault: () => {},
  });
  expect(lanes).toEqual([0, 1, 2, 3]);
  expect(performance.now() - begun).toBeLessThan(15_000);
  await heir.stop();
});
