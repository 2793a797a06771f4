/** Checkpoint copies in Redis: the suite of every keeper, and what is particular to Redis. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Lease } from '../../src/fleet/contract.ts'
import { openCheckpointCopies } from '../../src/fleet/checkpoint-copies.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis, type Redis } from '../../src/platform/redis/redis.ts'
import { openFolderBlobs } from '../../src/versions/blobs/folder.ts'
import { rejection } from '../coded.ts'
import { copiesConformance, MAX_BYTES } from '../conformance/copies.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisForTest,
  redisIsInstalled,
  startRedis,
  startReplica,
  type RedisServer,
} from '../services/redis.ts'
import { leaseOf } from './lease-of.ts'

const MiB = 1024 * 1024
const parts = { clock: systemClock, log: openFakeLog() }
let shared: RedisServer | undefined
beforeAll(async () => {
  if (redisIsInstalled) shared = await startRedis()
})
afterAll(() => shared?.stop())
beforeEach((context) => needsRedis(context))

let namespaces = 0
async function connect(
  server: RedisServer,
  namespace = `n${String((namespaces += 1))}`,
): Promise<Redis> {
  const address = { host: '127.0.0.1', port: server.port }
  const options = { namespace, address, commandMs: 10_000, connectMs: 10_000 }
  const redis = await openRedis(options, { log: openFakeLog(), clock: systemClock })
  onTestFinished(() => redis.close())
  return redis
}

function checkpoint(bytes: number): string {
  const path = join(scratchFolder(), 'state.db')
  writeFileSync(path, randomBytes(bytes))
  return path
}

copiesConformance('in Redis', async (context) => {
  needsRedis(context)
  const redis = await connect(shared!)
  const chunksOf = async (model: string) =>
    redis.key(model, 'copy', String(await redis.command('HGET', redis.key(model, 'copy'), 'id')))
  return {
    open: async () => openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES }),
    forget: async () => {
      await ask(shared!.url, (other) => other.flushall())
    },
    flip: async (model) => {
      const chunk = (await redis.bytes('HGET', await chunksOf(model), 1)) as Buffer
      chunk[4711]! ^= 4
      await redis.command('HSET', await chunksOf(model), 1, chunk)
    },
    tear: async (model) => {
      await redis.command('HDEL', await chunksOf(model), 2)
    },
    close: async () => redis.close(),
  }
})

copiesConformance('in another blob store than Redis', async (context) => {
  needsRedis(context)
  const [redis, folder] = [await connect(shared!), scratchFolder()]
  const blobsOf = (model: string) => openFolderBlobs(join(folder, model))
  const pathOf = async (model: string) =>
    join(
      folder,
      model,
      String(await redis.command('HGET', redis.key(model, 'copy'), 'id')),
      'state.db',
    )
  return {
    open: async () => openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES, blobsOf }),
    forget: async () => {
      await ask(shared!.url, (other) => other.flushall())
    },
    flip: async (model) => {
      const bytes = readFileSync(await pathOf(model))
      bytes[4711]! ^= 4
      writeFileSync(await pathOf(model), bytes)
    },
    tear: async (model) => {
      rmSync(await pathOf(model))
    },
    close: async () => redis.close(),
  }
})

test('in another store only the newest copy stays, and Redis holds no byte of it', async () => {
  const [redis, folder] = [await connect(shared!, 'elsewhere'), scratchFolder()]
  const blobsOf = (model: string) => openFolderBlobs(join(folder, model))
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES, blobsOf })
  for (const sequence of [1, 2, 3]) await copies.put(leaseOf('m', 1), checkpoint(2 * MiB), sequence)
  expect(readdirSync(join(folder, 'm'))).toHaveLength(1)
  expect(await ask(shared!.url, (other) => other.keys('elsewhere:{m}:copy:*'))).toEqual([])
})

test('a copy that was made in Redis is read after the fleet has moved to another store', async () => {
  const [redis, folder] = [await connect(shared!), scratchFolder()]
  const before = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES })
  const path = checkpoint(2 * MiB)
  const head = await before.put(leaseOf('m', 1), path, 1)
  const blobsOf = (model: string) => openFolderBlobs(join(folder, model))
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES, blobsOf })
  const out = join(folder, 'out.db')
  await copies.get('m', head, out)
  expect(readFileSync(out).equals(readFileSync(path))).toBe(true)
  await copies.put(leaseOf('m', 1), path, 2)
  expect(await ask(shared!.url, (other) => other.keys(`${redis.key('m', 'copy')}:*`))).toEqual([])
})

/** Calls back before each step of an upload. */
function watched(lease: Lease, atStep: (step: number) => void): Lease {
  let step = 0
  return { ...lease, check: () => atStep((step += 1)) }
}

