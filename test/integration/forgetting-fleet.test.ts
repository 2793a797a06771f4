/** Forgetting in a fleet: Redis loses the events too, the copy of the checkpoint is replaced, the rest is named. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterEach, expect, test, vi } from 'vitest'
import { FORGOTTEN } from '../../src/intake/events/event-key.ts'
import { inboxFile, inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { ask, needsRedis, redisForTest } from '../services/redis.ts'
import { daemonIn, type OneDaemon } from './one-daemon.ts'

const secret = 0.123456789
const random = openRandom(1, 'forgetting')
const daemons: OneDaemon[] = []
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.kill()
})

async function start(redis: string, home: string, replica: string, role = 'all') {
  const folder = join(home, replica)
  mkdirSync(folder)
  writeFileSync(join(folder, 'late.jsonl'), '')
  const model = `base: { features: { size: 2 } }, labels: [no, yes], adapter: { method: head }`
  const sources = 'sources: [{ http: {} }, { file: { path: late.jsonl } }]'
  writeFileSync(
    join(folder, 'antikythera.yaml'),
    `server: { port: 0 }
role: ${role}
replica: ${replica}
redis: { url: "${redis}" }
fleet: { copy_seconds: 10 }
log: { level: warn }
models:
  m: { ${model}, trigger: { policy: count, every: 20 }, ${sources} }
`,
  )
  const daemon = daemonIn(folder)
  daemons.push(daemon)
  await daemon.start()
  return daemon
}

function point(isSecret = false) {
  const features = [isSecret ? secret : random.normal(), random.normal()]
  return { input: { features }, label: features[1]! > 0 ? 'yes' : 'no' }
}

/** Keys of Redis with these bytes in their content. */
async function keysWith(redis: Redis, bytes: Buffer): Promise<readonly string[]> {
  const found: string[] = []
  for (const key of await redis.keys('*')) {
    const content = await contentOf(redis, key)
    if (content.some((each) => each?.includes(bytes) === true)) found.push(key)
  }
  return found
}

async function contentOf(redis: Redis, key: string): Promise<readonly (Buffer | null)[]> {
  switch (await redis.type(key)) {
    case 'stream':
      return (await redis.xrangeBuffer(key, '-', '+')).flatMap(([, fields]) => fields)
    case 'hash':
      return Object.values(await redis.hgetallBuffer(key))
    case 'zset':
      return redis.zrangeBuffer(key, '0', '-1')
    default:
      return [await redis.getBuffer(key)]
  }
}

interface Certificate {
  readonly erased: Readonly<Record<string, number>>
  readonly not_erased: readonly { readonly what: string; readonly before?: object }[]
}

test('Redis has no byte of it: stream, predictions and copy; the certificate counts them and names the rest', async (context) => {
  needsRedis(context)
  const server = await redisForTest()
  const home = scratchFolder()
  const daemon = await start(server.url, home, 'one')
  const events = (source: string, count: number) =>
    Array.from({ length: count }, (_, at) => ({
      ...{ id: `${source}-${at}`, source },
      ...point(source === 'private'),
    }))
  await daemon.post('m/feedback', { events: [...events('shop', 30), ...events('private', 30)] })
  const { predictions } = await daemon.post<{ predictions: { id: string }[] }>('m/predict', {
    inputs: [{ features: [secret, 1] }],
  })
  const about = { prediction_id: predictions[0]!.id, label: 'no' }
  await daemon.post('m/feedback', { events: [{ id: 'private-p', source: 'private', ...about }] })
  const line = { id: 'f-1', source: 'archive', ...point() }
  appendFileSync(join(daemon.folder, 'late.jsonl'), `${JSON.stringify(line)}\n`)
  const stateOf = async (id: string, source: string) =>
    (await daemon.get<{ state: string }>(`m/feedback/${id}?source=${source}`)).state
  const isRead = async () =>
    (await daemon.get<{ counts: { accepted: number } }>('m')).counts.accepted === 62
  await vi.waitUntil(isRead, { timeout: 60_000, interval: 50 })

  const bytes = Buffer.from(Float32Array.of(secret).buffer)
  const isCopied = async () =>
    ask(server.url, async (redis) =>
      (await keysWith(redis, bytes)).some((key) => key.includes(':copy:')),
    )
  await vi.waitUntil(isCopied, { timeout: 60_000, interval: 50 })

  const { request } = await daemon.post<{ request: string }>('m/forget', { source: 'private' })
  const isDone = async () =>
    (await daemon.get<{ state: string }>(`m/forget/${request}`)).state === 'done'
  await vi.waitUntil(isDone, { timeout: 60_000, interval: 50 })

  await ask(server.url, async (redis) => {
    expect(await keysWith(redis, Buffer.from('private-'))).toEqual([])
    expect(await keysWith(redis, bytes)).toEqual([])
    expect(await keysWith(redis, Buffer.from(String(secret)))).toEqual([])
    expect(await keysWith(redis, Buffer.from('shop-3'))).not.toEqual([])
  })
  const { certificate } = await daemon.get<{ certificate: Certificate }>(`m/forget/${request}`)
  expect(certificate.erased).toMatchObject({
    ...{ events: 31, event_log: 31, feedback_stream: 31, shared_predictions: 1 },
    ...{ checkpoint_copies: 1, quarantine: 0, set_aside: 0 },
  })
  expect(certificate.erased.replay).toBeGreaterThan(0)
  const named = certificate.not_erased.find(({ what }) => what.includes('late.jsonl'))
  expect(Object.values(named?.before ?? {})).toHaveLength(1)
  expect(await stateOf('shop-3', 'shop')).toBe('learned')
})

