/** Feedback on its way from a replica's inbox to the fleet's trainer: nothing lost, nothing learned twice, in order. */
import { join } from 'node:path'
import { Redis as Client } from 'ioredis'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { readKeyOf, redisSource } from '../../connectors/redis/source.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { Positions, Source } from '../../src/contracts/source.ts'
import { send } from '../../src/intake/inbox/forward-script.ts'
import type { ForwarderOptions } from '../../src/intake/inbox/forwarder.ts'
import { openForwarder } from '../../src/intake/inbox/forwarder.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { openInbox } from '../../src/intake/inbox/inbox.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { ended, firstLine, startChild } from '../child.ts'
import { scratchFolder } from '../scratch-folder.ts'
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

beforeEach((context) => needsRedis(context))

const never = new AbortController().signal
const stream = 'ns:{m}:feedback'
const keys = {
  stream,
  place: 'ns:{m}:forwarded:r1',
  word: readKeyOf(stream, 'm'),
}
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at)
const event = (number: number) => ({
  source: 's',
  id: `e-${number}`,
  bytes: new TextEncoder().encode(String(number)),
})

function openedInbox(path = join(scratchFolder(), 'inbox.db')) {
  const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
  const inbox = openInbox(path, bounds)
  onTestFinished(() => inbox.close())
  return { path, inbox, append: (of: readonly number[]) => inbox.append(of.map(event)) }
}

/** A Redis that has to wait for the processor is no Redis that is away. */
async function connected(server: RedisServer, commandMs = 10_000) {
  const address = { host: '127.0.0.1', port: server.port }
  const options = { namespace: 'ns', address, commandMs, connectMs: 10_000 }
  const redis = await openRedis(options, { log: silent, clock: systemClock })
  onTestFinished(() => redis.close())
  return redis
}

async function forwarding(
  server: RedisServer,
  path: string,
  { commandMs, ...more }: Partial<ForwarderOptions> & { readonly commandMs?: number } = {},
) {
  const reader = openInboxReader(path)
  let forwarded = 0
  const forwarder = openForwarder({
    journal: reader.journal,
    redis: await connected(server, commandMs),
    keys,
    replica: 'r1',
    clock: systemClock,
    log: silent,
    unreadEntries: 1e6,
    onForwarded: (count) => void (forwarded += count),
    ...more,
  })
  onTestFinished(async () => {
    await forwarder.close()
    reader.close()
  })
  return { forwarder, forwarded: () => forwarded }
}

async function feedbackIn(server: RedisServer): Promise<Source> {
  const source = redisSource({
    name: 'http',
    redis: await connected(server),
    streams: [stream],
    model: 'm',
    eventBytes: 1024,
    clock: systemClock,
    log: silent,
  })
  await source.open({}, never)
  return source
}

/** Stands in for the trainer: takes what comes, knows an event that it had, leaves word. */
async function learning(server: RedisServer) {
  const source = await feedbackIn(server)
  const learned: string[] = []
  const positions: Record<string, string> = {}
  return {
    learned,
    async take(most = 1000): Promise<void> {
      const read = await source.read({ records: most, waitMs: 0 }, never).catch(() => [])
      for (const { value, partition, next } of read) {
        const id = Buffer.from(value).toString()
        if (!learned.includes(id)) learned.push(id)
        positions[partition] = next
      }
      await source.commit(positions as Positions).catch(() => undefined)
    },
  }
}

const inStream = (server: RedisServer) =>
  ask(server.url, async (redis) =>
    (await redis.xrange(stream, '-', '+')).map(([, fields]) => Number(fields[1])),
  )

