import { defineConfig } from 'vitest/config';

/** Format, lint, types, generated files: tests in `npm test`; `npm run check` has run them by itself when it comes to the unit tests. */
const repositoryChecks = 'test/unit/repository.test.ts';
const withServices = ['test/integration/**/*.test.ts', 'test/contract/**/*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...withServices, repositoryChecks, 'test/chaos/**'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'repository', include: [repositoryChecks], testTimeout: 300_000 },
      },
      {
        // Real Kafka, Redis and schema registry. They are started only when a file of this project is selected.
        extends: true,
        test: {
          name: 'integration',
          include: withServices,
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
