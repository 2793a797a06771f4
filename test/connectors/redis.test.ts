/** Redis Streams against a real Redis, with what Redis may do to them: trimming, FLUSHALL, a failover that loses writes. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { readKeyOf, redisSource, type RedisSourceOptions } from '../../connectors/redis/source.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { Positions, Source, SourceRecord } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { rejection } from '../coded.ts'
import { sourceConformance } from '../conformance/source.ts'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisForTest,
  redisIsInstalled,
  restartRedis,
  startRedis,
  startReplica,
  type RedisServer,
} from '../services/redis.ts'

const never = new AbortController().signal
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  if (!redisIsInstalled) return
  server = await startRedis()
  redis = new Redis(server.url)
})
beforeEach(async (context) => {
  needsRedis(context)
  await redis.flushall()
})
afterAll(async () => {
  if (!redisIsInstalled) return
  redis.disconnect()
  await server.stop()
})

function clientOf(to: RedisServer): Redis {
  const options = { enableOfflineQueue: true, maxRetriesPerRequest: 0, retryStrategy: () => 20 }
  const client = new Redis(to.url, options)
  client.on('error', () => undefined)
  return client
}

/** A source with connections of its own, gone with the test. */
function sourceOn(to: RedisServer, more: Partial<RedisSourceOptions> = {}): Source {
  const clients = [clientOf(to), clientOf(to)]
  onTestFinished(() => clients.forEach((client) => client.disconnect()))
  const [commands, waiter] = clients.map((client) => ({
    bytes: (name: string, ...args: readonly (string | number | Buffer)[]) =>
      client.callBuffer(name, [...args]),
  }))
  return redisSource({
    name: 'redis',
    redis: commands!,
    waiter: waiter!,
    streams: ['events'],
    model: 'm',
    eventBytes: 1024,
    clock: systemClock,
    log: silent,
    ...more,
  })
}

async function opened(to: RedisServer, from: Positions = {}, more = {}): Promise<Source> {
  const source = sourceOn(to, more)
  await source.open(from, never)
  return source
}

async function drain(source: Source): Promise<SourceRecord[]> {
  const records: SourceRecord[] = []
  for (;;) {
    const read = await source.read({ records: 2, waitMs: 0 }, never)
    if (read.length === 0) return records
    records.push(...read)
  }
}

const texts = (records: readonly SourceRecord[]) =>
  records.map(({ value }) => Buffer.from(value).toString())
const after = (records: readonly SourceRecord[]): Positions =>
  Object.fromEntries(records.map(({ partition, next }) => [partition, next]))
const add = (value: string, to = redis, id = '*') => to.xadd('events', id, 'event', value)

for (const [name, more] of [
  ['redis', {}],
  ['redis, polled', { waiter: undefined }],
] as const)
  sourceConformance(name, async (values) => {
    const stream = `events-${Math.random()}`
    for (const value of values) await redis.xadd(stream, '*', 'event', value)
    return {
      source: () => sourceOn(server, { ...more, streams: [stream] } as object),
      append: async (added) => {
        for (const value of added) await redis.xadd(stream, '*', 'event', value)
      },
      replace: async (added) => {
        await redis.del(stream)
        for (const value of added) await redis.xadd(stream, '*', 'event', value)
      },
    }
  })

describe('an entry of a Redis stream', () => {
  test('keeps every byte of its event; its other fields are headers, as text or as bytes', async () => {
    const value = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte))
    await redis.xadd('events', '*', 'ce_id', 'c-1', 'raw', Buffer.from([0xff, 0]), 'event', value)
    const [record] = await drain(await opened(server))
    expect(Buffer.from(record!.value)).toEqual(value)
    expect(record!.headers).toEqual({ ce_id: 'c-1', raw: new Uint8Array([0xff, 0]) })
  })

  test('may carry its event as value, and is an empty one without', async () => {
    await redis.xadd('events', '*', 'value', 'a')
    await redis.xadd('events', '*', 'value', 'header', 'event', 'b')
    await redis.xadd('events', '*', 'other', 'x')
    const records = await drain(await opened(server))
    expect(texts(records)).toEqual(['a', 'b', ''])
    expect(records.map(({ headers }) => headers)).toEqual([
      undefined,
      { value: 'header' },
      { other: 'x' },
    ])
  })

  test('over the limit comes out cut, one byte over it, and is counted', async () => {
    await add('x'.repeat(5_000_000))
    await redis.xadd('events', '*', 'event', 'y', 'big', 'h'.repeat(100_000), 'ce_id', 'c')
    const source = await opened(server)
    const records = await drain(source)
    expect(records.map(({ value }) => value.length)).toEqual([1025, 1])
    expect(records[1]).toMatchObject({
      headers: { ce_id: 'c' },
      refused: { code: 'EVENT_TOO_LARGE' },
    })
    expect(source.stats?.()).toMatchObject({ records: 2, bytes: 1026, rebalances: 0, refused: 2 })
  })

  test('says when it came: by its own field, else by an id that is a time', async () => {
    await add('a', redis, '1-1')
    await add('b', redis, '1700000000000-0')
    await redis.xadd('events', '*', 'time_ms', '1700000000001', 'event', 'c')
    const times = (await drain(await opened(server))).map(({ timeMs }) => timeMs)
    expect(times).toEqual([undefined, 1700000000000, 1700000000001])
  })
})

