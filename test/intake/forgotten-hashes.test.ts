/** What a trainer has forgotten reaches the inboxes of a fleet, whatever its clock says. */
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { shareForgotten, takeForgotten } from '../../src/intake/erase-shared.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'

beforeEach((context) => needsRedis(context))

const hash = (byte: number) => new Uint8Array(32).fill(byte)

/** The first bytes of the hashes that an inbox takes. */
function openTaking() {
  const taken: number[] = []
  const refuse = async (hashes: readonly Uint8Array[]) => {
    taken.push(...hashes.map(([byte = 0]) => byte))
    return Promise.resolve()
  }
  return { taken, refuse }
}

test('also from a trainer with a clock behind the one before it; nothing new is read once', async () => {
  const { port } = await redisForTest()
  const address = { host: '127.0.0.1', port }
  const options = { namespace: 'ns', address, commandMs: 10_000, connectMs: 10_000 }
  const redis = await openRedis(options, { log: openFakeLog(), clock: systemClock })
  onTestFinished(() => redis.close())
  const place = { redis, key: redis.key('m', 'forgotten') }
  const bounds = (nowMs: number) => ({ nowMs, most: 3 })
  const first = openTaking()
  await shareForgotten(place, [hash(1), hash(2)], bounds(5000))
  const stamp = await takeForgotten(place, first, undefined)
  expect(first.taken).toEqual([1, 2])
  await shareForgotten(place, [hash(1), hash(2), hash(3)], bounds(1000))
  const second = openTaking()
  const next = await takeForgotten(place, second, stamp)
  expect(second.taken.toSorted()).toEqual([1, 2, 3])
  const third = openTaking()
  expect(await takeForgotten(place, third, next)).toBe(next)
  expect(third.taken).toEqual([])
  await shareForgotten(place, [hash(4)], bounds(6000))
  await takeForgotten(place, third, next)
  expect(third.taken.toSorted()).toEqual([1, 2, 4])
})
