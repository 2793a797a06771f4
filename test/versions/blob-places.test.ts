/** A fleet whose bytes lie in S3: Redis holds pointers only, the fleet moves there by its config, and each may be away. */
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { openS3 } from '../../src/platform/s3/s3.ts'
import type { BlobStore } from '../../src/versions/blobs/blob-store.ts'
import { fromBytes } from '../../src/versions/blobs/pieces.ts'
import { openS3Blobs } from '../../src/versions/blobs/s3.ts'
import { rejection } from '../coded.ts'
import { blobOf } from '../conformance/blob-store.ts'
import {
  ask,
  needsRedis,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'
import { needsS3, s3ForTest, s3IsInstalled, startS3, type S3Server } from '../services/s3.ts'
import { freshNamespace, openReplica, patientClock, until } from './fleet.ts'
import { plainVersion } from './plain-bundle.mjs'

const by = { reason: 'test', by: 'trainer' } as const
const HOUR_MS = 60 * 60 * 1000
let redis: RedisServer
let s3: S3Server
beforeAll(async () => {
  if (redisIsInstalled) redis = await startRedis()
  if (s3IsInstalled) s3 = await startS3()
})
afterAll(async () => {
  if (redisIsInstalled) await redis.stop()
  if (s3IsInstalled) await s3.stop()
})
beforeEach((context) => {
  needsRedis(context)
  needsS3(context)
})

function blobsIn(server: S3Server, prefix: string): BlobStore {
  const client = openS3(server.options())
  onTestFinished(() => client.close())
  return openS3Blobs(client, prefix)
}

async function scopesOf(blobs: BlobStore): Promise<readonly string[]> {
  const scopes: string[] = []
  for await (const { scope } of blobs.list()) scopes.push(scope)
  return scopes.sort()
}

const fieldsOf = (namespace: string, digest: string) =>
  ask(redis.url, (other) => other.hkeys(`${namespace}:{sentiment}:registry:bytes:${digest}`))

test('Redis holds the sizes of a version and no byte of it', async () => {
  const namespace = freshNamespace()
  const blobs = blobsIn(s3, namespace)
  const { registry } = await openReplica(redis.port, namespace, { blobs })
  const { digest } = await registry.publish(plainVersion('v1'))
  expect(await fieldsOf(namespace, digest)).toEqual(['whole'])
  expect(await scopesOf(blobs)).toEqual([digest])
  const other = await openReplica(redis.port, namespace, { blobs: blobsIn(s3, namespace) })
  expect((await other.registry.load('v1')).parameters).toEqual(plainVersion('v1').parameters)
})

test('what is removed goes from S3 too, and so does what was never shown, after an hour', async () => {
  const namespace = freshNamespace()
  const blobs = blobsIn(s3, namespace)
  let aheadMs = 0
  const clock = { ...patientClock, nowMs: () => systemClock.nowMs() + aheadMs }
  const { registry } = await openReplica(redis.port, namespace, { blobs, clock })
  const manifests = []
  for (const version of ['v1', 'v2', 'v3'])
    manifests.push(await registry.publish(plainVersion(version)))
  const bytes = Buffer.from('an upload that its trainer did not live to show')
  await blobs.put(blobOf('f'.repeat(64), 'a.bin', bytes), fromBytes(bytes))
  const kept = manifests.slice(1).map(({ digest }) => digest)
  expect((await registry.keep({ last: 2 }, [])).removed).toEqual(['v1'])
  expect(await scopesOf(blobs)).toEqual([...kept, 'f'.repeat(64)].sort())
  // Another trainer, later.
  aheadMs = 2 * HOUR_MS
  const next = await openReplica(redis.port, namespace, { blobs, clock })
  await next.registry.keep({ last: 2 }, [])
  expect(await scopesOf(blobs)).toEqual([...kept].sort())
})

test('a fleet moves to S3 by its config: what lies in Redis is read from there until it is removed', async () => {
  const namespace = freshNamespace()
  const before = await openReplica(redis.port, namespace)
  const old = await before.registry.publish(plainVersion('v1'))
  await before.registry.point({ version: 'v1', expect: 0, ...by })
  await before.registry.close()
  const blobs = blobsIn(s3, namespace)
  const { registry } = await openReplica(redis.port, namespace, { blobs })
  expect((await registry.load('v1')).manifest).toEqual(old)
  const v2 = await registry.publish(plainVersion('v2'))
  const v3 = await registry.publish(plainVersion('v3'))
  await registry.point({ version: 'v2', expect: 1, ...by })
  await registry.point({ version: 'v3', expect: 2, ...by })
  expect((await registry.keep({ last: 1 }, [])).removed).toEqual(['v1'])
  expect(await fieldsOf(namespace, old.digest)).toEqual([])
  expect(await scopesOf(blobs)).toEqual([v2.digest, v3.digest].sort())
})

test('bytes that were altered in S3 are refused by name, and put back by the daemon that has them', async () => {
  const namespace = freshNamespace()
  const blobs = blobsIn(s3, namespace)
  const trainer = await openReplica(redis.port, namespace, { blobs })
  const { digest } = await trainer.registry.publish(plainVersion('v1'))
  await blobs.remove(digest)
  const other = await openReplica(redis.port, namespace, { blobs })
  const error = await rejection(other.registry.load('v1'))
  expect([error.code, error.retriable]).toEqual(['VERSION_CORRUPT', true])
  await until(async () => (await scopesOf(blobs)).length === 1)
  await until(async () =>
    other.registry.load('v1').then(
      () => true,
      () => false,
    ),
  )
})

test('while S3 is away versions on this disk answer, others and new ones wait, and Redis is not taken for away', async () => {
  const [mine, namespace] = [await s3ForTest(), freshNamespace()]
  const blobs = blobsIn(mine, namespace)
  const trainer = await openReplica(redis.port, namespace, { blobs })
  for (const version of ['v1', 'v2']) await trainer.registry.publish(plainVersion(version))
  await trainer.registry.point({ version: 'v1', expect: 0, ...by })
  const other = await openReplica(redis.port, namespace, { blobs })
  await other.registry.load('v1')
  await mine.stop()
  expect((await other.registry.load('v1')).manifest.version).toBe('v1')
  for (const work of [
    () => other.registry.load('v2'),
    () => trainer.registry.publish(plainVersion('v3')),
  ])
    expect(await rejection(work())).toMatchObject({ code: 'BLOBS_UNAVAILABLE', retriable: true })
  // A version that is on the disk of the mover needs no S3.
  await trainer.registry.point({ version: 'v2', expect: 1, ...by })
  await until(async () => (await other.registry.live())?.generation === 2)
  expect(await other.registry.list()).toHaveLength(2)
})
