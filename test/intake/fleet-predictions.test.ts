/** Predictions that one replica served, found by a trainer elsewhere, over a real Redis. */
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import type { Sink } from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import {
  openSharedPredictions,
  searchPredictions,
  servedEverywhere,
  openPredictionSink,
} from '../../src/intake/predictions/fleet-predictions.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { ask, needsRedis, redisForTest, restartRedis, type RedisServer } from '../services/redis.ts'

beforeEach((context) => needsRedis(context))

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}
const served = (id: string, more: Partial<ServedPrediction> = {}): ServedPrediction => ({
  id,
  input: { kind: 'text', text: 'zwölf "Boxkämpfer"' },
  version: 'v7',
  answer: 'positive',
  timeMs: 17,
  ...more,
})
const keyOf = (id: string) => `ns:{m}:p:${id}`

/** A Redis that has to wait for the processor is no Redis that is away. */
async function shared(server: RedisServer, commandMs = 10_000) {
  const address = { host: '127.0.0.1', port: server.port }
  const redis = await openRedis(
    { namespace: 'ns', address, commandMs, connectMs: 10_000 },
    { log: silent, clock: systemClock },
  )
  onTestFinished(() => redis.close())
  const dropped: number[] = []
  const parts = { redis, keyOf, clock: systemClock, log: silent }
  const written = openSharedPredictions({
    ...parts,
    ...{ retentionMs: 60_000, citing: 'ns:{m}:citing', forgotten: 'ns:{m}:forgotten' },
    onDropped: (count) => void dropped.push(count),
  })
  onTestFinished(() => written.close())
  const local = new Map<string, ServedPrediction>()
  const find = async (id: string) => Promise.resolve(local.get(id))
  const search = (awayMs: number) =>
    searchPredictions({ ...parts, local: { find }, isForgotten: () => false, awayMs })
  return { written, local, search, dropped }
}

test('what one replica served is found by another, as it was, for as long as it is kept', async () => {
  const server = await redisForTest()
  const { written, search } = await shared(server)
  const features = { kind: 'features', features: { colour: 'red', size: -0.5 } } as const
  const all = [served('p-1'), served('p-2', { input: features }), served('p 3/ü', { answer: '' })]
  all.push(
    served('p-5', { pinned: true, isCut: true }),
    served('p-6', { canary: 'v8', unit: '0123456789ab' }),
  )
  all.push(served('p-7', { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }))
  written.record(all)
  await written.flush(10_000)
  const predictions = search(0)
  for (const each of all) expect(await predictions.find(each.id)).toEqual(each)
  expect(await predictions.find('p-4')).toBeUndefined()
  const leftMs = await ask(server.url, (redis) => redis.pttl(keyOf('p-1')))
  expect(leftMs).toBeGreaterThan(0)
  expect(leftMs).toBeLessThanOrEqual(60_000)
})

test('what is found here needs no Redis; what is not is waited for, and not for ever', async () => {
  const server = await redisForTest()
  const { written } = await shared(server)
  const { local, search } = await shared(server, 300)
  local.set('p-1', served('p-1'))
  written.record([served('p-2')])
  await written.flush(10_000)
  server.pause()
  const patient = search(60_000)
  expect(await patient.find('p-1')).toEqual(served('p-1'))
  expect(await rejection(patient.find('p-2'))).toMatchObject({ retriable: true })
  const impatient = search(0)
  expect(await impatient.find('p-2')).toBeUndefined()
  server.resume()
  await expect.poll(async () => impatient.find('p-2')).toEqual(served('p-2'))
})

test('what was served while Redis was away is there afterwards', async () => {
  const server = await redisForTest()
  const { written, search, dropped } = await shared(server)
  await server.kill()
  written.record([served('p-1')])
  await written.flush(5000)
  expect(written.waiting()).toBe(1)
  const next = await restartRedis(server)
  onTestFinished(() => next.stop())
  const find = async () => search(0).find('p-1')
  await expect.poll(find).toEqual(served('p-1'))
  expect(dropped).toEqual([])
})

test('a key that is not ours is no prediction', async () => {
  const server = await redisForTest()
  const { search } = await shared(server)
  for (const [id, text] of [
    ['a', 'x'],
    ['b', '{"a":1}'],
    ['c', '[1,2,3,4]'],
  ] as const) {
    await ask(server.url, (redis) => redis.set(keyOf(id), text))
    expect(await search(0).find(id)).toBeUndefined()
  }
})

test('the local store keeps what it is given and hands it on, also to a sink', async () => {
  const seen: string[] = []
  const note = (who: string) => (all: readonly ServedPrediction[]) =>
    void seen.push(...all.map(({ id }) => `${who} ${id}`))
  const sink: Sink<ServedPrediction> = {
    write: async (items) => {
      note('sink')(items)
      return Promise.resolve()
    },
    close: async () => Promise.resolve(void seen.push('closed')),
  }
  const toSink = openPredictionSink({ sink, clock: systemClock, log: silent })
  const local = {
    record: note('local'),
    flush: async () => void seen.push('flush'),
    close: async () => void seen.push('close'),
  }
  const store = servedEverywhere(local, [toSink])
  store.record([served('p-1')])
  await store.flush()
  await toSink.close(1000)
  expect(seen).toEqual(['local p-1', 'flush', 'sink p-1', 'closed'])
})
