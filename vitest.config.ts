import { defineConfig } from 'vitest/config';

const integration = ['**/*.pg.test.ts', '**/*.kafka.test.ts', '**/*.stack.test.ts', 'test/**/*.test.ts'];
const exclude = ['node_modules/**', 'dist/**', '.concord/**'];

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
      {
        test: {
          name: 'integration',
          include: integration,
          exclude,
          globalSetup: ['test/stack.setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
    ],
  },
});