test('messages come into the stream in order, once, and count as learned when the trainer says so', async () => {
  const server = await redisForTest()
  const { path, inbox, append } = openedInbox()
  await append(numbers(1200))
  const { forwarder, forwarded } = await forwarding(server, path)
  await append(numbers(30, 1200))
  forwarder.wake()
  await expect.poll(() => forwarder.waiting()).toBe(0)
  expect(await inStream(server)).toEqual(numbers(1230))
  expect(forwarded()).toBe(1230)
  expect(inbox.unread()).toBe(1230)
  const trainer = await learning(server)
  for (const turn of [1, 2]) await trainer.take(turn * 1000)
  await expect.poll(() => inbox.unread()).toBe(0)
  expect(trainer.learned.map(Number)).toEqual(numbers(1230))
})

test('an entry says whose it is, and when its event was taken', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  await append([7])
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  const [entry] = await ask(server.url, (redis) => redis.xrange(stream, '-', '+'))
  expect(entry?.[1].slice(0, 7)).toEqual(['event', '7', 'replica', 'r1', 'offset', '0', 'time_ms'])
  expect(Number(entry?.[1][7])).toBeGreaterThan(1.7e12)
})

test('the trace of a message comes out of the stream as a header', async () => {
  const server = await redisForTest()
  const { path, inbox } = openedInbox()
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const bytes = Buffer.from('1')
  await inbox.append([
    { source: 's', id: 'traced', bytes, traceparent },
    { source: 's', id: 'plain', bytes },
  ])
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  const source = await feedbackIn(server)
  const records = await source.read({ records: 10, waitMs: 0 }, never)
  expect(records.map(({ headers = {} }) => headers.traceparent)).toEqual([traceparent, undefined])
})

test('after FLUSHALL comes again what the trainer has not learned, and nothing that it has', async () => {
  const server = await redisForTest()
  const { path, inbox, append } = openedInbox()
  await append(numbers(900))
  const { forwarder } = await forwarding(server, path)
  const trainer = await learning(server)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await trainer.take(600)
  await expect.poll(() => inbox.unread()).toBe(300)
  await ask(server.url, (redis) => redis.flushall())
  await append(numbers(100, 900))
  forwarder.wake()
  await expect.poll(() => inStream(server)).toEqual(numbers(400, 600))
  await trainer.take()
  expect(trainer.learned.map(Number)).toEqual(numbers(1000))
})

test('after FLUSHALL a stream that another replica has begun again is no reason to go on from the old place', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  await append(numbers(10))
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await ask(server.url, async (redis) => {
    await redis.multi().flushall().xadd(stream, '*', 'event', '-1', 'replica', 'r2').exec()
  })
  await append([10])
  forwarder.wake()
  await expect.poll(() => inStream(server)).toEqual([-1, ...numbers(11)])
})

test('a batch that comes twice changes nothing the second time', async () => {
  const server = await redisForTest()
  const redis = await connected(server)
  const batch = {
    expected: '',
    hasStream: false,
    place: 'i/1',
    replica: 'r1',
    messages: [{ offset: 0, value: Buffer.from('0'), timeMs: 1 }],
    unreadEntries: 10,
    bytes: 1e9,
    keepMs: 0,
  }
  const all = [keys.stream, keys.place, keys.word]
  const answers = [await send(redis, all, batch), await send(redis, all, batch)]
  expect(answers.map(({ status }) => status)).toEqual(['sent', 'moved'])
  expect(await inStream(server)).toEqual([0])
})

test('a stream that is full in bytes takes nothing more until it has room', async () => {
  const server = await redisForTest()
  const redis = await connected(server)
  const all = [keys.stream, keys.place, keys.word]
  const batch = (number: number, bytes: number) => ({
    expected: number === 0 ? '' : `i/${number}`,
    ...{ hasStream: number > 0, place: `i/${number + 1}`, replica: 'r1' },
    messages: [{ offset: number, value: Buffer.alloc(20_000), timeMs: 1 }],
    ...{ unreadEntries: 1000, bytes, keepMs: 0 },
  })
  const statuses: string[] = []
  for (let number = 0; number < 10 && !statuses.includes('full'); number += 1)
    statuses.push((await send(redis, all, batch(number, 70_000))).status)
  expect(statuses.at(-1)).toBe('full')
  expect(statuses.length).toBeGreaterThan(3)
  const sent = statuses.length - 1
  expect(await inStream(server)).toHaveLength(sent)
  expect((await send(redis, all, batch(sent, 1e9))).status).toBe('sent')
})

