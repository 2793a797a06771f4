/** Forgetting through the whole daemon: a source goes, killed on the way, and no byte of its events is left. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const random = openRandom(1, 'forgetting')
const model =
  'm: { labels: [no, yes], base: { features: { size: 2 } }, adapter: { method: head }, trigger: { policy: count, every: 50 } }'
const daemon = oneDaemon(`server: { port: 0 }\nlog: { level: warn }\nmodels:\n  ${model}\n`)
const { folder, post, get } = daemon

/** Of a number that only the forgotten source has sent. */
const secret = 0.123456789

function point(isSecret = false) {
  const features = [isSecret ? secret : random.normal(), random.normal()]
  return { input: { features }, label: features[1]! > 0 ? 'yes' : 'no' }
}

interface Status {
  readonly lag: number
  readonly live: { readonly version: string }
  readonly receipts: Readonly<Record<string, number>>
}

interface Certificate {
  readonly versions: {
    readonly rebuilt: { readonly version: string }
    readonly retired: readonly string[]
  }
}

const status = async () => get<Status>('m')
const readAll = async () => {
  const isRead = async () => (await status()).lag === 0
  await vi.waitUntil(isRead, { timeout: 60_000, interval: 50 })
}
const stateOf = async (id: string, source: string) =>
  (await get<{ state: string }>(`m/feedback/${id}?source=${source}`)).state

/** Files of the data folder with these bytes. */
function filesWith(bytes: Buffer): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  return paths
    .filter((path) => readFileSync(path).includes(bytes))
    .map((path) => path.slice(folder.length + 1))
}

const asFloat = Buffer.from(Float32Array.of(secret).buffer)

test('a source is forgotten: the rest stays learned, the versions are gone, and so are the bytes', async () => {
  const send = (events: readonly object[]) => post('m/feedback', { events })
  const good = (from: number) =>
    Array.from({ length: 100 }, (_, at) => ({
      id: `good-${from + at}`,
      source: 'shop',
      ...point(),
    }))
  await send(good(0))
  const bad = Array.from({ length: 60 }, (_, at) => ({
    ...{ id: `private-${at}`, source: 'person' },
    ...point(true),
  }))
  await send(bad)
  await send(good(100))
  const { predictions } = await post<{ predictions: { id: string }[] }>('m/predict', {
    inputs: [{ features: [secret, 1] }],
  })
  const about = { prediction_id: predictions[0]!.id, label: 'no' }
  await send([{ id: 'private-60', source: 'person', ...about }])
  await send([
    {
      id: 'private-61',
      source: 'person',
      input: { features: [secret, 1] },
      label: 'no such label',
    },
  ])
  await readAll()
  expect(await stateOf('private-3', 'person')).toBe('learned')
  // An event is read before the answer that it names is looked for.
  const isWaiting = async () => (await stateOf('private-60', 'person')) === 'waiting'
  await vi.waitUntil(isWaiting, { timeout: 60_000, interval: 50 })
  expect(filesWith(Buffer.from('private-3"'))).not.toEqual([])
  expect(filesWith(asFloat)).not.toEqual([])
  const tainted = (await status()).live.version
  const { request } = await post<{ request: string }>('m/forget', {
    source: 'person',
    reason: 'asked',
  })
  await daemon.kill()
  await daemon.start()
  const isDone = async () => (await get<{ state: string }>(`m/forget/${request}`)).state === 'done'
  await vi.waitUntil(isDone, { timeout: 60_000, interval: 50 })
  const { certificate } = await get<{ certificate: Certificate }>(`m/forget/${request}`)
  expect((await status()).live.version).toBe(certificate.versions.rebuilt.version)
  expect(certificate).toMatchObject({
    ...{ request, asked: { source: 'person' }, reason: 'asked', learned_again: 100 },
    erased: { events: 61, inbox: 61, predictions: 1, dead_letters: 1 },
    versions: { from: 'v2' },
  })
  expect(certificate.versions.retired).toContain(tainted)
  expect(await stateOf('private-3', 'person')).toBe('forgotten')
  expect(await stateOf('private-60', 'person')).toBe('forgotten')
  expect(await stateOf('good-150', 'shop')).toBe('learned')
  const gone = await post<{ code: string }>('m/predict', {
    inputs: [{ features: [0, 1] }],
    version: tainted,
  })
  expect(gone.code).toBe('VERSION_REMOVED')
  expect(filesWith(Buffer.from('private-'))).toEqual([])
  expect(filesWith(asFloat)).toEqual([])
  const shown = await runCli('forget', 'm', '--url', daemon.url, '--show', request)
  expect(shown.stdout).toContain('its hash is in the history of moves')
})

test('nothing is stored of a forgotten event that is sent again, with another label either', async () => {
  const again = { id: 'private-3', source: 'person', ...point(true) }
  const events = [again, { ...again, label: again.label === 'yes' ? 'no' : 'yes' }]
  const sent = await post<object>('m/feedback', { events })
  expect(sent).toMatchObject({ accepted: 0, duplicates: 2 })
  await readAll()
  expect(await stateOf('private-3', 'person')).toBe('forgotten')
  expect(filesWith(Buffer.from('private-'))).toEqual([])
  expect(filesWith(asFloat)).toEqual([])
})

test('a dry run says what it would do, and does nothing', async () => {
  const dry = await runCli(
    ...['forget', 'm', '--url', daemon.url, '--source', 'shop', '--id', 'good-120', '--dry-run'],
  )
  expect(dry.stdout).toMatch(/  events +1\n/)
  expect(dry.stdout).toMatch(/rebuilt from +v\d+/)
  expect(await stateOf('good-120', 'shop')).toBe('learned')
  const { requests } = await get<{ requests: unknown[] }>('m/forget')
  expect(requests).toHaveLength(1)
})

test('the same over the command line, with one event', async () => {
  const asked = await runCli(
    'forget',
    'm',
    '--url',
    daemon.url,
    '--source',
    'shop',
    '--id',
    'good-120',
  )
  expect(asked.stdout).toContain('erased from events')
  expect(await stateOf('good-120', 'shop')).toBe('forgotten')
  expect(await stateOf('good-121', 'shop')).toBe('learned')
  const list = await runCli('forget', 'm', '--url', daemon.url)
  expect(list.stdout.split('\n').filter((line) => line.includes('done'))).toHaveLength(2)
})
