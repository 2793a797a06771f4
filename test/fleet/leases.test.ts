/** Leases in memory and in Redis under one suite, and what only the one or the other can show. */
import { getEventListeners } from 'node:events'
import { afterAll, beforeAll, expect, onTestFinished, test, vi, type TestContext } from 'vitest'
import type { Leases } from '../../src/fleet/contract.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis, type Redis } from '../../src/platform/redis/redis.ts'
import { openRedisLeases } from '../../src/fleet/redis-leases.ts'
import { LEASE_MS, leasesConformance, type MadeLeases } from '../conformance/leases.ts'
import { thrown } from '../coded.ts'
import { openFakeClock } from '../serving/fake-clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisIsInstalled,
  restartRedis,
  startRedis,
  startReplica,
  type RedisServer,
} from '../services/redis.ts'
import { MemoryKeeper, openMemoryLeases } from '../simulation/memory-leases.ts'

const clock = systemClock
const log = openFakeLog()
const never = new AbortController().signal

/** Time while this process runs: in memory keeper and holder are one, and a busy machine stops both. */
let [ranMs, lookedMs] = [0, clock.monotonicMs()]
const running = {
  ...clock,
  monotonicMs: () => {
    const nowMs = clock.monotonicMs()
    ranMs += Math.min(nowMs - lookedMs, 50)
    lookedMs = nowMs
    return ranMs
  },
}
const ticking = setInterval(running.monotonicMs, 10)
afterAll(() => clearInterval(ticking))

function inMemory(keeper: MemoryKeeper, holder: string): Leases {
  return openMemoryLeases({ keeper, holder, leaseMs: LEASE_MS, clock: running, log })
}

leasesConformance('in memory', async () => {
  const keeper = new MemoryKeeper(running)
  return {
    open: async (holder) => inMemory(keeper, holder),
    forget: async () => keeper.forget(),
    away: async (work) => {
      keeper.fate = () => 'never arrived'
      await work()
      keeper.fate = () => 'answered'
    },
    close: async () => undefined,
  }
})

leasesConformance('in memory whose answers get lost', async () => {
  const keeper = new MemoryKeeper(running)
  let questions = 0
  const lossy = () => {
    questions += 1
    if (questions % 3 === 0) return 'answer lost' as const
    return questions % 7 === 0 ? ('never arrived' as const) : ('answered' as const)
  }
  const view = (question: string) =>
    question === 'view' || question === 'release' ? ('answered' as const) : lossy()
  keeper.fate = view
  return {
    open: async (holder) => inMemory(keeper, holder),
    forget: async () => keeper.forget(),
    away: async (work) => {
      keeper.fate = () => 'never arrived'
      await work()
      keeper.fate = view
    },
    close: async () => undefined,
  }
})

test('a daemon that waits for a lease leaves nothing behind at the signal of its stop', async () => {
  const keeper = new MemoryKeeper(running)
  await inMemory(keeper, 'holder').acquire('m', { floor: 0, signal: never })
  const stop = new AbortController()
  let pauses = 0
  const sleep = async (_: number, signal?: AbortSignal) => {
    pauses += 1
    if (pauses === 100) stop.abort(new Error('stop'))
    signal?.throwIfAborted()
    await Promise.resolve()
  }
  const any = vi.spyOn(AbortSignal, 'any')
  const standby = openMemoryLeases({
    ...{ keeper, holder: 'standby', leaseMs: LEASE_MS, log },
    clock: { ...running, sleep },
  })
  await expect(standby.acquire('m', { floor: 0, signal: stop.signal })).rejects.toThrow('stop')
  expect(pauses).toBe(100)
  expect(any.mock.calls.length).toBeLessThanOrEqual(1)
  any.mockRestore()
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
})

const servers: RedisServer[] = []
async function oneServer(): Promise<RedisServer> {
  const server = await startRedis()
  servers.push(server)
  return server
}
let shared: RedisServer | undefined
beforeAll(async () => {
  if (redisIsInstalled) shared = await oneServer()
})
afterAll(() => Promise.all(servers.map((server) => server.stop())))

