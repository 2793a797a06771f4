/** What was forgotten is gone from the answers that quoted it, and no feedback about them teaches it again. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { hashOf } from '../../src/intake/dedupe/dedupe.ts'
import { eraseShared } from '../../src/intake/erase-shared.ts'
import { keyOf as eventKey } from '../../src/intake/events/event-key.ts'
import { openInbox } from '../../src/intake/inbox/inbox.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import {
  openSharedPredictions,
  searchPredictions,
} from '../../src/intake/predictions/fleet-predictions.ts'
import { openPredictionTable, rowOf } from '../../src/intake/predictions/table.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { oneDaemon } from '../integration/one-daemon.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'

const base = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))
const daemon = oneDaemon((folder) => {
  const config = `
server: { port: 0 }
log: { level: warn }
models:
  facts:
    base: { causal: ${base} }
    task: { generation: { temperature: 0, max_tokens: 24 } }
    adapter: { method: lora, rank: 2, alpha: 4, tail_layers: 1 }
    trigger: { policy: count, every: 1000, rest: 0 }
    memory: { policy: retrieval, embedding: use-lite }
`
  writeFileSync(join(folder, 'antikythera.yaml'), config)
})
const { post, get } = daemon
const question = 'Who made the blue lamp?'
const secret = 'Zelda Quux made it.'

interface Answered {
  readonly predictions: readonly { readonly id: string; readonly text: string }[]
}

const ask = async () => {
  const inputs = [{ messages: [{ role: 'user', content: question }] }]
  return (await post<Answered>('facts/predict', { inputs })).predictions[0]!
}
const stateOf = async (id: string) =>
  get<{ state: string; code?: string }>(`facts/feedback/${id}?source=fan`)
const isState = async (id: string, state: object) =>
  expect.poll(async () => stateOf(id), { timeout: 10_000 }).toMatchObject(state)

/** Files of the data folder that have the answer, as text. */
function filesWithSecret(): readonly string[] {
  const files = readdirSync(daemon.folder, { recursive: true, withFileTypes: true })
  const paths = files
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
  return paths.filter((path) => readFileSync(path).includes(secret))
}

test('a forgotten source is in no answer that quoted it, nor in the likes of one: the certificate counts both', async () => {
  const input = { messages: [{ role: 'user', content: question }] }
  await post('facts/feedback', { id: 'f-1', source: 'private', input, completion: secret })
  await vi.waitUntil(async () => (await ask()).text === secret, { timeout: 30_000, interval: 50 })
  const [liked, later] = [await ask(), await ask()]
  await post('facts/feedback', { id: 'l-1', source: 'fan', prediction_id: liked.id, rating: 1 })
  await isState('l-1', { waiting_for: 'update' })
  expect(filesWithSecret()).not.toEqual([])
  const { request } = await post<{ request: string }>('facts/forget', { source: 'private' })
  await post('facts/feedback', { id: 'l-2', source: 'fan', prediction_id: later.id, rating: 1 })
  const isDone = async () =>
    (await get<{ state: string }>(`facts/forget/${request}`)).state === 'done'
  await vi.waitUntil(isDone, { timeout: 30_000, interval: 50 })
  const { certificate } = await get<{ certificate: { erased: Record<string, number> } }>(
    `facts/forget/${request}`,
  )
  expect(certificate.erased.predictions).toBeGreaterThanOrEqual(3)
  expect(certificate.erased.events).toBe(2)
  expect(filesWithSecret()).toEqual([])
  expect((await stateOf('l-1')).state).toBe('forgotten')
})

test('feedback about an erased answer is refused by its own code, also if it was queued before, and teaches nothing', async () => {
  await isState('l-2', { state: 'rejected' })
  expect(JSON.stringify(await stateOf('l-2'))).toContain('PREDICTION_ERASED')
  expect((await ask()).text).not.toBe(secret)
  expect(filesWithSecret()).toEqual([])
})

const served = (id: string, source: string): ServedPrediction => ({
  ...{ id, input: { kind: 'text', text: `asked ${id}` }, version: 'v1', timeMs: Date.now() },
  ...{ answer: `said ${source}`, cited: [{ source, id: 'f' }] },
})
const forgotten = hashOf(eventKey({ source: 'private', id: 'f' }))
const whole = { input: { kind: 'text' } }

test('another member of the fleet erases the answers that quote it, and stores none that comes later', async () => {
  const path = join(scratchFolder(), 'inbox.db')
  const bounds = { retentionMs: 1e6, clock: systemClock }
  const inbox = openInbox(path, { unreadEvents: 9, seenEvents: 9, ...bounds })
  const table = openPredictionTable(path, { count: 99, ...bounds })
  const reader = openInboxReader(path)
  onTestFinished(async () => {
    reader.close()
    table.close()
    await inbox.close()
  })
  table.write([rowOf(served('p-1', 'private')), rowOf(served('p-2', 'shop'))])
  await inbox.refuse([forgotten])
  table.write([rowOf(served('p-3', 'private'))])
  const find = async (id: string) => reader.predictions.find(id)
  for (const id of ['p-1', 'p-3'])
    await expect(find(id)).rejects.toMatchObject({ code: 'PREDICTION_ERASED' })
  expect(await find('p-2')).toMatchObject(whole)
  expect(await find('p-4')).toBeUndefined()
})

test('Redis keeps no answer that quotes it, and takes none that comes later', async (context) => {
  needsRedis(context)
  const { port } = await redisForTest()
  const log = openFakeLog()
  const address = { host: '127.0.0.1', port }
  const redis = await openRedis(
    { namespace: 'ns', address, commandMs: 10_000, connectMs: 10_000 },
    { log, clock: systemClock },
  )
  onTestFinished(() => redis.close())
  const keyOf = (id: string) => `ns:{m}:p:${id}`
  const keys = { redis, keyOf, citing: 'ns:{m}:citing' }
  const copies = openSharedPredictions({
    ...{ ...keys, forgotten: 'ns:{m}:forgotten', retentionMs: 60_000, clock: systemClock, log },
  })
  onTestFinished(() => copies.close())
  const record = async (...all: readonly ServedPrediction[]) => {
    copies.record(all)
    await copies.flush(10_000)
  }
  await record(served('p-1', 'private'), served('p-2', 'shop'))
  await redis.command('ZADD', 'ns:{m}:forgotten', 1, Buffer.from(forgotten))
  const asked = { source: 'private', atMs: Date.now() + 1000, predictions: [] }
  const erased = await eraseShared({ ...keys, stream: 'ns:{m}:feedback' }, asked, () => {
    throw new Error('no event is in the stream')
  })
  expect(erased).toEqual({
    counts: { feedback_stream: 0, shared_predictions: 1 },
    quoting: ['p-1'],
  })
  await record(served('p-3', 'private'))
  const search = searchPredictions({
    ...{ ...keys, clock: systemClock, log, isForgotten: () => false },
    local: { find: async () => Promise.resolve(undefined) },
  })
  for (const id of ['p-1', 'p-3']) {
    await expect(search.find(id)).rejects.toMatchObject({ code: 'PREDICTION_ERASED' })
    expect(await redis.command('GET', keyOf(id))).toBe('null')
  }
  expect(await search.find('p-2')).toMatchObject(whole)
})
