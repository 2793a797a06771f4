/** The fixture itself: what the tests of Redis rest on. */
import { expect, test } from 'vitest'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisForTest,
  restartRedis,
  startReplica,
} from './redis.ts'

test('a Redis answers on a port of its own until it is stopped', async (context) => {
  needsRedis(context)
  const [one, other] = await Promise.all([redisForTest(), redisForTest()])
  expect(one.port).not.toBe(other.port)
  expect(await ask(one.url, (redis) => redis.ping())).toBe('PONG')
  await one.stop()
  expect(() => process.kill(one.pid, 0)).toThrow()
  expect(await ask(other.url, (redis) => redis.ping())).toBe('PONG')
})

test('a Redis that was killed comes back empty on the same port', async (context) => {
  needsRedis(context)
  const first = await redisForTest()
  await ask(first.url, (redis) => redis.set('gear', 'one'))
  await first.kill()
  const second = await restartRedis(first)
  expect(await ask(second.url, (redis) => redis.get('gear'))).toBeNull()
  await second.stop()
})

test('a failover loses what the replica had not seen, and nothing else', async (context) => {
  needsRedis(context)
  const main = await redisForTest()
  await ask(main.url, (redis) => redis.set('gear', 'seen'))
  const replica = await startReplica(main)
  await detach(replica)
  await ask(main.url, (redis) => redis.mset('gear', 'lost', 'wheel', 'lost'))
  const next = await failOver(main, replica)
  expect(next.url).toBe(main.url)
  expect(await ask(next.url, (redis) => redis.mget('gear', 'wheel'))).toEqual(['seen', null])
  await next.stop()
})

test('a port that is taken is told in the words of Redis', async (context) => {
  needsRedis(context)
  const server = await redisForTest()
  await expect(restartRedis(server)).rejects.toThrow(/Address already in use/)
})
