/** Copying fails for as long as one likes, then the leader dies: what it had acknowledged and learned is still in the stream. */
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { readKeyOf, redisSource } from '../../connectors/redis/source.ts'
import type { Positions, Source } from '../../src/contracts/source.ts'
import type { CheckpointCopies } from '../../src/fleet/contract.ts'
import { noteCopiedPosition } from '../../src/fleet/keys.ts'
import { openForwarder } from '../../src/intake/inbox/forwarder.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { openInbox } from '../../src/intake/inbox/inbox.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openRedis, type Redis } from '../../src/platform/redis/redis.ts'
import { CheckpointReplicator } from '../../src/trainer/lease/replicator.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'
import { silentLog } from '../trainer/world.ts'
import { leaseOf } from './lease-of.ts'

beforeEach((context) => needsRedis(context))

const never = new AbortController().signal
const stream = 'ns:{m}:feedback'
const keys = { stream, place: 'ns:{m}:forwarded:r1', word: readKeyOf(stream, 'm') }

async function connected(port: number): Promise<Redis> {
  const address = { host: '127.0.0.1', port }
  const options = { namespace: 'ns', address, commandMs: 10_000, connectMs: 10_000 }
  const redis = await openRedis(options, { log: silentLog, clock: systemClock })
  onTestFinished(() => redis.close())
  return redis
}

/** Feedback of one replica. Nothing is too young to be trimmed: as after ten minutes. */
function replica(redis: Redis) {
  const path = join(scratchFolder(), 'inbox.db')
  const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
  const inbox = openInbox(path, bounds)
  const reader = openInboxReader(path)
  const forwarder = openForwarder({
    ...{ journal: reader.journal, redis, keys, replica: 'r1', unreadEntries: 1e6, keepMs: 0 },
    ...{ clock: systemClock, log: silentLog },
  })
  onTestFinished(async () => {
    await forwarder.close()
    reader.close()
    await inbox.close()
  })
  let count = 0
  return async (events: number) => {
    const made = Array.from({ length: events }, (_, at) => {
      const bytes = new TextEncoder().encode(String(count + at))
      return { source: 's', id: `e-${count + at}`, bytes }
    })
    await inbox.append(made)
    count += events
    forwarder.wake()
    await expect.poll(() => forwarder.waiting()).toBe(0)
  }
}

function sourceOn(redis: Redis): Source {
  const options = { name: 'http', redis, streams: [stream], model: 'm', eventBytes: 1024 }
  return redisSource({ ...options, clock: systemClock, log: silentLog })
}

async function learn(source: Source, count: number) {
  const records = await source.read({ records: count, waitMs: 0 }, never)
  const positions = { [stream]: records.at(-1)!.next }
  await source.commit(positions)
  return { ids: records.map(({ value }) => Number(Buffer.from(value).toString())), positions }
}

/** What the trainer copies; `copies.put` may be told to fail. */
function copying(redis: Redis) {
  const world = { fails: false, positions: {} as Positions }
  const put = async () => {
    if (world.fails) throw failure('COPY_TOO_LARGE', 'too large')
    return Promise.resolve({ epoch: 1, sequence: 1, bytes: 1, sha256: '' })
  }
  const retry = new RetryPolicy({
    ...{ clock: systemClock, log: silentLog, jitter: openRandom(1, 'jitter') },
  })
  const made = new CheckpointReplicator({
    ...{ lease: leaseOf('m', 1), retry, hasCopy: false, everyMs: 1, clock: systemClock },
    ...{ log: silentLog, onLost: () => undefined },
    copies: { put, head: () => Promise.resolve(undefined) } as unknown as CheckpointCopies,
    local: {
      stamp: () => undefined,
      snapshot: (work) => work('copy', { epoch: 1, sequence: 1 }, { http: world.positions }),
      replace: () => Promise.resolve(),
    },
    onCopied: (positions) => noteCopiedPosition(redis, keys, positions),
  })
  return { world, made }
}

test('a stream keeps all that no copy has learned, however old it is', async () => {
  const server = await redisForTest()
  const redis = await connected(server.port)
  const give = replica(redis)
  await give(900)
  const leader = sourceOn(redis)
  await leader.open({}, never)
  const { world, made } = copying(redis)
  const first = await learn(leader, 350)
  world.positions = first.positions
  await made.saved(never)
  world.fails = true
  const second = await learn(leader, 500)
  world.positions = second.positions
  await made.saved(never)
  await made.last()
  expect(made.fault?.code).toBe('COPY_TOO_LARGE')
  await systemClock.sleep(1100)
  await give(10)
  // The leader is gone with its disk; another begins where the only copy ended.
  const successor = sourceOn(redis)
  await successor.open(first.positions, never)
  const { ids } = await learn(successor, 1000)
  expect(ids).toEqual(Array.from({ length: 560 }, (_, at) => 350 + at))
  // Copied at last, it may go.
  world.fails = false
  await made.last()
  expect(made.fault).toBeUndefined()
  await systemClock.sleep(1100)
  await give(1)
  expect(Number(await redis.command('XLEN', stream))).toBeLessThan(200)
})