test('only the newest copy takes memory, and a broken upload dies by itself', async () => {
  const redis = await connect(shared!, 'kept')
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES })
  for (const sequence of [1, 2, 3]) await copies.put(leaseOf('m', 1), checkpoint(2 * MiB), sequence)
  const keys = () => ask(shared!.url, (other) => other.keys('kept:{m}:copy:*'))
  const [only, ...others] = await keys()
  expect(others).toEqual([])
  expect(await redis.command('PTTL', only!)).toBe(-1)
  const broken = watched(leaseOf('m', 1), (step) => {
    if (step === 4) throw new Error('killed')
  })
  await expect(copies.put(broken, checkpoint(3 * MiB), 4)).rejects.toThrow('killed')
  const left = (await keys()).filter((key) => key !== only)
  expect(left).toHaveLength(1)
  expect(Number(await redis.command('PTTL', left[0]!))).toBeGreaterThan(0)
})

test('a take-over during an upload ends it at its next chunk, and its chunks are gone', async () => {
  const redis = await connect(shared!, 'overtaken')
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES })
  const head = await copies.put(leaseOf('m', 1), checkpoint(10), 1)
  const overtaken = watched(leaseOf('m', 1), (step) => {
    if (step === 4) void redis.command('SET', redis.key('m', 'epoch'), 2)
  })
  const error = await rejection(copies.put(overtaken, checkpoint(4 * MiB), 2))
  expect(error.code).toBe('LEASE_LOST')
  expect(await copies.head('m')).toEqual(head)
  expect(await ask(shared!.url, (other) => other.keys('overtaken:{m}:copy:*'))).toHaveLength(1)
})

test('FLUSHALL during an upload leaves no half of a copy, and the next one is whole', async () => {
  const mine = await redisForTest()
  const copies = openCheckpointCopies({ ...parts, redis: await connect(mine), maxBytes: MAX_BYTES })
  const flushed = watched(leaseOf('m', 7), (step) => {
    // At once, before the next chunk is sent.
    if (step === 5) spawnSync('redis-cli', ['-p', String(mine.port), 'FLUSHALL'])
  })
  const error = await rejection(copies.put(flushed, checkpoint(5 * MiB), 1))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
  expect(await copies.head('m')).toBeUndefined()
  await copies.put(leaseOf('m', 7), checkpoint(2 * MiB), 2)
  expect(await copies.head('m')).toMatchObject({ epoch: 7, sequence: 2 })
  // The epoch is known again, and holds back who came before.
  expect((await rejection(copies.put(leaseOf('m', 6), checkpoint(10), 3))).code).toBe('LEASE_LOST')
})

test('Redis killed in the middle of an upload is an error that may be repeated', async () => {
  const mine = await redisForTest()
  const copies = openCheckpointCopies({ ...parts, redis: await connect(mine), maxBytes: MAX_BYTES })
  const killed = watched(leaseOf('m', 1), (step) => {
    if (step === 4) process.kill(mine.pid, 'SIGKILL')
  })
  const error = await rejection(copies.put(killed, checkpoint(5 * MiB), 1))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
})

test('after a failover to a stale replica the newer copy is put back', async () => {
  const main = await redisForTest()
  const redis = await connect(main)
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes: MAX_BYTES })
  await copies.put(leaseOf('m', 1), checkpoint(MiB), 1)
  const replica = await startReplica(main)
  await detach(replica)
  const path = checkpoint(2 * MiB)
  const newer = await copies.put(leaseOf('m', 2), path, 2)
  const next = await failOver(main, replica)
  onTestFinished(() => next.stop())
  while (redis.status !== 'ready') await systemClock.sleep(10)
  expect(await copies.head('m')).toMatchObject({ epoch: 1, sequence: 1 })
  expect(await copies.put(leaseOf('m', 2), path, 2)).toEqual(newer)
})

test('memory stays small while a large checkpoint goes there and back', async () => {
  const mine = await redisForTest()
  const copies = openCheckpointCopies({ ...parts, redis: await connect(mine), maxBytes: 256 * MiB })
  const path = checkpoint(0)
  const piece = randomBytes(8 * MiB)
  for (let at = 0; at < 160; at += 8) appendFileSync(path, piece)
  const before = process.memoryUsage().rss
  let most = 0
  const lease = watched(leaseOf('m', 1), () => {
    most = Math.max(most, process.memoryUsage().rss)
  })
  const head = await copies.put(lease, path, 1)
  await copies.get('m', head, path)
  most = Math.max(most, process.memoryUsage().rss)
  expect(most - before).toBeLessThan(100 * MiB)
})