/** `commandMs`: with room for a second renewal in a life when the first has no answer. */
async function connect(
  server: RedisServer,
  namespace: string,
  commandMs = LEASE_MS / 4,
): Promise<Redis> {
  const address = { host: '127.0.0.1', port: server.port }
  return openRedis({ namespace, address, commandMs, connectMs: 5000 }, { log, clock })
}

/** Where nothing is measured a busy machine may take its time. */
const patientMs = 10_000

/** A server is a process of its own, which a busy machine stops for a second. */
const REDIS_LEASE_MS = 4000

const inRedis = async (context: TestContext): Promise<MadeLeases> => {
  needsRedis(context)
  const server = await oneServer()
  const connections: Redis[] = []
  return {
    open: async (holder) => {
      const redis = await connect(server, 'test', REDIS_LEASE_MS / 4)
      connections.push(redis)
      return openRedisLeases({ redis, holder, leaseMs: REDIS_LEASE_MS, clock, log })
    },
    forget: async () => {
      await ask(server.url, (redis) => redis.flushall())
    },
    away: async (work) => {
      server.pause()
      await work()
      server.resume()
    },
    close: async () => {
      for (const each of connections) each.close()
      await server.stop()
    },
  }
}
leasesConformance('in Redis', inRedis, REDIS_LEASE_MS)

test('after a stop of the whole process the holder knows before any timer has fired', async () => {
  // Monotonic time that jumped is what a process sees that was stopped.
  const fake = openFakeClock()
  const stopped = { aheadMs: 0 }
  const jumping = { ...fake, monotonicMs: () => fake.monotonicMs() + stopped.aheadMs }
  const keeper = new MemoryKeeper(jumping)
  const leases = openMemoryLeases({ keeper, holder: 'a', leaseMs: 6000, clock: jumping, log })
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  stopped.aheadMs = 5399
  lease.check()
  stopped.aheadMs = 5400
  expect(thrown(() => lease.check()).code).toBe('LEASE_LOST')
  expect(lease.signal.aborted).toBe(true)
  // For good: time that went back would not bring it back.
  stopped.aheadMs = 0
  expect(thrown(() => lease.check()).code).toBe('LEASE_LOST')
})

/** Each process has its own time: `stop` is what happens to one that gets no processor time. */
function openStoppable(keeper: MemoryKeeper, fake: ReturnType<typeof openFakeClock>) {
  let aheadMs = 0
  const own = { ...fake, monotonicMs: () => fake.monotonicMs() + aheadMs }
  const leases = openMemoryLeases({ keeper, holder: 'a', leaseMs: 6000, clock: own, log })
  return { leases, stop: (ms: number) => void (aheadMs += ms) }
}

test('a holder whose timers run late asks for a longer lease, and keeps it', async () => {
  const fake = openFakeClock()
  const { leases, stop } = openStoppable(new MemoryKeeper(fake), fake)
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  stop(3000)
  await fake.advance(2000)
  // One step takes longer than the configured lease.
  stop(10_000)
  lease.check()
  await fake.advance(2000)
  lease.check()
  const { expiresMs } = (await leases.view('m'))!
  expect(expiresMs - fake.nowMs()).toBe(6000 + 4 * 10_000)
  // With timers on time it is the configured one again.
  for (let renewal = 0; renewal < 100; renewal += 1) await fake.advance(2000)
  expect((await leases.view('m'))!.expiresMs - fake.nowMs()).toBe(6000)
})

test('a holder that was stopped once has the configured lease again after two leases on time, one that is late again and again has not', async () => {
  const fake = openFakeClock()
  const { leases, stop } = openStoppable(new MemoryKeeper(fake), fake)
  await leases.acquire('m', { floor: 0, signal: never })
  const leftMs = async () => (await leases.view('m'))!.expiresMs - fake.nowMs()
  const onTime = async (renewals: number) => {
    for (let renewal = 0; renewal < renewals; renewal += 1) await fake.advance(2000)
  }
  stop(3000)
  await onTime(1)
  expect(await leftMs()).toBe(6000 + 4 * 3000)
  await onTime(7)
  expect(await leftMs()).toBe(6000)

  for (let step = 0; step < 4; step += 1) {
    stop(3000)
    await onTime(5)
  }
  await onTime(20)
  expect(await leftMs()).toBe(6000 + 4 * 3000)
  await onTime(12)
  expect(await leftMs()).toBe(6000)
})

