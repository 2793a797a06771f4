/** How long a model stands still after the daemon that trains it is gone: counted in leases, by a clock of the test. */
import { expect, test } from 'vitest'
import { openFairLeases } from '../../src/fleet/fair-leases.ts'
import { DAEMONS, openMembership } from '../../src/fleet/membership.ts'
import type { Redis, RedisReply } from '../../src/platform/redis/redis.ts'
import { openFakeClock, type FakeClock } from '../serving/fake-clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { MemoryKeeper, openMemoryLeases } from '../simulation/memory-leases.ts'

const log = openFakeLog()
const never = new AbortController().signal

type Calls = Map<string, { atMs: number; card: string }>

/** The roll call in memory, as the scripts have it; `isOff`: of a connection that is gone. */
function rollCall(rooms: Map<string, Calls>, clock: FakeClock, isOff: () => boolean): Redis {
  const roomOf = (key: string) => rooms.get(key) ?? rooms.set(key, new Map()).get(key)!
  const answers: Record<string, (room: Calls, args: readonly unknown[]) => RedisReply> = {
    'roll call': (room, [name, card]) => {
      room.set(String(name), { atMs: clock.nowMs(), card: String(card) })
      return null
    },
    'roll list': (room, [lifeMs]) => {
      for (const [name, { atMs }] of room)
        if (clock.nowMs() - atMs >= Number(lifeMs)) room.delete(name)
      return [...room].map(([name, { atMs, card }]) => [name, card, clock.nowMs() - atMs])
    },
    'roll ages': (room) => [...room].map(([name, { atMs }]) => [name, clock.nowMs() - atMs]),
    'roll leave': (room, [name]) => Number(room.delete(String(name))),
  }
  return {
    key: (...parts: readonly string[]) => parts.join(':'),
    script: async ({ name }, [key], args) => {
      if (isOff()) throw new Error('gone')
      return answers[name]!(roomOf(key!), args)
    },
  } as Pick<Redis, 'key' | 'script'> as Redis
}

/** A daemon: the roll call of its server process, and the leases of its trainer, whose time may jump. */
function daemonOf(
  replica: string,
  keeper: MemoryKeeper,
  clock: FakeClock,
  rooms: Map<string, Calls>,
  leaseMs: number,
) {
  const state = { aheadMs: 0, isGone: false, isPaused: false }
  const own = { ...clock, monotonicMs: () => clock.monotonicMs() + state.aheadMs }
  const ofServer = rollCall(rooms, clock, () => state.isGone)
  const life = { everyMs: 1000, lifeMs: 5000, clock, log }
  openMembership({ redis: ofServer, room: DAEMONS, name: replica, card: () => ({}), ...life })
  const redis = rollCall(rooms, clock, () => state.isGone || state.isPaused)
  const leases = openFairLeases({
    leases: openMemoryLeases({ keeper, holder: replica, leaseMs, clock: own, log }),
    ...{ redis, replica, instance: '1', models: () => ['m'], leaseMs, clock: own, log },
  })
  return { state, acquire: async () => leases.acquire('m', { floor: 0, signal: never }) }
}

async function lateAgainAndAgain(leaseMs = 6000) {
  const clock = openFakeClock()
  const keeper = new MemoryKeeper(clock)
  const rooms = new Map<string, Calls>()
  const a = daemonOf('a', keeper, clock, rooms, leaseMs)
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) await clock.advance(250)
  }
  const begun = a.acquire()
  await pass(leaseMs)
  const lease = await begun
  const b = daemonOf('b', keeper, clock, rooms, leaseMs)
  const waiting = { isGranted: false }
  void b.acquire().then(() => (waiting.isGranted = true))
  for (const late of [0.5, 2, 2, 2]) {
    a.state.aheadMs += late * leaseMs
    await pass(leaseMs)
  }
  const leftMs = (await keeper.view('m'))!.expiresMs - clock.nowMs()
  expect(leftMs / leaseMs).toBeGreaterThan(8)
  const isSilent = () => a.state.isGone || a.state.isPaused
  keeper.fate = (_, claim) => (isSilent() && claim?.holder === 'a' ? 'never arrived' : 'answered')
  return { a, b, lease, leaseMs, pass, waiting }
}

test('one whose trainer was late again and again is replaced within two leases after it is gone', async () => {
  const { a, leaseMs, pass, waiting } = await lateAgainAndAgain()
  a.state.isGone = true
  await pass(2 * leaseMs)
  expect(waiting.isGranted).toBe(true)
})

test('one whose trainer is late, while its server calls, keeps its longer lease', async () => {
  const { a, lease, leaseMs, pass, waiting } = await lateAgainAndAgain()
  a.state.isPaused = true
  await pass(5 * leaseMs)
  a.state.isPaused = false
  await pass(leaseMs)
  lease.check()
  expect(waiting.isGranted).toBe(false)
})

test('one that reaches Redis a moment later than another after an outage is not gone', async () => {
  const { a, b, lease, leaseMs, pass, waiting } = await lateAgainAndAgain(1500)
  a.state.isGone = b.state.isGone = true
  await pass(2 * leaseMs)
  b.state.isGone = false
  await pass(1000)
  a.state.isGone = false
  await pass(2 * leaseMs)
  lease.check()
  expect(waiting.isGranted).toBe(false)
})
