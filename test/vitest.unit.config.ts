/**
 * The quick tests, in threads of one process: they share nothing that one could spoil for the next. They wait for nothing, so a
 * third thread would only load every module once more.
 */
import { defineConfig } from 'vitest/config'
import { unitTests } from './unit-tests.ts'
import full, { common } from './vitest.config.ts'

// The house rule against default exports ends at a tool's own interface: vitest reads this one.
export default defineConfig({
  ...(full.root !== undefined && { root: full.root }),
  test: {
    ...common,
    include: [...unitTests()],
    pool: 'threads',
    isolate: false,
    maxWorkers: 2,
  },
})