describe('several streams', () => {
  test('are read in turns, each from its own place', async () => {
    for (const value of ['a', 'b', 'c']) await redis.xadd('one', '*', 'event', value)
    await redis.xadd('two', '*', 'event', 'x')
    const source = await opened(server, {}, { streams: ['one', 'two'] })
    const first = await source.read({ records: 2, waitMs: 0 }, never)
    const second = await source.read({ records: 1, waitMs: 0 }, never)
    expect(texts([...first, ...second])).toEqual(['a', 'b', 'x'])
    const again = await opened(server, after(first), { streams: ['one', 'two'] })
    expect(texts(await drain(again)).sort()).toEqual(['c', 'x'])
  })

  test('begin at their end when the config says so, and at their start when they appear later', async () => {
    await redis.xadd('one', '*', 'event', 'old')
    const source = await opened(server, {}, { streams: ['one', 'two'], from: 'end' })
    expect(await source.lag()).toBe(0)
    await redis.xadd('one', '*', 'event', 'new')
    await redis.xadd('two', '*', 'event', 'first')
    expect(texts(await drain(source)).sort()).toEqual(['first', 'new'])
  })
})

describe('a stream that its producers trim', () => {
  test('is read on where only what was read is gone', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await add(value)
    const source = await opened(server)
    const read = [...(await source.read({ records: 2, waitMs: 0 }, never))]
    await redis.xtrim('events', 'MAXLEN', 2)
    const again = await opened(server, after(read))
    expect(await again.lag()).toBe(2)
    expect(texts(await drain(again))).toEqual(['c', 'd'])
    await redis.xtrim('events', 'MAXLEN', 0)
    expect(await drain(again)).toEqual([])
    await add('e')
    expect(texts(await drain(again))).toEqual(['e'])
  })

  test('is refused when it lost what was never read, at the start and on the way', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await add(value)
    const source = await opened(server)
    const read = [...(await source.read({ records: 1, waitMs: 0 }, never))]
    await redis.xtrim('events', 'MAXLEN', 1)
    const onTheWay = await rejection(drain(source))
    const atTheStart = await rejection(opened(server, after(read)))
    for (const error of [onTheWay, atTheStart])
      expect(error).toMatchObject({ code: 'SOURCE_MISSING', details: { missing: 2 } })
  })

  test('is read on when this model had read what is gone, in a state that is older now', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await add(value)
    const source = await opened(server)
    const read = [...(await source.read({ records: 3, waitMs: 0 }, never))]
    await source.commit(after(read))
    await redis.xtrim('events', 'MAXLEN', 1)
    const older = await opened(server, after(read.slice(0, 1)))
    expect(texts(await drain(older))).toEqual(['d'])
  })

  test('may have entries deleted by hand, also the last that was read', async () => {
    const ids = []
    for (const value of ['a', 'b', 'c', 'd']) ids.push(await add(value))
    const source = await opened(server)
    await source.read({ records: 2, waitMs: 0 }, never)
    await redis.xdel('events', ids[1]!, ids[2]!)
    expect(texts(await drain(source))).toEqual(['d'])
    expect(await source.lag()).toBe(0)
  })
})

