import { expect, test } from 'vitest'
import { CodedError, type Logger } from '../../src/contracts/core.ts'
import {
  openWriteBehind,
  type WriteBehindOptions,
} from '../../src/intake/predictions/write-behind.ts'
import { systemClock } from '../../src/platform/clock.ts'

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}

/** A queue of numbers whose other side is `write`, with what it was given and what was dropped. */
function queueTo(
  write: WriteBehindOptions<number>['write'],
  more: Partial<WriteBehindOptions<number>> = {},
) {
  const dropped: number[] = []
  const queue = openWriteBehind<number>({
    what: 'numbers',
    write,
    sizeOf: () => 1,
    clock: { ...systemClock, sleep: async (_ms, signal) => systemClock.sleep(1, signal) },
    log: silent,
    onDropped: (count) => void dropped.push(count),
    ...more,
  })
  return { queue, dropped }
}

const away = () => new CodedError('REDIS_UNAVAILABLE', 'away', { retriable: true })

test('what comes together goes out together, in order and in batches', async () => {
  const batches: (readonly number[])[] = []
  const { queue } = queueTo(async (items) => void batches.push(items), { batchItems: 3 })
  queue.add([1, 2])
  queue.add([3, 4])
  await queue.close(1000)
  expect(batches).toEqual([[1, 2, 3], [4]])
})

test('what was added after everything was written is written too', async () => {
  const written: number[] = []
  const { queue } = queueTo(async (items) => void written.push(...items))
  for (let number = 0; number < 20; number += 1) {
    queue.add([number])
    for (let turn = 0; turn < number; turn += 1) await Promise.resolve()
  }
  await expect.poll(() => written.length).toBe(20)
})

test('while the other side is away things wait, and go out in order when it is back', async () => {
  let isAway = true
  const written: number[] = []
  const { queue, dropped } = queueTo(async (items) => {
    if (isAway) throw away()
    written.push(...items)
  })
  queue.add([1, 2])
  await systemClock.sleep(10)
  queue.add([3])
  expect(queue.waiting()).toBe(3)
  isAway = false
  await expect.poll(() => written).toEqual([1, 2, 3])
  expect(dropped).toEqual([])
})

test.each([
  ['items', { queueItems: 3 }],
  ['bytes', { queueBytes: 3 }],
])('over the limit of %s the oldest are dropped and counted', async (_name, limit) => {
  let isAway = true
  const written: number[] = []
  const write = async (items: readonly number[]) => {
    if (isAway) throw away()
    written.push(...items)
  }
  const { queue, dropped } = queueTo(write, limit)
  queue.add([1, 2])
  await systemClock.sleep(5)
  queue.add([3, 4, 5])
  expect(dropped).toEqual([2])
  isAway = false
  await expect.poll(() => written).toEqual([3, 4, 5])
})

test('what no repetition can help is dropped and counted, and does not hold up what follows', async () => {
  const written: number[] = []
  const write = async (items: readonly number[]) => {
    if (items.includes(1)) throw new CodedError('REDIS_FAILED', 'never')
    written.push(...items)
  }
  const { queue, dropped } = queueTo(write, { batchItems: 2 })
  queue.add([1, 2, 3])
  await expect.poll(() => written).toEqual([3])
  expect(dropped).toEqual([2])
})

test('a flush ends at the first failure, and closing drops what is left', async () => {
  const { queue, dropped } = queueTo(() => Promise.reject(away()))
  queue.add([1, 2])
  await queue.flush(60_000)
  await queue.close(60_000)
  queue.add([3])
  expect(dropped).toEqual([2, 1])
})

test('a flush does not wait for ever for a side that does not answer', async () => {
  const { queue } = queueTo(() => new Promise(() => undefined))
  queue.add([1])
  await queue.flush(1)
  expect(queue.waiting()).toBe(1)
})

test('a batch that was dropped for room while it was written counts once, and takes nothing with it', async () => {
  let end: () => void = () => undefined
  const slow = new Promise<void>((resolve) => (end = resolve))
  const batches: (readonly number[])[] = []
  const written: number[] = []
  const write = async (items: readonly number[]) => {
    batches.push(items)
    await slow
  }
  const onWritten = (count: number) => {
    written.push(count)
  }
  const { queue, dropped } = queueTo(write, { batchItems: 2, queueItems: 3, onWritten })
  queue.add([1, 2])
  await expect.poll(() => batches).toEqual([[1, 2]])
  queue.add([3, 4, 5, 6])
  end()
  await expect.poll(() => queue.waiting()).toBe(0)
  expect(batches.slice(1)).toEqual([[4, 5], [6]])
  expect(written).toEqual([0, 2, 1])
  expect(dropped).toEqual([3])
})
