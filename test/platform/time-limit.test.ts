/** What happens to work of a foreign file that takes too long: it stands in the way once, and a false alarm ends by itself. */
import { expect, test, vi } from 'vitest'
import { timeLimit } from '../../src/platform/time-limit.ts'

const endless = () => {
  for (;;);
}
const late = () => new Error('late')
const soon = () => 'done'

test('work that takes too long elsewhere as well is never begun again', async () => {
  const limit = timeLimit(late)
  const tryElsewhere = vi.fn(() => Promise.resolve(false))
  expect(() => limit({ size: 1, run: endless, tryElsewhere })).toThrow('late')
  await Promise.resolve()
  const run = vi.fn(soon)
  expect(() => limit({ size: 1, run, tryElsewhere })).toThrow('late')
  expect(run).not.toHaveBeenCalled()
  expect(tryElsewhere).toHaveBeenCalledOnce()
})

test('work that another thread can do is begun again, at once after one such alarm and not after two', async () => {
  const limit = timeLimit(late)
  const tryElsewhere = () => Promise.resolve(true)
  const ends: unknown[] = []
  for (let alarm = 0; alarm < 2; alarm += 1) {
    expect(() => limit({ size: 1, run: endless, tryElsewhere })).toThrow('late')
    await Promise.resolve()
    try {
      ends.push(limit({ size: 1, run: soon, tryElsewhere }))
    } catch (error) {
      ends.push((error as Error).message)
    }
  }
  expect(ends).toEqual(['done', 'late'])
})
