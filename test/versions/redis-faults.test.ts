/** A Redis that goes away, comes back empty, or comes back as it was some time ago; replicas go on and agree again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { registryKeys } from '../../src/versions/shared/layout.ts'
import { RedisPointer } from '../../src/versions/shared/pointer.ts'
import { openLocalRegistry } from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Redis } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisForTest,
  restartRedis,
  startReplica,
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

/** v0 … v4 were live one after another; v1 was removed, v0 is pinned. */
async function taught({ registry }: Replica): Promise<Routing> {
  let live: Routing | undefined
  for (let index = 0; index < 5; index += 1) {
    await registry.publish(plainVersion(`v${index}`))
    live = await registry.point({ version: `v${index}`, expect: index, ...by })
  }
  await registry.pin('v0')
  expect((await registry.keep({ last: 3 }, [])).removed).toEqual(['v1'])
  return live!
}

const sees = (replicas: readonly Replica[], live: Routing) =>
  until(async () => {
    const seen = await Promise.all(replicas.map(({ registry }) => registry.live()))
    return seen.every((pointer) => pointer?.live.digest === live.live.digest)
  })

/** What Redis itself says, without any replica in between. */
function inRedis(server: RedisServer, namespace: string, field: string): Promise<string | null> {
  return ask(server.url, (redis) => redis.hget(`${namespace}:{sentiment}:registry:state`, field))
}

const restored = (server: RedisServer, namespace: string, generation: number) =>
  until(async () => (await inRedis(server, namespace, 'generation')) === String(generation))

/** Everything of `taught`, read by a replica that has nothing of its own. */
async function expectTaught(port: number, namespace: string, live: Routing): Promise<void> {
  const { registry } = await openReplica(port, namespace)
  await until(async () => (await registry.list()).length === 5)
  await until(async () => (await registry.pins()).length === 1)
  expect(await registry.live()).toEqual(live)
  expect((await registry.history(10)).map(({ live }) => live.version)).toEqual([
    'v4',
    'v3',
    'v2',
    'v1',
    'v0',
  ])
  for (const version of ['v0', 'v2', 'v3', 'v4'])
    await until(async () => (await outcome(registry.load(version))) === 'ok')
  expect(await outcome(registry.load('v1'))).toBe('VERSION_REMOVED')
  expect(await registry.pins()).toEqual(['v0'])
}

/** What a replica has written down itself, which it goes by when Redis is away. */
async function pinsOnDisk({ folder }: Replica): Promise<readonly string[]> {
  const options = { ...plainOrigin, bundle: plainBundle, clock: systemClock, log: silent }
  const local = await openLocalRegistry({ ...options, folder })
  const pins = await local.pins()
  await local.close()
  return pins
}

type Snapshot = readonly (readonly [string, Buffer])[]

function snapshot(server: RedisServer): Promise<Snapshot> {
  return ask(server.url, async (redis) => {
    const keys = await redis.keys('*')
    return Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const))
  })
}

/** At once, as a restored disk or a failover behind one address would have it. */
function goBack(server: RedisServer, to: Snapshot): Promise<unknown> {
  return ask(server.url, (redis) => {
    const all = redis.multi().flushall()
    for (const [key, value] of to) all.restore(key, 0, value)
    return all.exec()
  })
}

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  )
}

