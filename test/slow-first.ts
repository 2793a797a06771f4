/**
 * The order of the test files: those with a process of their own, then the others, and of both the slowest first.
 *
 * Vitest ends a shared process, with all that it has loaded, as soon as the next file in the queue wants one of its own.
 * The slowest come first so that the workers end together: without the durations of an earlier run, as in CI, vitest
 * orders by size, and a small file that takes a minute would begin when all others are done.
 */
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { root } from './source-tree.ts'

/** Twenty seconds or more each; the order among them matters little. */
const slow = [
  'test/cli/import-daemon.test.ts',
  'test/connectors/kafka-groups.test.ts',
  'test/connectors/kafka-security.test.ts',
  'test/api/dashboard/page.test.ts',
  'test/versions/redis-conformance.test.ts',
  'test/versions/processes.test.ts',
  'test/versions/redis-kills.test.ts',
  'test/optim/compiled.test.ts',
  'test/bases/smollm2.test.ts',
  'test/trainer/fresh-adapter.test.ts',
  'test/simulation/fleet.test.ts',
  'test/simulation/level-off.test.ts',
  'test/simulation/crash.test.ts',
  'test/simulation/rollout.test.ts',
  'test/adapters/methods.test.ts',
  'test/nn/law-10.test.ts',
  'test/versions/blobs/s3.test.ts',
]

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => rankOf(one) - rankOf(other))
  }
}

function rankOf({ moduleId, project }: TestSpecification): number {
  const isSlow = isIntegration(moduleId) || slow.includes(relative(root, moduleId))
  return (project.config.isolate ? 0 : 2) + (isSlow ? 0 : 1)
}

/** Daemons and fleets of them: nearly all of their time is waiting for processes. */
function isIntegration(moduleId: string): boolean {
  return relative(root, moduleId).startsWith('test/integration/')
}
