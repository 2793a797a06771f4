import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runDemo } from '../../src/cli/demo/run.ts'
import type { DemoDaemon } from '../../src/cli/demo/daemon.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'

test('a demo that fails asks nothing more, so that its process ends', async () => {
  let asked = 0
  const refused = async () => Promise.reject(new Error('the daemon is gone'))
  const daemon: DemoDaemon = {
    async predict() {
      asked += 1
      return refused()
    },
    feedback: refused,
    status: refused,
    rollback: refused,
    versions: refused,
  }
  const demo = runDemo({
    daemon,
    random: openRandom(1, 'demo'),
    clock: { ...systemClock, sleep: async () => setImmediate() },
    progress: { say: () => undefined, update: () => undefined },
  })
  await expect(demo).rejects.toThrow('the daemon is gone')
  const before = asked
  expect(before).toBeGreaterThan(0)
  for (let turn = 0; turn < 5; turn += 1) await setImmediate()
  expect(asked).toBe(before)
})
