import { defineConfig } from 'vitest/config';

const integration = ['**/*.pg.test.ts', '**/*.kafka.test.ts', '**/*.stack.test.ts', 'test/**/*.test.ts'];
/** They look at everything that is on the servers, or measure milliseconds: nothing else runs beside them. */
const alone = ['reconcile/killed.kafka.test.ts', 'topics/follower.kafka.test.ts'];
const exclude = ['node_modules/**', 'dist/**', '.concord/**'];
const onServers = {
  include: integration,
  exclude,
  globalSetup: ['test/stack.setup.ts'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...exclude, ...integration],
          testTimeout: 20_000,
          // Nothing here keeps state between files: sharing the modules halves the time.
          pool: 'threads',
          isolate: false,
        },
      },
      // Each file has databases, topics and ports of its own. Half of the time is waiting, which two files can do at once.
      {
        test: {
          ...onServers,
          name: 'integration',
          exclude: [...exclude, ...alone],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...onServers, name: 'integration-alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
