/** Several daemons on one Redis take their shares; and the roll call on which that rests. */
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import {
  openMembers,
  openHeardMembers,
  type MemberInfo,
} from '../../src/serving/services/fleet/members.ts'
import { openRedisLeases } from '../../src/fleet/redis-leases.ts'
import { openFairLeases } from '../../src/fleet/fair-leases.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis, type Redis } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { openFakeClock } from '../serving/fake-clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import {
  ask,
  needsRedis,
  redisForTest,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'

const clock = systemClock
const log = openFakeLog()
/** As a daemon has it: a busy machine stands still for seconds, and a lease that is lost so moves its model. */
const leaseMs = 6000
let shared: RedisServer | undefined
beforeAll(async () => {
  if (redisIsInstalled) shared = await startRedis()
})
afterAll(() => shared?.stop())
beforeEach(async (context) => {
  needsRedis(context)
  await ask(shared!.url, (redis) => redis.flushall())
})

async function connect(server: RedisServer): Promise<Redis> {
  const address = { host: '127.0.0.1', port: server.port }
  const options = { namespace: 'test', address, commandMs: 5000, connectMs: 5000 }
  const redis = await openRedis(options, { log, clock })
  onTestFinished(() => redis.close())
  return redis
}

async function until(truth: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await truth())) await clock.sleep(20)
}

/** Model → who trains it now, over all daemons of a test. */
type Holders = Map<string, string>

interface Daemon {
  readonly holds: ReadonlySet<string>
  /** In order: everything is given back. */
  stop(): Promise<void>
  /** As a kill would leave it: nothing more is heard of it. */
  die(): void
}

async function startDaemon(
  replica: string,
  models: readonly string[],
  holders: Holders,
  gaveBack: string[] = [],
): Promise<Daemon> {
  const redis = await connect(shared!)
  const leases = openRedisLeases({ redis, holder: replica, leaseMs, clock, log })
  const options = {
    leases,
    redis,
    replica,
    instance: '1',
    models: () => models,
    leaseMs,
    clock,
    log,
  }
  const sharing = openFairLeases(options)
  const holds = new Set<string>()
  const stopped = new AbortController()
  const train = async (model: string) => {
    while (!stopped.signal.aborted) {
      const lease = await sharing.acquire(model, { floor: 0, signal: stopped.signal })
      lease.check()
      const before = holders.get(model)
      if (before !== undefined) throw new Error(`${model} is trained by ${before} and ${replica}`)
      holders.set(model, replica)
      holds.add(model)
      const over = AbortSignal.any([lease.signal, stopped.signal])
      await sharing.giveBack(lease, over).then(
        () => gaveBack.push(model),
        () => undefined,
      )
      holders.delete(model)
      holds.delete(model)
      await lease.release()
    }
  }
  const training = models.map((model) => train(model).catch(() => undefined))
  return {
    holds,
    async stop() {
      stopped.abort(new Error('stopped'))
      await Promise.all(training)
      await sharing.close()
    },
    die() {
      redis.close()
      for (const model of holds) holders.delete(model)
    },
  }
}

const models = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6']
const sizes = (...daemons: Daemon[]) => daemons.map(({ holds }) => holds.size).sort()

test('models spread evenly, over daemons that come, go and die, and no model has two', async () => {
  const holders: Holders = new Map()
  const gaveBack: string[] = []
  const [a, b] = await Promise.all(
    ['a', 'b'].map((each) => startDaemon(each, models, holders, gaveBack)),
  )
  await until(() => String(sizes(a!, b!)) === '3,4')
  const first = new Map(holders)
  // Whoever came first may have taken more, before the other was there.
  const before = gaveBack.length
  // A third gets its share, which is two, and nothing else moves.
  const c = await startDaemon('c', models, holders, gaveBack)
  await until(() => String(sizes(a!, b!, c)) === '2,2,3')
  expect(gaveBack).toHaveLength(before + 2)
  expect(models.filter((model) => holders.get(model) !== first.get(model))).toHaveLength(2)
  // One that leaves in order leaves its models to the others.
  await b!.stop()
  await until(() => String(sizes(a!, c)) === '3,4')
  // And so does one that dies.
  c.die()
  await until(() => a!.holds.size === 7)
  expect(new Set(holders.values())).toEqual(new Set(['a']))
  await a!.stop()
})