/** How many forgotten events an inbox has heard of: a daemon hears of them after the move that ends the request. */
function refusedIn(folder: string): number {
  const store = openStore(join(folder, inboxFile), { migrations: inboxMigrations })
  try {
    const forgotten = 'SELECT count(*) AS count FROM identities WHERE lesson = ?'
    return store.get(forgotten, FORGOTTEN)?.number('count') ?? 0
  } finally {
    store.close()
  }
}

/** What a daemon shows of what only the checkpoint of the training one has. */
async function shownBy({ get }: OneDaemon) {
  const { count, set_aside: aside } = await get<{ count: number; set_aside: { id: string }[] }>(
    'm/set-aside',
  )
  const quarantine = await get('m/quarantine')
  const { requests } = await get<{ requests: { request: string; state: string }[] }>('m/forget')
  return { count, ids: aside.map(({ id }) => id), quarantine, requests }
}

test('a daemon that only answers shows and moves what the training one has set aside and forgotten', async (context) => {
  needsRedis(context)
  const server = await redisForTest()
  const home = scratchFolder()
  const trainer = await start(server.url, home, 'one')
  const reader = await start(server.url, home, 'two', 'server')
  const events = Array.from({ length: 40 }, (_, at) => ({ id: `e-${at}`, source: 's', ...point() }))
  await trainer.post('m/feedback', { events })
  const until = async (isSo: (daemon: OneDaemon) => Promise<boolean>) => {
    for (const daemon of [trainer, reader])
      await vi.waitUntil(async () => isSo(daemon), { timeout: 60_000, interval: 50 })
  }
  await until(
    async ({ get }) => (await get<{ live: { version: string } }>('m')).live.version === 'v2',
  )
  await reader.post('m/rollback', { to: 'v0', reason: 'it was wrong' })
  await until(async (daemon) => (await shownBy(daemon)).count === 40)
  expect(await shownBy(reader)).toEqual(await shownBy(trainer))

  const asked = { id: 'e-3', dry_run: true }
  const forecast = await reader.post('m/forget', asked)
  expect(forecast).toEqual(await trainer.post('m/forget', asked))
  expect(forecast).toMatchObject({ dry_run: true, erased: { set_aside: 1 } })
  const { request } = await reader.post<{ request: string }>('m/forget', { id: 'e-3' })
  await until(async ({ get }) => {
    const { requests } = await get<{ requests: { request: string; state: string }[] }>('m/forget')
    return requests.some((each) => each.request === request && each.state === 'done')
  })
  await vi.waitUntil(() => refusedIn(join(home, 'two', 'data', 'm')) === 1, { timeout: 60_000 })
  // The reader has never had it: its inbox would take it as new.
  const again = { ...events[3], label: 'yes' }
  const sent = { events: [again, { ...again, label: 'no' }] }
  expect(await reader.post('m/feedback', sent)).toMatchObject({ accepted: 0, duplicates: 2 })
  const one = `m/forget/${request}`
  expect(await reader.get(one)).toEqual(await trainer.get(one))
  expect(await reader.get('m/forget/never')).toMatchObject({ code: 'FORGET_UNKNOWN' })
  expect(await reader.post('m/discard', { source: 's' })).toMatchObject({ events: 39 })
  await until(async (daemon) => (await shownBy(daemon)).count === 0)
})
