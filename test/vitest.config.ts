/**
 * One configuration for every test. Processes rather than threads, because native TensorFlow and SQLite belong to a
 * process; two at a time, because each may hold a base of several hundred megabytes.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The house rule against default exports ends at a tool's own interface: vitest reads this one.
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    globalSetup: ['test/services/kafka-on-demand.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // A first load of TensorFlow or a base on a busy machine takes seconds.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    // What is waited for is never what is measured: only something broken takes this long.
    expect: { poll: { timeout: 30_000 } },
    sequence: { seed: 20260101 },
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  },
})