test('a stream that somebody deleted is filled again with what was not learned', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  await append(numbers(10))
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await ask(server.url, (redis) => redis.del(stream))
  await append([10])
  forwarder.wake()
  await expect.poll(() => inStream(server)).toEqual(numbers(11))
})

test('kills of a Redis that keeps nothing lose nothing, and nothing is learned twice or out of order', async () => {
  let server = await redisForTest()
  const { path, inbox, append } = openedInbox()
  const { forwarder } = await forwarding(server, path)
  const trainer = await learning(server)
  for (let round = 0; round < 4; round += 1) {
    await append(numbers(300, round * 300))
    forwarder.wake()
    await systemClock.sleep(10)
    await trainer.take(100)
    await server.kill()
    server = await restartRedis(server)
    const started = server
    onTestFinished(() => started.stop())
  }
  await expect
    .poll(
      async () => {
        await trainer.take()
        return inbox.unread()
      },
      { timeout: 30_000 },
    )
    .toBe(0)
  expect(trainer.learned.map(Number)).toEqual(numbers(1200))
})

test('a failover to a replica that was cut off is made good from the inbox', async () => {
  const main = await redisForTest()
  const replica = await startReplica(main)
  const { path, inbox, append } = openedInbox()
  const { forwarder } = await forwarding(main, path)
  const trainer = await learning(main)
  await append(numbers(100))
  forwarder.wake()
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await trainer.take(50)
  await ask(main.url, (redis) => redis.wait(1, 1000))
  await detach(replica)
  await append(numbers(100, 100))
  forwarder.wake()
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await trainer.take(70)
  const next = await failOver(main, replica)
  onTestFinished(() => next.stop())
  await append(numbers(10, 200))
  await expect
    .poll(
      async () => {
        await trainer.take()
        return inbox.unread()
      },
      { timeout: 30_000 },
    )
    .toBe(0)
  expect(trainer.learned.map(Number)).toEqual(numbers(210))
})

test('a batch that was given up and lands late is not doubled', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  const { forwarder } = await forwarding(server, path, { commandMs: 300 })
  for (let round = 0; round < 3; round += 1) {
    server.pause()
    await append(numbers(50, round * 50))
    forwarder.wake()
    await systemClock.sleep(400)
    server.resume()
    await expect.poll(() => forwarder.waiting()).toBe(0)
  }
  expect(await inStream(server)).toEqual(numbers(150))
})

test('kills of the replica lose nothing that was accepted, and send nothing twice', async () => {
  const server = await redisForTest()
  const path = join(scratchFolder(), 'inbox.db')
  const random = openRandom(1, 'kills')
  let printed = ''
  const accepted = () =>
    printed
      .split('\n')
      .filter((line) => /^\d+$/.test(line))
      .map(Number)
  for (let kill = 0; kill < 6; kill += 1) {
    const child = startChild(
      './forwarder.child.mjs',
      import.meta.url,
      path,
      `${server.port}`,
      `${kill}`,
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    await firstLine(child)
    child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    // The first one lives until something was accepted, however slow the machine is.
    if (kill === 0) await expect.poll(() => accepted().length).not.toBe(0)
    await systemClock.sleep(40 + random.below(150))
    child.kill('SIGKILL')
    await ended(child)
  }
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  const sent = await inStream(server)
  expect(new Set(sent).size).toBe(sent.length)
  expect(sent).toEqual(sent.toSorted((left, right) => left - right))
  expect(sent).toEqual(expect.arrayContaining(accepted()))
  // Each kill costs the start of a process, which takes a busy machine ten seconds.
}, 240_000)

test('a stream that is not read does not grow over its limit: the rest waits in the inbox', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  await append(numbers(500))
  const { forwarder } = await forwarding(server, path, { unreadEntries: 100, keepMs: 0 })
  await expect.poll(async () => (await inStream(server)).length).toBe(100)
  const trainer = await learning(server)
  await expect
    .poll(
      async () => {
        await trainer.take()
        return trainer.learned.length
      },
      { timeout: 30_000, interval: 100 },
    )
    .toBe(500)
  // The trainer may have the last of them before their sender hears that they went.
  await expect.poll(() => forwarder.waiting()).toBe(0)
  expect(trainer.learned.map(Number)).toEqual(numbers(500))
})