describe('a Redis that lost its stream', () => {
  test.each([
    ['with later ids', '*'],
    ['with earlier ids', '5-0'],
  ])('is read from its new start, %s', async (_name, id) => {
    const restarted: string[] = []
    for (const value of ['a', 'b']) await add(value)
    const onRestart = (stream: string) => void restarted.push(stream)
    const source = await opened(server, {}, { onRestart })
    await drain(source)
    await redis.flushall()
    await add('again', redis, id)
    expect(texts(await drain(source))).toEqual(['again'])
    expect(restarted).toEqual(['events'])
    expect(await source.lag()).toBe(0)
  })

  test('of a fleet counts nothing as lost: the daemons send again what was not learned', async () => {
    for (const value of ['a', 'b']) await add(value)
    const source = await opened(server, {}, { fence: { key: 'epoch', epoch: () => 1 } })
    await drain(source)
    await redis.flushall()
    await add('again')
    expect(texts(await drain(source))).toEqual(['again'])
    expect(source.stats?.()).toMatchObject({ resets: 1, lastReset: { missing: 0 } })
  })

  test('while somebody waits wakes him with what comes new', async () => {
    await add('a')
    const source = await opened(server)
    await drain(source)
    const waiting = source.read({ records: 1, waitMs: 20_000 }, never)
    await redis.flushall()
    await add('new', redis, '7-0')
    expect(texts(await waiting)).toEqual(['new'])
  })

  test('by a failover is read from the last word that the new main has', async () => {
    const main = await redisForTest()
    const replica = await startReplica(main)
    const source = await opened(main, {}, { log: silent })
    const writer = clientOf(main)
    onTestFinished(() => writer.disconnect())
    for (const value of ['a', 'b', 'c']) await add(value, writer)
    const common = await drain(source)
    await source.commit(after(common.slice(0, 2)))
    const word = () => ask(replica.url, (other) => other.hget(readKeyOf('events', 'm'), 'entries'))
    await expect.poll(word).toBe('2')
    await detach(replica)
    for (const value of ['lost', 'lost too']) await add(value, writer)
    await source.commit(after(await drain(source)))
    const next = await failOver(main, replica)
    onTestFinished(() => next.stop())
    await expect.poll(() => writer.ping().catch(() => '')).toBe('PONG')
    for (const value of ['d', 'e']) await add(value, writer)
    await expect.poll(async () => source.lag().catch(() => -1)).toBeGreaterThanOrEqual(0)
    // What was read and is not sure to be the same is read again: its events are known by their ids.
    expect(texts(await drain(source))).toEqual(['c', 'd', 'e'])
  })

  test('by a crash fails for a while, in a way that may be tried again', async () => {
    const main = await redisForTest()
    const source = await opened(main)
    await main.kill()
    const error = await rejection(source.read({ records: 1, waitMs: 0 }, never))
    expect(error).toMatchObject({ code: 'SOURCE_FAILED', retriable: true })
    const next = await restartRedis(main)
    onTestFinished(() => next.stop())
    const writer = clientOf(next)
    onTestFinished(() => writer.disconnect())
    await add('a', writer)
    const read = () => source.read({ records: 1, waitMs: 0 }, never).catch(() => [])
    await expect.poll(async () => texts(await read())).toEqual(['a'])
  })
})

describe('the word that a reader leaves', () => {
  test('says how far the model is, and stands lower when a state is older', async () => {
    for (const value of ['a', 'b', 'c']) await add(value)
    const source = await opened(server)
    const read = await drain(source)
    await source.commit(after(read))
    const word = () => redis.hmget(readKeyOf('events', 'm'), 'id', 'entries')
    expect(await word()).toEqual([read[2]!.position, '3'])
    await opened(server, after(read.slice(0, 1)))
    expect(await word()).toEqual([read[0]!.position, '1'])
  })

  test('is refused under an older epoch, and where the stream has another history', async () => {
    await add('a')
    let epoch = 4
    const source = await opened(server, {}, { fence: { key: 'epoch', epoch: () => epoch } })
    const read = await drain(source)
    await redis.set('epoch', '5')
    expect((await rejection(source.commit(after(read)))).code).toBe('LEASE_LOST')
    epoch = 5
    await redis.del('events')
    await add('b', redis, '1-0')
    await source.commit(after(read))
    expect(await redis.hget(readKeyOf('events', 'm'), 'id')).toBe('0-0')
  })

  test('lies in the slot of its stream', () => {
    expect(readKeyOf('events', 'm')).toBe('{events}:read:m')
    expect(readKeyOf('ns:{m}:feedback', 'm')).toBe('ns:{m}:feedback:read:m')
  })
})
