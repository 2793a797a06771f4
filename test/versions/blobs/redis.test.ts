/** Blobs in Redis: the suite of every store, and what is particular to Redis. */
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import { openRedis, type Redis } from '../../../src/platform/redis/redis.ts'
import { fromBytes, PIECE_BYTES } from '../../../src/versions/blobs/pieces.ts'
import { openRedisBlobs } from '../../../src/versions/blobs/redis.ts'
import { rejection } from '../../coded.ts'
import { blobOf, blobStoreConformance } from '../../conformance/blob-store.ts'
import {
  ask,
  needsRedis,
  redisForTest,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../../services/redis.ts'
import { freshNamespace, silent } from '../fleet.ts'

let shared: RedisServer | undefined
beforeAll(async () => {
  if (redisIsInstalled) shared = await startRedis()
})
afterAll(() => shared?.stop())
beforeEach((context) => needsRedis(context))

async function connect(server: RedisServer): Promise<Redis> {
  const address = { host: '127.0.0.1', port: server.port }
  const redis = await openRedis(
    { namespace: freshNamespace(), address, commandMs: 10_000, connectMs: 10_000 },
    { log: silent, clock: systemClock },
  )
  onTestFinished(() => redis.close())
  return redis
}

const keyOf = (redis: Redis) => (scope: string) => redis.key('m', 'blobs', scope)

function open(
  redis: Redis,
  options: { readonly claimed?: true; readonly restingMs?: number } = {},
) {
  const index = redis.key('m', 'blob-index')
  return openRedisBlobs({ redis, clock: systemClock, keyOf: keyOf(redis), index, ...options })
}

blobStoreConformance('in Redis', async () => {
  const redis = await connect(shared!)
  return {
    open: () => open(redis),
    flip: async ({ scope, name }) => {
      const key = keyOf(redis)(scope)
      const piece = (await redis.bytes('HGET', key, `chunk:${name}:1`)) as Buffer
      piece[4711]! ^= 1
      await redis.command('HSET', key, `chunk:${name}:1`, piece)
    },
    tear: async ({ scope, name }) => {
      await redis.command('HDEL', keyOf(redis)(scope), `chunk:${name}:1`)
    },
  }
})

test('no value is larger than a piece', async () => {
  const redis = await connect(shared!)
  const bytes = Buffer.alloc(3 * PIECE_BYTES + 1, 7)
  await open(redis).put(blobOf('v1', 'a.bin', bytes), fromBytes(bytes))
  const key = keyOf(redis)('v1')
  const fields = (await redis.command('HKEYS', key)) as readonly string[]
  for (const field of fields)
    expect(Number(await redis.command('HSTRLEN', key, field))).toBeLessThanOrEqual(PIECE_BYTES)
  expect(fields).toHaveLength(5)
})

test('what no script claims goes by itself, and then leaves the index', async () => {
  const redis = await connect(shared!)
  const blobs = open(redis, { claimed: true, restingMs: 200 })
  const bytes = Buffer.from('unclaimed')
  await blobs.put(blobOf('v1', 'a.bin', bytes), fromBytes(bytes))
  await expect.poll(() => redis.command('EXISTS', keyOf(redis)('v1'))).toBe(0)
  for await (const each of blobs.list()) expect(each).toBeUndefined()
  expect(await redis.command('EXISTS', redis.key('m', 'blob-index'))).toBe(0)
})

test('a claimed scope stays when more is put into it', async () => {
  const redis = await connect(shared!)
  const blobs = open(redis, { claimed: true, restingMs: 60_000 })
  const bytes = Buffer.from('claimed')
  await blobs.put(blobOf('v1', 'a.bin', bytes), fromBytes(bytes))
  expect(Number(await redis.command('PTTL', keyOf(redis)('v1')))).toBeGreaterThan(0)
  await redis.command('PERSIST', keyOf(redis)('v1'))
  await blobs.put(blobOf('v1', 'b.bin', bytes), fromBytes(bytes))
  expect(await redis.command('PTTL', keyOf(redis)('v1'))).toBe(-1)
})

test('pieces that Redis loses on the way are an error that may be repeated', async () => {
  const mine = await redisForTest()
  const blobs = open(await connect(mine))
  const bytes = Buffer.alloc(3 * PIECE_BYTES, 1)
  let pieces = 0
  const beforePiece = async () => {
    pieces += 1
    if (pieces === 3) await ask(mine.url, (redis) => redis.flushall())
  }
  const blob = blobOf('v1', 'a.bin', bytes)
  const error = await rejection(blobs.put(blob, fromBytes(bytes), { beforePiece }))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
  expect(error.details.lost).toBe('a.bin')
  expect(await blobs.has(blob)).toBe(false)
  await blobs.put(blob, fromBytes(bytes))
  expect(await blobs.has(blob)).toBe(true)
})
