/**
 * The roles as processes of their own on one data folder: a daemon that only answers and one that only trains do together
 * what one that is both does alone.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-roles-'))
const config = join(folder, 'antikythera.yaml')
const reports = join(folder, 'reports')

/** The program as a server's image has it: built code, and of the packages all but TensorFlow's. */
function imageWithoutTensorFlow(): string {
  const app = join(folder, 'app')
  cpSync(join(root, 'dist/program'), join(app, 'dist/program'), { recursive: true })
  cpSync(join(root, 'package.json'), join(app, 'package.json'))
  mkdirSync(join(app, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@tensorflow' && !name.startsWith('.'))
      symlinkSync(join(root, 'node_modules', name), join(app, 'node_modules', name))
  return join(app, 'dist/program/src/cli/main.js')
}

interface Started {
  readonly process: ChildProcess
  readonly url: string
}
const started: Started[] = []
let server: Started
let trainer: Started

/** Node writes a report about itself, with every library that it has loaded, when it gets SIGUSR2. */
const telling = ['--report-on-signal', '--report-signal=SIGUSR2', `--report-directory=${reports}`]

async function serve(role: string, environment: NodeJS.ProcessEnv = {}): Promise<Started> {
  const flag = environment.ANTIKYTHERA_ROLE === undefined ? ['--role', role] : []
  const program = role === 'server' ? imageWithoutTensorFlow() : main
  const args = [...telling, program, 'serve', '--config', config, '--json', ...flag]
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const said = JSON.parse(await firstLine(child)) as { url: string; role: string }
  expect(said.role).toBe(role)
  const one = { process: child, url: said.url }
  started.push(one)
  return one
}

beforeAll(async () => {
  mkdirSync(reports)
  // A head alone would learn without TensorFlow.
  const adapter = '{ method: lora, rank: 2, tail_layers: 1 }'
  const model = `{ labels: [no, yes], adapter: ${adapter}, trigger: { every: 4 } }`
  writeFileSync(config, `server: { port: 0 }\nlog: { level: warn }\nmodels: { m: ${model} }\n`)
  server = await serve('server')
  trainer = await serve('trainer', { ANTIKYTHERA_ROLE: 'trainer' })
  for (const { url } of started)
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, {
      timeout: 60_000,
      interval: 100,
    })
})

afterAll(async () => {
  for (const one of started) one.process.kill('SIGKILL')
  for (const one of started) await ended(one.process)
  await removed(folder)
})

async function report(child: ChildProcess): Promise<{ sharedObjects: readonly string[] }> {
  const before = readdirSync(reports)
  child.kill('SIGUSR2')
  const fresh = () => readdirSync(reports).filter((name) => !before.includes(name))
  const read = (): unknown => {
    try {
      return JSON.parse(readFileSync(join(reports, fresh()[0] ?? ''), 'utf8'))
    } catch {
      return undefined // not written to its end yet
    }
  }
  return (await vi.waitUntil(read, { timeout: 30_000 })) as { sharedObjects: string[] }
}

const tensorFlow = /tfjs_binding|libtensorflow|tfjs-node/
const onnx = 'onnxruntime'

function childrenOf(child: ChildProcess): string {
  return readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
}

test('a server has no child, and no library of TensorFlow in its process', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc')
  const { sharedObjects } = await report(server.process)
  expect(sharedObjects.filter((path) => tensorFlow.test(path))).toEqual([])
  // That it is a list of what is really loaded is seen by the engine that must be in it.
  expect(sharedObjects.some((path) => path.includes(onnx))).toBe(true)
  expect(childrenOf(server.process)).toBe('')
})

test('a trainer has its child, and no serving engine in its process', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc')
  const { sharedObjects } = await report(trainer.process)
  expect(sharedObjects.filter((path) => path.includes(onnx) || tensorFlow.test(path))).toEqual([])
  const child = Number(childrenOf(trainer.process))
  expect(readFileSync(`/proc/${child}/maps`, 'utf8')).toMatch(tensorFlow)
})

interface Shown {
  readonly live: { readonly version: string; readonly generation: number }
  readonly trainer: { readonly state: string; readonly message?: string }
}
const show = async ({ url }: Started) => (await (await fetch(`${url}/v1/models/m`)).json()) as Shown

test('what the server is taught the trainer learns, and both show the version that came of it', async () => {
  const file = join(folder, 'lessons.jsonl')
  const lessons = ['good', 'fine', 'bad', 'awful'].map((text, index) => ({
    id: text,
    input: { text },
    label: index < 2 ? 'yes' : 'no',
  }))
  writeFileSync(file, lessons.map((lesson) => JSON.stringify(lesson)).join('\n'))
  expect((await runCli('feedback', '--file', file, '--url', server.url)).stdout).toContain(
    '4 accepted',
  )
  for (const one of [server, trainer])
    await expect
      .poll(async () => (await show(one)).live)
      .toMatchObject({ version: 'v1', generation: 2 })
  expect((await show(server)).trainer).toMatchObject({ state: 'standby' })
  expect(['running', 'idle']).toContain((await show(trainer)).trainer.state)
})

test('a generation that the trainer made can be insisted upon at the server', async () => {
  const { generation } = (await show(trainer)).live
  const answer = await fetch(`${server.url}/v1/models/m/predict`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-antikythera-min-generation': String(generation),
    },
    body: JSON.stringify({ inputs: ['good'] }),
  })
  expect(await answer.json()).toMatchObject({ version: 'v1', generation })
})

test.each([
  ['predict', { inputs: ['good'] }],
  ['feedback', { input: { text: 'good' }, label: 'yes' }],
  ['rollback', { reason: 'r' }],
  ['promote', { version: 'v0', reason: 'r' }],
])('a trainer refuses %s by the code of its role', async (route, body) => {
  const answer = await fetch(`${trainer.url}/v1/models/m/${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await answer.json()).toMatchObject({ code: 'ROLE_TRAINER' })
})

test('a rollback at the server is followed by the trainer', async () => {
  const { code } = await runCli('rollback', '--reason', 'r', '--url', server.url)
  expect(code).toBe(0)
  await expect
    .poll(async () => (await show(trainer)).live)
    .toMatchObject({ version: 'v0', generation: 3 })
})

test('a second daemon of the same side is refused', async () => {
  const seconds = ['server', 'trainer', 'all'].map(async (role) => {
    const args = [main, 'serve', '--config', config, '--json', '--role', role]
    const second = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
    await ended(second)
    return second.exitCode
  })
  expect(await Promise.all(seconds)).toEqual([75, 75, 75])
})

test('a server that waits for its first version ends in order by a signal', async () => {
  const args = [main, 'serve', '--config', config, '--json', '--role', 'server']
  const waiting = spawn(process.execPath, [...args, '--data-dir', join(folder, 'new')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await firstLine(waiting)
  const said: string[] = []
  for (const stream of [waiting.stdout, waiting.stderr])
    stream.on('data', (piece) => said.push(String(piece)))
  waiting.kill('SIGTERM')
  await ended(waiting)
  expect([waiting.exitCode, said]).toEqual([0, []])
})

test('each ends in order by a signal', async () => {
  for (const one of started) one.process.kill('SIGTERM')
  for (const one of started) {
    await ended(one.process)
    expect([one.process.exitCode, one.process.signalCode]).toEqual([0, null])
  }
})
