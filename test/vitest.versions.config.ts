/**
 * What another release of Node.js must pass: the quick tests, and those of every native part and of both processes, which run
 * beside them because they wait for processes.
 */
import { defineConfig } from 'vitest/config'
import { SlowFirst } from './slow-first.ts'
import { unitTests } from './unit-tests.ts'
import full, { common } from './vitest.config.ts'

/** SQLite, TensorFlow, ONNX Runtime, sockets, a trainer process and a whole daemon. */
const native = [
  'test/platform/store.test.ts',
  'test/nn/tensorflow.test.ts',
  'test/nn/ort-pool.test.ts',
  'test/integration/trainer-process.test.ts',
  'test/cli/serve.test.ts',
]

const root = full.root ?? ''
const quick = { ...common, name: 'quick', pool: 'threads', isolate: false } as const

// The house rule against default exports ends at a tool's own interface: vitest reads this one.
export default defineConfig({
  root,
  test: {
    ...common,
    sequence: { sequencer: SlowFirst },
    projects: [
      { root, test: { ...common, name: 'native', include: native } },
      { root, test: { ...quick, include: [...unitTests()], exclude: native } },
    ],
  },
})
