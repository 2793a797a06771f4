/** What happens to work of a foreign file that takes too long: it stands in the way once, and a false alarm ends by itself. */
import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { Script } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { timeLimit, withinTime } from '../../src/platform/time-limit.ts'

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

test('work that takes too long once, as it does while garbage is collected, is done again', () => {
  const run = vi.fn(soon).mockImplementationOnce(endless)
  const tryElsewhere = vi.fn(() => Promise.resolve(false))
  const limit = timeLimit(late)
  expect(limit({ size: 1, run, tryElsewhere })).toBe('done')
  expect(limit({ size: 1, run, tryElsewhere })).toBe('done')
  expect(tryElsewhere).not.toHaveBeenCalled()
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

test('a short text gets 20 ms, a longer one what ordinary rules take for it', () => {
  const watched = vi.spyOn(Script.prototype, 'runInContext')
  const tryElsewhere = () => Promise.resolve(false)
  const firstMs = (size: number) => {
    watched.mockClear()
    const begin = size < 1000 ? endless : soon
    const call = () => timeLimit(late)({ size, run: begin, tryElsewhere })
    if (begin === endless) expect(call).toThrow('late')
    else call()
    return watched.mock.calls[0]?.[1]
  }
  expect(firstMs(50)).toEqual({ timeout: 20 })
  expect(firstMs(10_000)).toEqual({ timeout: 100 })
  expect(firstMs(1_000_000)).toEqual({ timeout: 500 })
  watched.mockRestore()
})

test.runIf(process.platform === 'linux')('the work of other threads is not counted', async () => {
  const others = promisify(pbkdf2)('a', 'b', 1e6, 32, 'sha256')
  const idle = new Int32Array(new SharedArrayBuffer(4))
  const run = vi.fn(() => Atomics.wait(idle, 0, 0, 100))
  expect(withinTime(40, run, late)).toBe('timed-out')
  expect(run.mock.calls.length).toBeGreaterThan(1)
  await others
})
