import { setImmediate as nextTick } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Mutex } from '../../src/platform/store/lock.ts'

test('work runs one at a time, in the order in which it was asked for', async () => {
  const turns = new Mutex()
  const told: string[] = []
  const work = (name: string) =>
    turns.take(async () => {
      told.push(`${name} begins`)
      await nextTick()
      told.push(`${name} ends`)
    })
  await Promise.all([work('a'), work('b'), work('c')])
  expect(told).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('a failure belongs to the one whose turn it was, and the next one gets its turn', async () => {
  const turns = new Mutex()
  const failing = turns.take(() => Promise.reject(new Error('mine')))
  const next = turns.take(() => Promise.resolve('done'))
  await expect(failing).rejects.toThrow('mine')
  await expect(next).resolves.toBe('done')
})