test('a holder that was stopped for longer than its lease asks for a longer one the next time', async () => {
  const fake = openFakeClock()
  const { leases, stop } = openStoppable(new MemoryKeeper(fake), fake)
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  stop(8000)
  expect(thrown(() => lease.check()).code).toBe('LEASE_LOST')
  await lease.release()
  const again = await leases.acquire('m', { floor: 0, signal: never })
  stop(8000)
  again.check()
})

test('an outage of the keeper makes no lease longer', async () => {
  const fake = openFakeClock()
  const keeper = new MemoryKeeper(fake)
  const { leases } = openStoppable(keeper, fake)
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  keeper.fate = () => 'never arrived'
  for (let turn = 0; turn < 60; turn += 1) await fake.advance(100)
  expect(lease.signal.aborted).toBe(true)
  keeper.fate = () => 'answered'
  await leases.acquire('m', { floor: 0, signal: never })
  expect((await leases.view('m'))!.expiresMs - fake.nowMs()).toBe(6000)
})

test('the next process of a holder has its lease at once, however long it is; another holder waits', async () => {
  const keeper = new MemoryKeeper(running)
  const open = (holder: string) =>
    openMemoryLeases({ keeper, holder, leaseMs: 600_000, clock: running, log })
  const free = { floor: 0, signal: never }
  const killed = await open('a').acquire('m', free)
  const waiting = open('b').acquire('m', free)
  const next = await open('a').acquire('m', free)
  expect(next.epoch).toBe(killed.epoch + 1)
  next.check()
  await next.release()
  expect((await waiting).epoch).toBe(next.epoch + 1)
})

test('the longer lease of a holder that is gone is not waited for, and its late writes are refused', async (context) => {
  needsRedis(context)
  const redis = await connect(shared!, 'gone', patientMs)
  const open = (holder: string, leaseMs: number) =>
    openRedisLeases({ redis, holder, leaseMs, clock, log })
  const [a, b] = [open('a', 600_000), open('b', 6000)]
  const gone = await a.acquire('m', { floor: 0, signal: never })
  const isGone = (holder: string) => holder === 'a'
  const next = await b.acquire('m', { floor: 0, signal: never, isGone })
  expect(next.epoch).toBe(gone.epoch + 1)
  await gone.release()
  expect(await b.view('m')).toMatchObject({ holder: 'b', epoch: next.epoch })
  await Promise.all([a.close(), b.close()])
  redis.close()
})

test('a wall clock that jumps changes nothing', async () => {
  const fake = openFakeClock()
  const wall = { aheadMs: 0 }
  const jumping = { ...fake, nowMs: () => fake.nowMs() + wall.aheadMs }
  const keeper = new MemoryKeeper(jumping)
  const leases = openMemoryLeases({ keeper, holder: 'a', leaseMs: 6000, clock: jumping, log })
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  for (const jump of [86_400_000, -86_400_000]) {
    wall.aheadMs = jump
    for (let turn = 0; turn < 10; turn += 1) await fake.advance(2000)
    lease.check()
  }
})

test('an answer that comes after the end does not bring the lease back', async () => {
  const fake = openFakeClock()
  const keeper = new MemoryKeeper(fake)
  const renew = keeper.renew.bind(keeper)
  const late: (() => void)[] = []
  keeper.renew = async (...question) => {
    const answer = await renew(...question)
    await new Promise<void>((resolve) => late.push(resolve))
    return answer
  }
  const leases = openMemoryLeases({ keeper, holder: 'a', leaseMs: 6000, clock: fake, log })
  const lease = await leases.acquire('m', { floor: 0, signal: never })
  await fake.advance(2000)
  expect(late).toHaveLength(1)
  await fake.advance(3400)
  expect(lease.signal.aborted).toBe(true)
  late[0]!()
  await fake.advance(0)
  expect(thrown(() => lease.check()).code).toBe('LEASE_LOST')
})

