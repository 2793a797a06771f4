/** The quick tests, in threads of one process: they share nothing that one could spoil for the next. */
import { defineConfig, mergeConfig } from 'vitest/config'
import config from './vitest.config.ts'
import { unitTests } from './unit-tests.ts'

// The house rule against default exports ends at a tool's own interface: vitest reads this one.
export default mergeConfig(
  { ...config, test: { ...config.test, include: [], globalSetup: [] } },
  defineConfig({ test: { include: [...unitTests()], pool: 'threads', isolate: false } }),
)
