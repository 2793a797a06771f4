/**
 * One configuration for every test. Processes rather than threads, because native TensorFlow and SQLite belong to a
 * process; four at a time on the two cores of CI, because half of them wait for brokers, browsers and daemons. Most files of
 * a worker share its modules: to load them again takes longer than such a file does.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { SlowFirst } from './slow-first.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Each with a process to itself, which costs a second or two of CPU, and why. */
const alone = [
  // They are about their own process: its environment, signals, sockets, memory and children.
  'test/{bootstrap,services}/**/*.test.ts',
  'test/cli/{init,program,serve,serve-roles,up}.test.ts',
  'test/deploy/docker.test.ts',
  'test/fleet/{copies,fair-leases,leases,stopped-holder}.test.ts',
  'test/integration/{damaged-stores,hostile,server-*,trainer-process}.test.ts',
  'test/versions/blobs/s3.test.ts',
  // It reads with a plain client, and a source of ours replaces kafkajs's decoder in its process.
  'test/cli/send-to-kafka.test.ts',
  // They need gigabytes, which a process gives back only when it ends.
  'test/nn/law-10.test.ts',
  'test/bases/smollm2.test.ts',
  // A process has one engine, and this is another.
  'test/nn/ops-wasm.test.ts',
]

/** What a run, a project of it and the quick run have in common. */
export const common = {
  environment: 'node',
  pool: 'forks',
  maxWorkers: 4,
  // A first load of TensorFlow or a base on a busy machine takes seconds.
  testTimeout: 90_000,
  hookTimeout: 120_000,
  teardownTimeout: 10_000,
  // What is waited for is never what is measured: only something broken takes this long.
  expect: { poll: { timeout: 80_000 } },
  env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  // A file that did not change is not transformed again, neither by another project nor by another run.
  experimental: { fsModuleCache: true },
} as const

// The house rule against default exports ends at a tool's own interface: vitest reads this one.
export default defineConfig({
  root,
  test: {
    ...common,
    globalSetup: ['test/services/kafka-on-demand.ts', 'test/services/peft-on-demand.ts'],
    sequence: { seed: 20260101, sequencer: SlowFirst },
    projects: [
      { root, test: { ...common, name: 'alone', include: alone } },
      {
        root,
        test: {
          ...common,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          isolate: false,
        },
      },
    ],
  },
})
