/** Events that are erased from what a fleet shares in Redis, while its reader goes on. */
import { expect, onTestFinished, test } from 'vitest'
import { redisSource } from '../../connectors/redis/source.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { eraseShared } from '../../src/intake/erase-shared.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'

const stream = 'ns:{m}:feedback'
const keyOf = (id: string) => `ns:{m}:p:${id}`
const citing = 'ns:{m}:citing'

/** What it needs of an event, from the JSON that the test writes. */
function parse({ value }: SourceRecord): FeedbackEvent {
  return JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent
}

async function connected() {
  const { port } = await redisForTest()
  const options = { namespace: 'ns', address: { host: '127.0.0.1', port } }
  const redis = await openRedis(
    { ...options, commandMs: 10_000, connectMs: 10_000 },
    { log: openFakeLog(), clock: systemClock },
  )
  onTestFinished(() => redis.close())
  const add = async (source: string, id: string, timeMs: number, predictionId?: string) => {
    const event = JSON.stringify({
      source,
      id,
      ...(predictionId !== undefined && { predictionId }),
    })
    const fields = ['event', event, 'replica', 'one', 'offset', '0', 'time_ms', String(timeMs)]
    await redis.command('XADD', stream, '*', ...fields)
  }
  const ids = async () => {
    const entries = (await redis.command('XRANGE', stream, '-', '+')) as [string, string[]][]
    return entries.map(([, fields]) => /"id":"(.*?)"/.exec(fields[1]!)?.[1] ?? 'none')
  }
  return { redis, add, ids }
}

const asked = { source: 'person', atMs: 2e12, predictions: ['known'] }

test('entries of a source and the predictions that they are about go, and nothing else', async (context) => {
  needsRedis(context)
  const { redis, add, ids } = await connected()
  for (let at = 0; at < 250; at += 1)
    await add(at % 2 === 0 ? 'person' : 'shop', `e-${at}`, 1e12 + at, `p-${at}`)
  await add('person', 'later', 3e12, 'p-later')
  await redis.command('XADD', stream, '*', 'event', 'no event at all')
  for (const id of ['p-0', 'p-1', 'known', 'p-later']) await redis.command('SET', keyOf(id), 'x')
  const places = { redis, stream, keyOf, citing }
  const dry = await eraseShared(places, { ...asked, isDryRun: true }, parse)
  expect(await redis.command('XLEN', stream)).toBe(252)
  const counts = await eraseShared(places, asked, parse)
  expect(counts.counts).toEqual({ feedback_stream: 125, shared_predictions: 2 })
  expect(dry).toEqual(counts)
  const others = Array.from({ length: 125 }, (_, at) => `e-${2 * at + 1}`)
  expect(await ids()).toEqual([...others, 'later', 'none'])
})

test('a reader goes on behind entries that it had read, and past some that it had not', async (context) => {
  needsRedis(context)
  const { redis, add } = await connected()
  const log = openFakeLog()
  const open = () =>
    redisSource({
      ...{ name: 'http', redis, streams: [stream], model: 'm', eventBytes: 65_536 },
      ...{ clock: systemClock, log },
    })
  for (const id of ['a', 'b', 'c', 'd']) await add(id === 'a' ? 'shop' : 'person', id, 1e12)
  const { signal } = new AbortController()
  const source = open()
  await source.open({}, signal)
  const first = await source.read({ records: 2, waitMs: 0 }, signal)
  const next = { [stream]: first.at(-1)!.next }
  await source.commit(next)
  expect(await eraseShared({ redis, stream, keyOf, citing }, asked, parse)).toMatchObject({
    counts: { feedback_stream: 3 },
  })
  await add('shop', 'e', 1e12)
  for (const each of [source, open()]) {
    await each.open(next, signal)
    const rest = await each.read({ records: 9, waitMs: 0 }, signal)
    expect(rest.map((record) => parse(record).id)).toEqual(['e'])
    expect(await each.lag()).toBe(0)
    expect(each.stats?.().resets ?? 0).toBe(0)
  }
})