test('a daemon trains only what it can', async () => {
  const holders: Holders = new Map()
  const a = await startDaemon('a', ['only-a', 'both'], holders)
  const b = await startDaemon('b', ['only-b', 'both', 'both-2'], holders)
  await until(() => holders.size === 4)
  expect(holders.get('only-a')).toBe('a')
  expect(holders.get('only-b')).toBe('b')
  expect(holders.get('both-2')).toBe('b')
  await Promise.all([a.stop(), b.stop()])
})

const card = (pid: number): MemberInfo => ({
  role: 'all',
  pid,
  host: 'here',
  url: 'http://127.0.0.1:8080',
  sinceMs: 1,
  models: {
    m: {
      version: 'v3',
      digest: 'd',
      generation: 4,
      trainer: null,
      rejected: 1,
      duplicates: 2,
      waiting: 0,
    },
  },
})

test('members see each other, what changed of them, and who has left', async () => {
  const [a, b] = [await connect(shared!), await connect(shared!)]
  let pid = 1
  const one = openMembers({ redis: a, replica: 'one', card: () => card(pid), clock, log })
  const other = openMembers({ redis: b, replica: 'other', card: () => card(2), clock, log })
  const names = async () => (await one.list()).map(({ replica }) => replica)
  await until(async () => String(await names()) === 'one,other')
  const [seen] = await other.list()
  expect(seen).toMatchObject({ ...card(1), replica: 'one' })
  expect(Math.abs(seen!.seenMs - clock.nowMs())).toBeLessThan(60_000)
  pid = 3
  await one.call()
  expect((await other.list())[0]?.pid).toBe(3)
  await other.close()
  expect(await names()).toEqual(['one'])
  await one.close()
})

test('the log names the daemons that come and go, and a Redis that was away makes none go', async () => {
  const [fake, lines] = [openFakeClock(), openFakeLog()]
  let listed: readonly string[] | undefined = ['me']
  const list = async () => {
    if (listed === undefined) throw new Error('away')
    return listed.map((replica) => ({ ...card(1), replica, seenMs: fake.nowMs() }))
  }
  const heard = openHeardMembers({ list }, { replica: 'me', clock: fake, log: lines })
  await fake.advance(0)
  const see = async (...looks: readonly (readonly string[] | undefined)[]) => {
    for (const names of looks) {
      listed = names
      await fake.advance(1000)
    }
    return lines.lines.map(({ message }) => message)
  }
  const there = 'another daemon is in the fleet'
  expect(await see(['me', 'one'], ['me', 'one'], undefined, ['me'], ['me', 'one'])).toEqual([there])
  expect(await see(['me'], ['me'], ['me'])).toEqual([
    there,
    'another daemon has left the fleet, or is silent',
  ])
  heard.close()
})

test('who is not heard of for a while is not there, and is again after a FLUSHALL', async () => {
  const mine = await redisForTest()
  const [a, b] = [await connect(mine), await connect(mine)]
  const one = openMembers({ redis: a, replica: 'one', card: () => card(1), clock, log })
  const other = openMembers({ redis: b, replica: 'other', card: () => card(2), clock, log })
  const names = async () => String((await one.list()).map(({ replica }) => replica))
  await until(async () => (await names()) === 'one,other')
  b.close()
  // Its last call, as if it were long ago.
  await a.command('ZADD', a.key('fleet', 'members', 'calls'), 1, 'other')
  expect(await names()).toBe('one')
  await ask(mine.url, (redis) => redis.flushall())
  await one.call()
  expect(await names()).toBe('one')
  await mine.kill()
  await until(() => a.status !== 'ready')
  expect((await rejection(one.list())).code).toBe('REDIS_UNAVAILABLE')
  await other.close()
  await one.close()
})