test('keys of a model lie under its hash tag, and the epoch is a plain number', async (context) => {
  needsRedis(context)
  const redis = await connect(shared!, 'keys', patientMs)
  const leases = openRedisLeases({ redis, holder: 'host 1 (a)', leaseMs: 60_000, clock, log })
  await leases.acquire('m', { floor: 0, signal: never })
  const keys = await ask(shared!.url, (other) => other.keys('keys:*'))
  expect(keys.sort()).toEqual(['keys:{m}:epoch', 'keys:{m}:lease'])
  expect(await redis.command('GET', 'keys:{m}:epoch')).toBe('1')
  expect(await leases.view('m')).toMatchObject({ holder: 'host 1 (a)', epoch: 1 })
  const successor = openRedisLeases({ redis, holder: 'host 1 (a)', leaseMs: 60_000, clock, log })
  expect((await successor.acquire('m', { floor: 0, signal: never })).epoch).toBe(2)
  await Promise.all([leases.close(), successor.close()])
  redis.close()
})

async function until(truth: () => Promise<boolean>): Promise<void> {
  while (!(await truth().catch(() => false))) await clock.sleep(20)
}

test('a failover that lost the grant itself: the holder goes on, and who was waiting goes on waiting', async (context) => {
  needsRedis(context)
  const main = await startRedis()
  const connections = await Promise.all(['a', 'b'].map(() => connect(main, 'test', patientMs)))
  // Two servers start within a life, and `b` looks again within a twelfth of one.
  const leaseMs = 12_000
  const [a, b] = connections.map((redis, index) =>
    openRedisLeases({ redis, holder: `${index}`, leaseMs, clock, log }),
  )
  await a!.acquire('m', { floor: 0, signal: never }).then((lease) => lease.release())
  const replica = await startReplica(main)
  await detach(replica)
  const lease = await a!.acquire('m', { floor: 0, signal: never })
  expect(lease.epoch).toBe(2)
  let isTaken = false
  const waiting = b!.acquire('m', { floor: 0, signal: never }).then((taken) => {
    isTaken = true
    return taken
  })
  await until(async () => (await b!.view('m'))?.epoch === 2)
  const next = await failOver(main, replica)
  onTestFinished(() => next.stop())
  // From the same holder, under the same epoch: Redis was told both again.
  await until(async () => (await b!.view('m'))?.epoch === 2)
  await clock.sleep(leaseMs / 8)
  lease.check()
  expect(isTaken).toBe(false)
  await lease.release()
  expect((await waiting).epoch).toBe(3)
  await Promise.all([a!.close(), b!.close()])
  for (const each of connections) each.close()
})

test('Redis that was killed and comes back empty within a life has its lease again, later it grants a higher epoch', async (context) => {
  needsRedis(context)
  const first = await startRedis()
  const redis = await connect(first, 'test', patientMs)
  const living = (leaseMs: number) => openRedisLeases({ redis, holder: 'a', leaseMs, clock, log })
  // A server starts within a long life; a short one is waited for.
  const [short, long] = [living(1000), living(9000)]
  await short.acquire('m', { floor: 6, signal: never }).then((first) => first.release())
  const lease = await long.acquire('m', { floor: 0, signal: never })
  await first.kill()
  const second = await restartRedis(first)
  await until(async () => (await long.view('m'))?.epoch === lease.epoch)
  lease.check()
  await lease.release()
  const lost = await short.acquire('m', { floor: lease.epoch, signal: never })
  await second.kill()
  while (!lost.signal.aborted) await clock.sleep(20)
  const third = await restartRedis(second)
  onTestFinished(() => third.stop())
  const next = await short.acquire('m', { floor: lost.epoch, signal: never })
  expect(next.epoch).toBe(lost.epoch + 1)
  await Promise.all([long.close(), short.close()])
  redis.close()
})
