/** Instant memory in the daemon as a user starts it: one correction, no step, another answer; also after kill -9. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-memory-'))
const config = join(folder, 'antikythera.yaml')
let daemon: ChildProcess
let url: string

const model = `
    labels: [delivery, payment, account]
    adapter: { method: head }
    trigger: { policy: count, every: 1000, rest: 0 }
    memory: { policy: knn, threshold: 0.6 }`

beforeAll(async () => {
  const rest = 'server: { port: 0 }\nlog: { level: warn }\n'
  writeFileSync(config, `${rest}models:\n  m:${model}\n`)
  await start()
})

afterAll(async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await removed(folder)
})

async function start(): Promise<void> {
  const args = [main, 'serve', '--config', config, '--json']
  daemon = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  url = (JSON.parse(await firstLine(daemon)) as { url: string }).url
  const isReady = async () => (await fetch(`${url}/readyz`)).ok
  await vi.waitUntil(isReady, { timeout: 60_000, interval: 100 })
}

async function ask(path: string, body?: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' }
  const request = body && { method: 'POST', headers, body: JSON.stringify(body) }
  return (await (await fetch(`${url}/v1/models/m${path}`, request)).json()) as Record<
    string,
    unknown
  >
}

interface Answers {
  readonly version: string
  readonly predictions: readonly { id: string; label: string; score: number }[]
}

const corrected = 'I cannot log in to my account any more'
const alike = 'I can not log in to my account'
const other = 'the weather is lovely today'
const texts = [corrected, alike, other]

/** A fresh head finds all labels equally likely. */
async function labels(version?: string): Promise<readonly string[]> {
  const answers = (await ask('/predict', { inputs: texts, version })) as unknown as Answers
  return answers.predictions.map(({ label, score }) => (score > 0.4 ? label : 'unsure'))
}

test('one correction changes the answer to its input and its like, before any step', async () => {
  expect(await labels()).toEqual(['unsure', 'unsure', 'unsure'])
  const { predictions } = (await ask('/predict', { inputs: [corrected] })) as unknown as Answers
  await ask('/feedback', { id: 'c-1', prediction_id: predictions[0]!.id, label: 'account' })
  const live = async () => ((await ask('')).live as { version: string }).version
  await expect.poll(live).toBe('v1')
  expect(await labels()).toEqual(['account', 'account', 'unsure'])
  // The trainer tells of the version first, and then of itself.
  await expect
    .poll(() => ask(''))
    .toMatchObject({ counts: { accepted: 1, learned: 0 }, pending: 1 })
  expect(await ask('/versions/v1')).toMatchObject({ events: 0, steps: 0, memory: 1 })
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'antikythera_memory_examples{model="m"} 1\n',
  )
})

test('the version before answers as it did, and a rollback forgets', async () => {
  expect(await labels('v0')).toEqual(['unsure', 'unsure', 'unsure'])
  await ask('/rollback', { reason: 'a wrong correction' })
  await expect.poll(() => labels()).toEqual(Array(3).fill('unsure'))
  await ask('/promote', { version: 'v1', reason: 'it was right' })
  await expect.poll(() => labels()).toEqual(['account', 'account', 'unsure'])
})

test('a daemon that was killed answers as before, and goes on remembering', async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await start()
  expect(await labels()).toEqual(['account', 'account', 'unsure'])
  await ask('/feedback', { id: 'c-2', input: other, label: 'payment' })
  await expect.poll(() => labels()).toEqual(['account', 'account', 'payment'])
})
