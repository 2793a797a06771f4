/**
 * The order of the test files: those with a process of their own, then the others, and of both the slow ones spread over the
 * first half, with quick ones between them.
 *
 * Vitest ends a shared process, with all that it has loaded, as soon as the next file in the queue wants one of its own.
 * Most of the slow ones wait for daemons and brokers, and a quick one computes all the time: side by side they use both
 * cores. The slow ones come in the first half so that the workers end together: without the durations of an earlier run, as
 * in CI, vitest orders by size, and a small file that takes a minute would begin when all others are done.
 */
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { root } from './source-tree.ts'

/** Twenty seconds or more each, besides daemons and fleets of them; the order among them matters little. */
const waiting = [
  'test/cli/import-daemon.test.ts',
  'test/connectors/kafka-groups.test.ts',
  'test/connectors/kafka-security.test.ts',
  'test/api/dashboard/page.test.ts',
  'test/fleet/leases.test.ts',
  'test/versions/redis-conformance.test.ts',
  'test/versions/processes.test.ts',
  'test/versions/redis-kills.test.ts',
  'test/versions/blobs/s3.test.ts',
]
const computing = [
  'test/optim/compiled.test.ts',
  'test/bases/smollm2.test.ts',
  'test/trainer/fresh-adapter.test.ts',
  'test/simulation/fleet.test.ts',
  'test/simulation/level-off.test.ts',
  'test/simulation/crash.test.ts',
  'test/simulation/rollout.test.ts',
  'test/adapters/methods.test.ts',
  'test/nn/law-10.test.ts',
]

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isAlone = ({ project }: TestSpecification) => project.config.isolate
    return [...spread(sorted.filter(isAlone)), ...spread(sorted.filter((file) => !isAlone(file)))]
  }
}

/** The files of each kind keep their order, at equal distances. */
function spread(files: readonly TestSpecification[]): TestSpecification[] {
  const isIn = (names: readonly string[]) => (file: TestSpecification) =>
    names.includes(nameOf(file))
  const waits = files.filter((file) => isIn(waiting)(file) || isIntegration(file))
  const computes = files.filter(isIn(computing))
  const quick = files.filter((file) => !waits.includes(file) && !computes.includes(file))
  const placed = [
    ...waits.map((file, at) => ({ file, place: at / (2 * waits.length) })),
    ...computes.map((file, at) => ({ file, place: at / (2 * computes.length) })),
    ...quick.map((file, at) => ({ file, place: at / quick.length })),
  ]
  return placed.toSorted((one, other) => one.place - other.place).map(({ file }) => file)
}

function isIntegration(file: TestSpecification): boolean {
  return nameOf(file).startsWith('test/integration/')
}

function nameOf({ moduleId }: TestSpecification): string {
  return relative(root, moduleId)
}