describe('a Redis', () => {
  beforeEach((context) => needsRedis(context))

  test('that was emptied gets everything back, whichever replicas do it at once', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const replicas = [
      await openReplica(server.port, namespace, { lease: () => leaseOf(5) }),
      await openReplica(server.port, namespace),
      await openReplica(server.port, namespace),
    ]
    const live = await taught(replicas[0]!)
    for (const { registry } of replicas)
      for (const version of ['v3', 'v4']) await registry.load(version)
    await sees(replicas, live)
    const generations: number[] = []
    replicas[1]!.registry.watch(({ generation }) => generations.push(generation))
    await ask(server.url, (redis) => redis.flushall())
    for (let read = 0; read < 20; read += 1)
      expect(await replicas[1]!.registry.live()).toEqual(live)
    await restored(server, namespace, 5)
    await expectTaught(server.port, namespace, live)
    await sees(replicas, live)
    const epoch = () => ask(server.url, (redis) => redis.get(`${namespace}:{sentiment}:epoch`))
    await until(async () => (await epoch()) === '5')
    expect(generations).toEqual([5])
    // And goes on from there.
    const next = await replicas[2]!.registry.point({ version: 'v3', expect: 5, ...by })
    await sees(replicas, next)
  })

  test('that is emptied between a look and the reading of pins gets the only pin back', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    let isToBeEmptied = false
    const emptied = async () => {
      if (!isToBeEmptied) return
      isToBeEmptied = false
      await ask(server.url, (redis) => redis.flushall())
    }
    const only = await openReplica(server.port, namespace, {
      through: (redis) => beforeScript(redis, 'registry read pins', emptied),
    })
    await taught(only)
    // Some polls, until its own pin is nothing new; then a change for which it looks at the pins again.
    await systemClock.sleep(300)
    isToBeEmptied = true
    await only.registry.publish(plainVersion('v5'))
    await until(() => !isToBeEmptied)
    await restored(server, namespace, 5)
    const fresh = await openReplica(server.port, namespace)
    await until(async () => (await fresh.registry.pins()).join() === 'v0')
    await until(async () => (await only.registry.pins()).join() === 'v0')
  })

  test('that is away for seconds costs no read, and a move is refused by code', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const replicas = [
      await openReplica(server.port, namespace),
      await openReplica(server.port, namespace),
    ]
    const live = await taught(replicas[0]!)
    await sees(replicas, live)
    await replicas[1]!.registry.load('v4')
    // Until it has seen the pin too.
    await until(async () => (await pinsOnDisk(replicas[1]!)).length === 1)
    await server.kill()
    const [one, other] = replicas.map(({ registry }) => registry) as [
      Replica['registry'],
      Replica['registry'],
    ]
    for (let read = 0; read < 50; read += 1) {
      expect(await other.live()).toEqual(live)
      expect((await other.load('v4')).manifest.version).toBe('v4')
      await systemClock.sleep(20)
    }
    expect((await one.list()).map(({ manifest }) => manifest.version)).toHaveLength(5)
    expect((await other.history(2)).map(({ live }) => live.version)).toEqual(['v4', 'v3'])
    expect(await other.pins()).toEqual(['v0'])
    for (const work of [
      () => other.point({ version: 'v4', expect: 5, ...by }),
      () => one.publish(plainVersion('v5')),
      () => one.keep({ last: 1 }, []),
      () => one.pin('v4'),
      // It never fetched this one, which exists.
      () => other.load('v1'),
      () => other.manifest('v1'),
    ]) {
      const error = await rejection(work())
      expect([error.code, error.retriable]).toEqual(['REDIS_UNAVAILABLE', true])
    }
    expect(existsSync(join(replicas[0]!.folder, 'versions/v5'))).toBe(false)
    const back = await restartRedis(server)
    await restored(back, namespace, 5)
    await expectTaught(server.port, namespace, live)
    await sees(replicas, live)
    await back.stop()
  })

  test('that freezes delays a read once and no more', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const connection = { commandMs: 2000, connectMs: 2000 }
    const replica = await openReplica(server.port, namespace, { connection, clock: systemClock })
    const live = await taught(replica)
    server.pause()
    for (let read = 0; read < 20; read += 1) {
      expect(await replica.registry.live()).toEqual(live)
      await replica.registry.load('v4')
    }
    expect(
      (await rejection(replica.registry.point({ version: 'v4', expect: 5, ...by }))).code,
    ).toBe('REDIS_UNAVAILABLE')
    server.resume()
    // It may have happened after all: whoever asks again is told where the pointer is.
    await until(async () => {
      const generation = Number(await inRedis(server, namespace, 'generation'))
      return (await replica.registry.live())?.generation === generation
    })
  })

  test('that is away at the start lets a replica serve what was live when it stopped', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const trainer = await openReplica(server.port, namespace)
    const first = await openReplica(server.port, namespace)
    const live = await taught(trainer)
    await sees([first], live)
    await first.registry.load('v4')
    await first.registry.close()
    await server.kill()
    const again = await openReplica(server.port, namespace, { folder: first.folder })
    expect(await again.registry.live()).toEqual(live)
    expect((await again.registry.load('v4')).manifest.digest).toBe(live.live.digest)
    const seen: Routing[] = []
    again.registry.watch((pointer) => seen.push(pointer))
    await until(() => seen.length > 0)
    expect(seen).toEqual([live])
  })

  test('that is late gives a replica the version that it has not got yet', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const trainer = await openReplica(server.port, namespace)
    await taught(trainer)
    // Every answer about a version comes after the time that a reader with a copy of its own would wait.
    const late = (redis: Redis) =>
      beforeScript(redis, 'registry find version', async () => systemClock.sleep(300))
    const other = await openReplica(server.port, namespace, { through: late, clock: systemClock })
    expect((await other.registry.load('v4')).manifest.version).toBe('v4')
  })

  test('that is away does not make a replica serve what somebody wrote under a live name', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const trainer = await openReplica(server.port, namespace)
    const other = await openReplica(server.port, namespace)
    const live = await taught(trainer)
    await sees([other], live)
    await server.kill()
    const options = { ...plainOrigin, bundle: plainBundle, clock: systemClock, log: silent }
    const local = await openLocalRegistry({ ...options, folder: other.folder })
    await local.publish(plainVersion('v4', 99))
    await local.close()
    expect((await rejection(other.registry.load('v4'))).code).toBe('REDIS_UNAVAILABLE')
  })

  test('that failed over to a replica of before gets the later moves and versions back', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const replicas = [
      await openReplica(server.port, namespace),
      await openReplica(server.port, namespace),
    ]
    const { registry } = replicas[0]!
    await registry.publish(plainVersion('v0'))
    await registry.point({ version: 'v0', expect: 0, ...by })
    const stale = await startReplica(server)
    await detach(stale)
    for (const version of ['v1', 'v2', 'v3', 'v4']) {
      await registry.publish(plainVersion(version))
      const generation = Number(version.slice(1))
      await registry.point({ version, expect: generation, ...by })
    }
    // Never live, and so of no generation.
    await registry.publish(plainVersion('v5'))
    await registry.pin('v0')
    expect((await registry.keep({ last: 4 }, [])).removed).toEqual(['v1'])
    const live = (await registry.live())!
    await sees(replicas, live)
    const generations: number[] = []
    replicas[1]!.registry.watch(({ generation }) => generations.push(generation))
    const next = await failOver(server, stale)
    await restored(next, namespace, 5)
    const fresh = await openReplica(server.port, namespace)
    await until(async () => (await fresh.registry.list()).length === 6)
    expect(await fresh.registry.live()).toEqual(live)
    for (const version of ['v2', 'v3', 'v4', 'v5'])
      await until(async () => (await outcome(fresh.registry.load(version))) === 'ok')
    await until(async () => (await fresh.registry.pins()).includes('v0'))
    expect(generations.every((generation) => generation === 5)).toBe(true)
    await next.stop()
  })

  test('that went back in time without a word gets back what it had not known then', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    let looks = 0
    const through = (redis: Redis) =>
      beforeScript(redis, 'registry look', async () => void (looks += 1))
    const { registry } = await openReplica(server.port, namespace, { through })
    // A poll looks twice at most: after four more looks one is over that began after now.
    const polled = async () => {
      const from = looks
      await until(() => looks > from + 4)
    }
    await registry.publish(plainVersion('v0'))
    const live = await registry.point({ version: 'v0', expect: 0, ...by })
    await polled()
    const before = await snapshot(server)
    // Never live: no generation tells of it, and the connection stays.
    await registry.publish(plainVersion('v1'))
    await registry.pin('v1')
    await polled()
    await goBack(server, before)
    const fresh = await openReplica(server.port, namespace)
    await until(async () => (await fresh.registry.list()).length === 2)
    await until(async () => (await fresh.registry.pins()).length === 1)
    await fresh.registry.load('v1')
    expect(await fresh.registry.live()).toEqual(live)
  })

  test('of an earlier release names the live version alone', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const { registry, redis } = await openReplica(server.port, namespace)
    await registry.publish(plainVersion('v0'))
    await registry.publish(plainVersion('v1'))
    const { live } = await registry.point({ version: 'v0', expect: 0, ...by })
    const keys = registryKeys(redis, 'sentiment')
    const rest = { generation: 1, sinceMs: 17, previous: null, reason: 'old', by: 'start' }
    const json = JSON.stringify({ ...live, ...rest, token: 't' })
    await redis.command('HSET', keys.state, 'pointer', json)
    await redis.command('HSET', keys.moves, '1', json)
    const other = (await openReplica(server.port, namespace)).registry
    expect(await other.live()).toEqual({ live, ...rest })
    const moved = await other.point({
      ...{ version: 'v1', expect: 1, ...by },
      canary: { version: 'v0', share: 0.5 },
    })
    expect(moved).toMatchObject({ previous: 'v0', canary: { ...live, share: 0.5 } })
    // A daemon of the earlier release goes on reading what it knows.
    const stored = String(await redis.command('HGET', keys.state, 'pointer'))
    expect(JSON.parse(stored)).toMatchObject({ ...moved.live, generation: 2, previous: 'v0' })
  })

  test('that is ahead of a replica which puts something back keeps what it has', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const { registry, redis } = await openReplica(server.port, namespace)
    for (const version of ['v0', 'v1']) await registry.publish(plainVersion(version))
    const first = await registry.point({ version: 'v0', expect: 0, ...by })
    const second = await registry.point({ version: 'v1', expect: 1, ...by })
    const keys = registryKeys(redis, 'sentiment')
    const pointer = new RedisPointer({ redis, keys, clock: systemClock, historyRows: 10 })
    const parted = { ...second, live: { version: 'v0', digest: first.live.digest } }
    for (const history of [[first], [parted, first]])
      expect(await pointer.restore(history, 0)).toBe('THERE')
    expect((await pointer.look()).pointer).toEqual(second)
    const unknown = { ...second, live: { version: 'v9', digest: 'd'.repeat(64) }, generation: 3 }
    expect(await pointer.restore([unknown, second], 0)).toBe('INCOMPLETE')
    expect((await pointer.look()).pointer).toEqual(second)
  })

  test('with a pointer that is altered costs no read', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const replica = await openReplica(server.port, namespace)
    const live = await taught(replica)
    const state = `${namespace}:{sentiment}:registry:state`
    await ask(server.url, (redis) => redis.hset(state, 'pointer', '{"version":'))
    expect(await replica.registry.live()).toEqual(live)
    await replica.registry.load('v4')
    const moving = replica.registry.point({ version: 'v4', expect: 5, ...by })
    expect((await rejection(moving)).code).toBe('REDIS_FAILED')
  })

  test('whose history parted from ours at the same generation is followed', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const replica = await openReplica(server.port, namespace)
    const { registry } = replica
    for (const version of ['v0', 'v1', 'v2']) await registry.publish(plainVersion(version))
    await registry.point({ version: 'v0', expect: 0, ...by })
    const stale = await startReplica(server)
    await detach(stale)
    await registry.point({ version: 'v1', expect: 1, ...by })
    const seen: Routing[] = []
    registry.watch((pointer) => seen.push(pointer))
    await until(() => seen.length > 0)
    // Somebody who knew nothing of it moves the pointer before we look again.
    const other = await openReplica(stale.port, namespace)
    const theirs = await other.registry.point({ version: 'v2', expect: 1, ...by })
    await other.registry.close()
    const next = await failOver(server, stale)
    await until(() => seen.at(-1)?.live.version === 'v2')
    expect(await registry.live()).toEqual(theirs)
    expect((await registry.history(5)).map(({ live }) => live.version)).toEqual(['v2', 'v0'])
    await next.stop()
  })

  test('that lost a live version which nobody has on disk goes on with the one before it', async () => {
    const [server, namespace] = [await redisForTest(), freshNamespace()]
    const trainer = await openReplica(server.port, namespace)
    const clock = { ...patientClock, monotonicMs: () => systemClock.monotonicMs() * 20 }
    const others = [
      await openReplica(server.port, namespace, { clock }),
      await openReplica(server.port, namespace, { clock }),
    ]
    for (const version of ['v0', 'v1']) await trainer.registry.publish(plainVersion(version))
    await trainer.registry.point({ version: 'v0', expect: 0, ...by })
    for (const { registry } of others) await registry.load('v0')
    const lost = await trainer.registry.point({ version: 'v1', expect: 1, ...by })
    await sees(others, lost)
    await trainer.registry.close()
    await ask(server.url, (redis) => redis.flushall())
    await restored(server, namespace, 3)
    for (const { registry } of others) {
      await until(async () => (await registry.live())?.generation === 3)
      expect(await registry.live()).toMatchObject({
        live: { version: 'v0' },
        previous: 'v1',
        by: 'start',
      })
      await registry.load('v0')
    }
  })
})