test('what the trainer has learned is trimmed when it is old enough, and nothing else', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  await append(numbers(1000))
  const { forwarder } = await forwarding(server, path, { keepMs: 0 })
  await expect.poll(() => forwarder.waiting()).toBe(0)
  const trainer = await learning(server)
  await trainer.take(450)
  await systemClock.sleep(1100)
  await append([1000])
  forwarder.wake()
  await expect.poll(async () => (await inStream(server)).at(-1)).toBe(1000)
  const [first] = await inStream(server)
  // Whole nodes of the stream go, of a hundred entries.
  expect(first).toBeGreaterThanOrEqual(300)
  expect(first).toBeLessThan(450)
})

test('after a restart the inbox counts as unread what the trainer has not learned, in the middle of the stream', async () => {
  const server = await redisForTest()
  const { path, inbox, append } = openedInbox()
  await append(numbers(1000))
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await forwarder.close()
  const trainer = await learning(server)
  await trainer.take(600)
  await forwarding(server, path)
  await expect.poll(() => inbox.unread()).toBe(400)
  await trainer.take(150)
  await expect.poll(() => inbox.unread()).toBe(250)
  await trainer.take(250)
  await expect.poll(() => inbox.unread()).toBe(0)
})

test('what an earlier inbox under the same name has in the stream says nothing of this one', async () => {
  const server = await redisForTest()
  const before = openedInbox()
  await before.append(numbers(20))
  const { forwarder: first } = await forwarding(server, before.path)
  await expect.poll(() => first.waiting()).toBe(0)
  await first.close()
  const { path, inbox, append } = openedInbox()
  await append(numbers(20, 100))
  const { forwarder } = await forwarding(server, path)
  await expect.poll(() => forwarder.waiting()).toBe(0)
  await forwarder.close()
  const trainer = await learning(server)
  await trainer.take(10)
  const { forwarder: again } = await forwarding(server, path)
  await expect.poll(() => again.heard()).not.toBe('')
  expect(inbox.unread()).toBe(20)
  await trainer.take(15)
  await expect.poll(() => inbox.unread()).toBe(15)
})

test('another inbox under the same name begins with its own first message', async () => {
  const server = await redisForTest()
  for (const from of [0, 100]) {
    const { path, append } = openedInbox()
    await append(numbers(5 + from / 100, from))
    const { forwarder } = await forwarding(server, path)
    await expect.poll(() => forwarder.waiting()).toBe(0)
    await forwarder.close()
  }
  expect(await inStream(server)).toEqual([...numbers(5), ...numbers(6, 100)])
})

test('closing sends what is there, and ends also where Redis is away', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  const { forwarder } = await forwarding(server, path)
  await append(numbers(1500))
  await forwarder.close(5000)
  expect(await inStream(server)).toEqual(numbers(1500))
  await server.kill()
  const { forwarder: late } = await forwarding(server, path)
  await append([1500])
  await late.close(5000)
  expect(late.waiting()).toBeGreaterThan(0)
})

test('what messages name is put into Redis before them', async () => {
  const server = await redisForTest()
  const { path, append } = openedInbox()
  const client = new Client(server.url)
  onTestFinished(() => client.disconnect())
  const seen: number[] = []
  await append(numbers(3))
  const before = async () => void seen.push(await client.xlen(stream))
  const { forwarder } = await forwarding(server, path, { before })
  await expect.poll(() => forwarder.waiting()).toBe(0)
  expect(seen[0]).toBe(0)
})
