/** The daemon as a user starts it: a process of its own on a config file, asked through the command line, ended by a signal. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-serve-'))
const config = join(folder, 'antikythera.yaml')
let daemon: ChildProcess
let url: string

function serve(...flags: readonly string[]): ChildProcess {
  const args = [main, 'serve', '--config', config, '--json', ...flags]
  return spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
}

beforeAll(async () => {
  const model =
    '{ labels: [no, yes], adapter: { method: head }, trigger: { every: 4 }, train: { epochs: 10 } }'
  writeFileSync(config, `server: { port: 0 }\nlog: { level: warn }\nmodels: { m: ${model} }\n`)
  daemon = serve()
  const said = JSON.parse(await firstLine(daemon)) as { url: string; models: string[]; pid: number }
  expect(said).toMatchObject({ models: ['m'], pid: daemon.pid })
  url = said.url
  await untilReady()
})

async function untilReady(): Promise<void> {
  await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, {
    timeout: 60_000,
    interval: 100,
  })
}

afterAll(async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await removed(folder)
})

const cli = (...args: string[]) => runCli(...args, '--url', url)

test('what a file teaches is learned, and the version that answers says so', async () => {
  const file = join(folder, 'lessons.jsonl')
  const lessons = ['good', 'fine', 'bad', 'awful'].map((text, index) => ({
    id: text,
    input: { text },
    label: index < 2 ? 'yes' : 'no',
  }))
  writeFileSync(file, lessons.map((lesson) => JSON.stringify(lesson)).join('\n'))
  expect((await cli('feedback', '--file', file)).stdout).toContain('4 accepted')
  const learned = async () =>
    ((await cli('why', '--json')).json() as { live: { version: string } }).live.version
  await expect.poll(learned).toBe('v1')
  const { predictions } = (await cli('predict', 'good', 'awful', '--json')).json() as {
    predictions: { label: string }[]
  }
  expect(predictions.map(({ label }) => label)).toEqual(['yes', 'no'])
})

test('an export of the running daemon opens nothing that it holds', async () => {
  const { code, json } = await runCli(
    'export',
    '--config',
    config,
    '--to',
    join(folder, 'out'),
    '--json',
  )
  expect(code).toBe(0)
  expect(json()).toMatchObject({ model: 'm', version: 'v1' })
  expect((await cli('versions')).code).toBe(0)
})

async function fault(child: ChildProcess): Promise<unknown> {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown
}

test('a second daemon on the same data folder is refused and harms nothing', async () => {
  const second = serve()
  expect(await fault(second)).toMatchObject({ error: { code: 'DATA_DIR_LOCKED' } })
  expect(second.exitCode).toBe(75)
  expect((await cli('predict', 'good')).code).toBe(0)
})

test('a port in use is PORT_IN_USE', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const child = serve('--port', String(port), '--data-dir', join(folder, 'other'))
  expect(await fault(child)).toMatchObject({ error: { code: 'PORT_IN_USE' } })
  expect(child.exitCode).toBe(69)
  other.close()
})

test('SIGTERM ends it in order, and its state is there again afterwards', async () => {
  daemon.kill('SIGTERM')
  await ended(daemon)
  expect([daemon.exitCode, daemon.signalCode]).toEqual([0, null])
  daemon = serve()
  url = (JSON.parse(await firstLine(daemon)) as { url: string }).url
  await untilReady()
  expect((await cli('predict', 'good')).stdout).toMatch(/^yes .* v1 /)
})
