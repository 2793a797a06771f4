/** Forgetting through the whole daemon: a source goes, killed on the way, and no byte of its events is left. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { openRandom } from '../../src/platform/random.ts'
import { ended, firstLine } from '../child.ts'
import { runCli } from '../cli/run-cli.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-forgetting-'))
const config = join(folder, 'antikythera.yaml')
const random = openRandom(1, 'forgetting')
let daemon: ChildProcess
let url: string

async function start(): Promise<void> {
  const args = [main, 'serve', '--config', config, '--json']
  daemon = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  url = (JSON.parse(await firstLine(daemon)) as { url: string }).url
  const isReady = async () => (await fetch(`${url}/readyz`)).ok
  await vi.waitUntil(isReady, { timeout: 60_000, interval: 100 })
}

beforeAll(async () => {
  const model =
    'm: { labels: [no, yes], base: { features: { size: 2 } }, adapter: { method: head }, trigger: { policy: count, every: 50 } }'
  writeFileSync(config, `server: { port: 0 }\nlog: { level: warn }\nmodels:\n  ${model}\n`)
  await start()
})

afterAll(async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await removed(folder)
})

/** Of a number that only the forgotten source has sent. */
const secret = 0.123456789

function point(isSecret = false) {
  const features = [isSecret ? secret : random.normal(), random.normal()]
  return { input: { features }, label: features[1]! > 0 ? 'yes' : 'no' }
}

async function call<Answer>(path: string, body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const request = body && { method: 'POST', headers, body: JSON.stringify(body) }
  return (await (await fetch(`${url}/v1/models/m${path}`, request)).json()) as Answer
}

interface Status {
  readonly lag: number
  readonly live: { readonly version: string }
  readonly receipts: Readonly<Record<string, number>>
}

const status = async () => call<Status>('')
const readAll = async () => {
  const isRead = async () => (await status()).lag === 0
  await vi.waitUntil(isRead, { timeout: 60_000, interval: 50 })
}
const stateOf = async (id: string, source: string) =>
  (await call<{ state: string }>(`/feedback/${id}?source=${source}`)).state

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
  const send = (events: readonly object[]) => call('/feedback', { events })
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
  const { predictions } = await call<{ predictions: { id: string }[] }>('/predict', {
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
  expect(await stateOf('private-60', 'person')).toBe('waiting')
  expect(filesWith(Buffer.from('private-3"'))).not.toEqual([])
  expect(filesWith(asFloat)).not.toEqual([])
  const tainted = (await status()).live.version
  const { request } = await call<{ request: string }>('/forget', {
    source: 'person',
    reason: 'asked',
  })
  daemon.kill('SIGKILL')
  await ended(daemon)
  await start()
  const isDone = async () => (await call<{ state: string }>(`/forget/${request}`)).state === 'done'
  await vi.waitUntil(isDone, { timeout: 60_000, interval: 50 })
  const { certificate } = await call<{ certificate: object }>(`/forget/${request}`)
  expect(certificate).toMatchObject({
    ...{ request, asked: { source: 'person' }, reason: 'asked', learned_again: 100 },
    erased: { events: 61, inbox: 61, predictions: 1, dead_letters: 1 },
    versions: { from: 'v2', rebuilt: { version: (await status()).live.version } },
  })
  expect((certificate as { versions: { retired: string[] } }).versions.retired).toContain(tainted)
  expect(await stateOf('private-3', 'person')).toBe('forgotten')
  expect(await stateOf('private-60', 'person')).toBe('forgotten')
  expect(await stateOf('good-150', 'shop')).toBe('learned')
  const gone = await call<{ code: string }>(`/predict`, {
    inputs: [{ features: [0, 1] }],
    version: tainted,
  })
  expect(gone.code).toBe('VERSION_REMOVED')
  expect(filesWith(Buffer.from('private-'))).toEqual([])
  expect(filesWith(asFloat)).toEqual([])
})

test('the same over the command line, with one event', async () => {
  const asked = await runCli('forget', 'm', '--url', url, '--source', 'shop', '--id', 'good-120')
  expect(asked.stdout).toContain('erased from events')
  expect(await stateOf('good-120', 'shop')).toBe('forgotten')
  expect(await stateOf('good-121', 'shop')).toBe('learned')
  const list = await runCli('forget', 'm', '--url', url)
  expect(list.stdout.split('\n').filter((line) => line.includes('done'))).toHaveLength(2)
})
