/** Replicas on one real Redis, each with a disk of its own, while everything is well. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import { ChainCheck } from '../../src/versions/chain.ts'
import type { Routing, Manifest, Version } from '../../src/versions/contract.ts'
import { openLocalRegistry } from '../../src/versions/local/local.ts'
import { registryKeys } from '../../src/versions/shared/layout.ts'
import { RedisPointer } from '../../src/versions/shared/pointer.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { failure } from '../../src/platform/errors.ts'
import type { Redis } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'
import {
  ask,
  needsRedis,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'
import {
  beforeScript,
  freshNamespace,
  leaseOf,
  openReplica,
  patientClock,
  silent,
  until,
  type Replica,
} from './fleet.ts'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const by = { reason: 'test', by: 'trainer' } as const
/** More than one piece of a megabyte. */
const big = 300_000

describe('the registry of a fleet', () => {
  let server: RedisServer
  let namespace: string
  beforeAll(async () => {
    if (redisIsInstalled) server = await startRedis()
  })
  afterAll(async () => {
    if (redisIsInstalled) await server.stop()
  })
  beforeEach((context) => {
    needsRedis(context)
    namespace = freshNamespace()
  })

  const replica = (options: Parameters<typeof openReplica>[2] = {}) =>
    openReplica(server.port, namespace, options)
  const key = (...parts: string[]) => [`${namespace}:{sentiment}:registry`, ...parts].join(':')

  /** Versions as somebody writes them who does not know of the fleet. */
  async function writeLocally(folder: string, version: string, value: number) {
    const options = { ...plainOrigin, folder, bundle: plainBundle, clock: systemClock, log: silent }
    const local = await openLocalRegistry(options)
    await local.publish(plainVersion(version, value))
    await local.close()
  }

  function manifestOnDisk(folder: string, version: string): Manifest {
    const path = join(folder, 'versions', version, 'manifest.json')
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest
  }

  async function keysOf(pattern: string): Promise<readonly string[]> {
    return ask(server.url, (redis) => redis.keys(`${namespace}:${pattern}`))
  }

  test('a version of several pieces comes bit for bit to another disk, and is read there from then on', async () => {
    const [trainer, other] = [await replica(), await replica()]
    const version = plainVersion('v1', 3, big)
    const manifest = await trainer.registry.publish(version)
    expect(floatsOf(await other.registry.load('v1')).equals(floatsOf(version))).toBe(true)
    await ask(server.url, (redis) => redis.del(key('bytes', manifest.digest)))
    const again = await other.registry.load('v1')
    expect(floatsOf(again).equals(floatsOf(version))).toBe(true)
    expect(again.manifest).toEqual(manifest)
    const [one, two] = [trainer, other].map(({ folder }) =>
      readFileSync(join(folder, 'versions/v1/adapter_model.bin')),
    )
    expect(one!.equals(two!)).toBe(true)
  })

  test('of twenty writers exactly one wins each generation, and all tell the same history', async () => {
    const replicas = await Promise.all(Array.from({ length: 5 }, () => replica()))
    await replicas[0]!.registry.publish(plainVersion('v0'))
    const won: Routing[] = []
    for (let expected = 0; expected < 6; expected += 1) {
      const moves = Array.from({ length: 20 }, (_, writer) =>
        replicas[writer % 5]!.registry.point({
          version: 'v0',
          expect: expected,
          reason: `writer ${writer}`,
          by: 'promote',
        }),
      )
      const results = await Promise.allSettled(moves)
      const winners = results.filter((result) => result.status === 'fulfilled')
      expect(winners).toHaveLength(1)
      won.unshift(winners[0]!.value)
    }
    for (const { registry } of replicas) expect(await registry.history(10)).toEqual(won)
    const check = new ChainCheck()
    for (const move of won) check.add(move)
    expect(check.result).toMatchObject({ chained: won.length, unchained: 0, breaks: 0 })
  })

  test('a trainer whose lease has passed changes nothing in Redis or on its disk', async () => {
    const late = await replica({ lease: () => leaseOf(3) })
    const next = await replica({ lease: () => leaseOf(4) })
    await late.registry.publish(plainVersion('v1'))
    await late.registry.point({ version: 'v1', expect: 0, ...by })
    await next.registry.publish(plainVersion('v2'))
    const before = await ask(server.url, (redis) => redis.hgetall(key('kept')))
    for (const write of [
      () => late.registry.publish(plainVersion('v3')),
      () => late.registry.point({ version: 'v2', expect: 1, ...by }),
      () => late.registry.keep({ last: 1 }, []),
    ]) {
      expect((await rejection(write())).code).toBe('LEASE_LOST')
    }
    expect(await ask(server.url, (redis) => redis.hgetall(key('kept')))).toEqual(before)
    expect(existsSync(join(late.folder, 'versions/v3'))).toBe(false)
    expect((await next.registry.live())?.live.version).toBe('v1')
    const names = (await next.registry.list()).map(({ manifest }) => manifest.version)
    expect(names).toEqual(['v2', 'v1'])
  })

  test('a trainer without a lease does not write, a person needs none', async () => {
    const trainer = await replica({ lease: () => undefined })
    const server = await replica()
    expect((await rejection(trainer.registry.publish(plainVersion('v1')))).code).toBe('LEASE_LOST')
    const holder = await replica({ lease: () => leaseOf(7) })
    await holder.registry.publish(plainVersion('v1'))
    const pointer = await server.registry.point({
      version: 'v1',
      expect: 0,
      reason: 'bad labels',
      by: 'rollback',
    })
    const keys = registryKeys(server.redis, 'sentiment')
    const options = { redis: server.redis, keys, clock: systemClock, historyRows: 1 }
    expect(await new RedisPointer(options).look()).toMatchObject({
      pointer,
      generation: 1,
      epoch: 7,
      damaged: 0,
    })
  })

  test('a folder of another content under the same name is replaced and never served', async () => {
    const trainer = await replica()
    const manifest = await trainer.registry.publish(plainVersion('v1', 1))
    const folder = scratchFolder()
    await writeLocally(folder, 'v1', 9)
    const other = await replica({ folder })
    expect((await other.registry.load('v1')).manifest).toEqual(manifest)
    expect(manifestOnDisk(folder, 'v1').digest).toBe(manifest.digest)
  })

  test('publishing what the fleet has replaces another content under its name on this disk', async () => {
    const first = await replica()
    const manifest = await first.registry.publish(plainVersion('v1', 1))
    const next = await replica()
    await writeLocally(next.folder, 'v1', 9)
    expect(await next.registry.publish(plainVersion('v1', 1))).toEqual(manifest)
    expect(manifestOnDisk(next.folder, 'v1').digest).toBe(manifest.digest)
  })

  test('what a single daemon had before it joined a fleet comes into Redis', async () => {
    const folder = scratchFolder()
    const options = { ...plainOrigin, folder, bundle: plainBundle, clock: systemClock, log: silent }
    const local = await openLocalRegistry(options)
    for (const version of ['v0', 'v1', 'v2', 'v3']) await local.publish(plainVersion(version))
    await local.point({ version: 'v1', expect: 0, ...by })
    const live = await local.point({ version: 'v3', expect: 1, ...by })
    await local.pin('v0')
    expect((await local.keep({ last: 1 }, [])).removed).toEqual(['v2'])
    await local.close()
    await replica({ folder })
    const other = await replica()
    await until(async () => (await other.registry.live()) !== undefined)
    await until(async () => (await other.registry.list()).length === 4)
    await until(async () => (await other.registry.pins()).length === 1)
    expect(await other.registry.live()).toEqual(live)
    expect(await other.registry.history(10)).toHaveLength(2)
    expect(await other.registry.pins()).toEqual(['v0'])
    for (const version of ['v0', 'v1', 'v3']) await other.registry.load(version)
    expect((await rejection(other.registry.load('v2'))).code).toBe('VERSION_REMOVED')
  })

  describe('bytes that came out altered', () => {
    async function flip(digest: string, chunk: string): Promise<void> {
      await ask(server.url, async (redis) => {
        const bytes = await redis.hgetBuffer(key('bytes', digest), chunk)
        const torn = Buffer.from(bytes!)
        torn[torn.length >> 1]! ^= 1
        await redis.hset(key('bytes', digest), chunk, torn)
      })
    }

    test('are refused by name while nobody has them, and are whole again when their holder is back', async () => {
      const trainer = await replica()
      const { digest } = await trainer.registry.publish(plainVersion('v1', 1, big))
      await trainer.registry.close()
      await flip(digest, 'chunk:adapter_model.bin:1')
      const other = await replica()
      const error = await rejection(other.registry.load('v1'))
      expect([error.code, error.details.version, error.details.file, error.retriable]).toEqual([
        'VERSION_CORRUPT',
        'v1',
        'adapter_model.bin',
        true,
      ])
      expect(existsSync(join(other.folder, 'versions/v1'))).toBe(false)
      const healed: string[] = []
      await replica({ folder: trainer.folder, onRepaired: (what) => healed.push(what) })
      await until(async () => !(await loadFails(other)))
      // Told a moment after it is there.
      await until(() => healed.includes('version'))
      const loaded = await other.registry.load('v1')
      expect(floatsOf(loaded).equals(floatsOf(plainVersion('v1', 1, big)))).toBe(true)
    })

    test.each(['missing', 'cut short'])('are refused too when a piece is %s', async (how) => {
      const trainer = await replica()
      const { digest } = await trainer.registry.publish(plainVersion('v1'))
      await trainer.registry.close()
      const chunk = 'chunk:adapter_config.json:0'
      await ask(server.url, async (redis) => {
        if (how === 'missing') await redis.hdel(key('bytes', digest), chunk)
        else await redis.hset(key('bytes', digest), chunk, '[')
      })
      const other = await replica()
      const error = await rejection(other.registry.load('v1'))
      expect([error.code, error.details.file]).toEqual(['VERSION_CORRUPT', 'adapter_config.json'])
    })

    test('of a manifest are refused, and put back by who has it', async () => {
      const trainer = await replica()
      await trainer.registry.publish(plainVersion('v1'))
      await ask(server.url, async (redis) => {
        const row = await redis.hget(key('manifests'), 'v1')
        await redis.hset(key('manifests'), 'v1', row!.replace('"events": 16', '"events": 17'))
      })
      const other = await replica()
      await until(async () => !(await loadFails(other)))
      expect((await other.registry.load('v1')).manifest.events).toBe(16)
    })

    async function loadFails({ registry }: Replica): Promise<boolean> {
      return registry.load('v1').then(
        () => false,
        () => true,
      )
    }
  })

  test('a version over the limit is refused before a byte of it is sent', async () => {
    const { registry, folder } = await replica({ limits: { versionBytes: 1_000_000 } })
    const error = await rejection(registry.publish(plainVersion('v1', 1, big)))
    expect([error.code, error.retriable]).toEqual(['VERSION_TOO_LARGE', false])
    expect(await keysOf('*bytes*')).toEqual([])
    expect(existsSync(join(folder, 'versions/v1'))).toBe(false)
  })

  test('what was uploaded and never shown goes by itself, what was shown stays', async () => {
    const { registry } = await replica()
    const { digest } = await registry.publish(plainVersion('v1'))
    const ttl = (of: string) => ask(server.url, (redis) => redis.pttl(key('bytes', of)))
    expect(await ttl(digest)).toBe(-1)
    const [holder, late] = [
      await replica({ lease: () => leaseOf(2) }),
      await replica({ lease: () => leaseOf(1) }),
    ]
    await holder.registry.publish(plainVersion('v2'))
    await rejection(late.registry.publish(plainVersion('v3')))
    const shown = await ask(server.url, (redis) => redis.hvals(key('kept')))
    const all = (await keysOf('*bytes*')).map((name) => name.slice(-64))
    const orphans = all.filter((name) => !shown.includes(name))
    expect(orphans).toHaveLength(1)
    expect(await ttl(orphans[0]!)).toBeGreaterThan(0)
  })

  test('a connection that breaks after any step of a publication leaves nothing or the whole version', async () => {
    const outcomes: string[] = []
    for (let steps = 0; outcomes.at(-1) !== 'published'; steps += 1) {
      const version = `v${steps}`
      const { registry } = await replica({ redis: breaksAfter(steps, (await replica()).redis) })
      const end = await outcome(registry.publish(plainVersion(version, 1, big)))
      const other = await replica()
      const list = await other.registry.list(1)
      const isThere = list.some(({ manifest }) => manifest.version === version)
      expect(await outcome(other.registry.load(version))).toBe(isThere ? 'ok' : 'VERSION_UNKNOWN')
      if (end === 'ok') expect(isThere).toBe(true)
      outcomes.push(end === 'ok' ? 'published' : isThere ? 'there' : 'nothing')
      await other.registry.publish(plainVersion(version, 1, big))
    }
    expect(outcomes.length).toBeGreaterThan(4)
    expect(new Set(outcomes)).toContain('nothing')
  })

  /** Fails every command after so many, as after a crash; the last one of them was done, and its answer lost. */
  function breaksAfter(steps: number, redis: Redis): Redis {
    let left = steps
    const step = async <Reply>(work: () => Promise<Reply>): Promise<Reply> => {
      left -= 1
      if (left >= 0) return work()
      if (left === -1) await work()
      throw failure('REDIS_UNAVAILABLE', 'broken by the test')
    }
    return over(redis, {
      command: (...command) => step(() => redis.command(...command)),
      script: (script, ...call) =>
        script.name === 'registry look'
          ? redis.script(script, ...call)
          : step(() => redis.script(script, ...call)),
    })
  }

  test('a move whose answer was lost is made once, and answered', async () => {
    let sent = 0
    // The first is without an answer when it is sent again.
    const onMove = async () => {
      sent += 1
      if (sent === 1) server.pause()
      if (sent === 2) server.resume()
    }
    const { registry } = await replica({
      connection: { commandMs: 2000 },
      clock: systemClock,
      through: (redis) => beforeScript(redis, 'registry move pointer', onMove),
    })
    await registry.publish(plainVersion('v1'))
    const moving = registry.point({ version: 'v1', expect: 0, ...by })
    expect((await moving.finally(() => server.resume())).generation).toBe(1)
    expect(sent).toBeGreaterThan(1)
    await until(async () => (await registry.history(10)).length > 0)
    expect(await registry.history(10)).toHaveLength(1)
    expect(await ask(server.url, (redis) => redis.hlen(key('moves')))).toBe(1)
  })

  test('a move is told elsewhere at once by a message, and by the poll when the message is lost', async () => {
    const mover = await replica()
    await mover.registry.publish(plainVersion('v1'))
    const told = await replica({ pollMs: 600_000 })
    const { redis } = told
    const polled = await replica({ redis: over(redis, { subscribe: () => () => undefined }) })
    const seen: Record<string, number> = {}
    told.registry.watch(({ generation }) => (seen.told = generation))
    polled.registry.watch(({ generation }) => (seen.polled = generation))
    await mover.registry.point({ version: 'v1', expect: 0, ...by })
    await until(() => seen.told === 1 && seen.polled === 1)
  })

  test('a trainer follows the replica of its daemon, and asks Redis only now and then', async () => {
    const daemon = await replica()
    const elsewhere = await replica()
    let looks = 0
    const trainer = await replica({
      folder: daemon.folder,
      follows: true,
      pollMs: 600_000,
      through: (redis) => beforeScript(redis, 'registry look', async () => void (looks += 1)),
    })
    for (const version of ['v1', 'v2', 'v3']) await trainer.registry.publish(plainVersion(version))
    await trainer.registry.point({ version: 'v1', expect: 0, ...by })
    await elsewhere.registry.point({ version: 'v2', expect: 1, ...by })
    await until(async () => (await trainer.registry.live())?.generation === 2)
    for (let read = 0; read < 50; read += 1) await trainer.registry.live()
    expect(looks).toBeLessThanOrEqual(1)
  })

  test('a trainer whose move came too late sees the quicker one at once', async () => {
    const elsewhere = await replica()
    const trainer = await replica({ folder: scratchFolder(), follows: true, pollMs: 600_000 })
    for (const version of ['v1', 'v2']) await trainer.registry.publish(plainVersion(version))
    await trainer.registry.point({ version: 'v1', expect: 0, ...by })
    const quicker = await elsewhere.registry.point({ version: 'v2', expect: 1, ...by })
    const late = trainer.registry.point({ version: 'v1', expect: 1, ...by })
    expect((await rejection(late)).code).toBe('GENERATION_STALE')
    expect(await trainer.registry.live()).toEqual(quicker)
  })

  test('a follower that finds Redis empty puts back what is here, without a replica beside it', async () => {
    const trainer = await replica({ follows: true, clock: systemClock, pollMs: 50 })
    await trainer.registry.publish(plainVersion('v1'))
    const live = await trainer.registry.point({ version: 'v1', expect: 0, ...by })
    await ask(server.url, (redis) => redis.flushall())
    const other = await replica()
    await until(async () => {
      await trainer.registry.live()
      return (await other.registry.live())?.generation === 1
    })
    expect(await other.registry.live()).toEqual(live)
    await other.registry.load('v1')
  })

  test('the disk of a replica follows what was removed, pinned and unpinned elsewhere', async () => {
    // Comparing is rare: a clock that runs twenty times as fast does not wait for it.
    const clock = { ...patientClock, monotonicMs: () => systemClock.monotonicMs() * 20 }
    const [trainer, other] = [await replica(), await replica({ clock })]
    for (const version of ['v1', 'v2', 'v3', 'v4']) {
      await trainer.registry.publish(plainVersion(version))
      await other.registry.load(version)
    }
    await trainer.registry.point({ version: 'v4', expect: 0, ...by })
    await other.registry.pin('v1')
    expect((await trainer.registry.keep({ last: 1 }, ['v3'])).removed).toEqual(['v2'])
    const has = (version: string) => existsSync(join(other.folder, 'versions', version))
    await until(() => !has('v2'))
    expect(['v1', 'v3', 'v4'].map(has)).toEqual([true, true, true])
    expect(await trainer.registry.pins()).toEqual(['v1'])
    await trainer.registry.unpin('v1')
    expect((await trainer.registry.keep({ last: 1 }, [])).removed).toEqual(['v3', 'v1'])
    await until(() => !has('v1') && !has('v3'))
  })

  test('a retired version goes from the disks of the other replicas too, and comes back from none', async () => {
    const clock = { ...patientClock, monotonicMs: () => systemClock.monotonicMs() * 20 }
    const [trainer, other] = [await replica(), await replica({ clock })]
    for (const version of ['v1', 'v2', 'v3']) {
      await trainer.registry.publish(plainVersion(version))
      await other.registry.load(version)
    }
    await other.registry.pin('v1')
    await trainer.registry.point({ version: 'v3', expect: 0, ...by })
    expect(await trainer.registry.retire(['v1', 'v2'])).toEqual(['v1', 'v2'])
    const has = (version: string) => existsSync(join(other.folder, 'versions', version))
    await until(() => !has('v1') && !has('v2'))
    expect(has('v3')).toBe(true)
    expect((await rejection(other.registry.load('v1'))).code).toBe('VERSION_REMOVED')
    expect((await rejection(trainer.registry.load('v1'))).code).toBe('VERSION_REMOVED')
  })

  test('memory is bounded: old moves and old manifests go, never those of versions that are kept', async () => {
    const limits = { historyRows: 5 }
    const remembered = { moves: 100, removed: 1 }
    const { registry } = await replica({ limits, remembered })
    for (let index = 0; index < 9; index += 1) await registry.publish(plainVersion(`v${index}`))
    await registry.pin('v1')
    for (let index = 0; index < 9; index += 1)
      await registry.point({ version: 'v8', expect: index, ...by })
    await registry.keep({ last: 2 }, [])
    await registry.publish(plainVersion('v9'))
    const names = (await registry.list()).map(({ manifest }) => manifest.version)
    expect(names).toEqual(['v9', 'v8', 'v7', 'v6', 'v1'])
    expect(await ask(server.url, (redis) => redis.hlen(key('moves')))).toBe(5)
    const other = await replica({ limits, remembered })
    await until(async () => (await other.registry.live()) !== undefined)
    const generations = (await other.registry.history(10)).map(({ generation }) => generation)
    expect(generations).toEqual([9, 8, 7, 6, 5])
  })

  test('a version of another base is refused also when it comes from Redis', async () => {
    const trainer = await replica()
    await trainer.registry.publish(plainVersion('v1'))
    const base = { name: 'use-lite', hash: 'c'.repeat(64) }
    const other = await replica({ base })
    expect((await rejection(other.registry.load('v1'))).code).toBe('VERSION_FOREIGN')
    expect(existsSync(join(other.folder, 'versions/v1'))).toBe(false)
  })

  test('a torn folder is repaired from Redis', async () => {
    const { registry, folder } = await replica()
    await registry.publish(plainVersion('v1'))
    writeFileSync(join(folder, 'versions/v1/adapter_model.bin'), 'torn')
    expect((await registry.load('v1')).parameters).toEqual(plainVersion('v1').parameters)
    expect(readFileSync(join(folder, 'versions/v1/adapter_model.bin')).length).toBe(32)
  })
})

/** A connection with some of its verbs exchanged. */
function over(redis: Redis, verbs: Partial<Redis>): Redis {
  return {
    namespace: redis.namespace,
    status: 'ready',
    key: (...parts) => redis.key(...parts),
    command: (...command) => redis.command(...command),
    bytes: (...command) => redis.bytes(...command),
    script: (...call) => redis.script(...call),
    subscribe: (...listen) => redis.subscribe(...listen),
    close: () => undefined,
    ...verbs,
  }
}

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  )
}

/** Deep equality of long arrays takes vitest seconds. */
function floatsOf({ parameters }: Version): Buffer {
  const { buffer, byteOffset, byteLength } = parameters.get('head.weight')!.data
  return Buffer.from(buffer, byteOffset, byteLength)
}
