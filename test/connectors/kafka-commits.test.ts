/** What is told to Kafka of the trainer's positions when Kafka does not take it. */
import { expect, test } from 'vitest'
import { Commits } from '../../connectors/kafka/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'

test('a commit that failed is sent again, by itself, and with the newer of two words', async () => {
  const taken: Record<string, string>[] = []
  let refusals = 2
  const commits = new Commits({
    // A second between two commits, in a fiftieth of the time.
    clock: { ...systemClock, sleep: async (ms, signal) => systemClock.sleep(ms / 50, signal) },
    log: openFakeLog(),
    send: async (positions) => {
      if (refusals > 0) {
        refusals -= 1
        if (refusals === 0) commits.add({ t0: '7' })
        throw new Error('the group is dealing out partitions')
      }
      taken.push(Object.fromEntries(positions))
    },
  })
  commits.add({ t0: '5', t1: '6' })
  await expect.poll(() => taken).toEqual([{ t0: '7', t1: '6' }])
  await commits.close()
  expect(taken).toHaveLength(1)
})
