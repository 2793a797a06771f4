/** What PEFT trained goes on learning: `import` beside a running daemon, before its first start, and in a fleet. */
import { spawn, type ChildProcess } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { softmax } from '../../src/nn/softmax.ts'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'
import {
  casesOfPeft,
  configFor,
  imported,
  inRegistry,
  labels,
  openedByPeft,
  rowsOf,
  servedEmbeddings,
} from './import-rig.ts'
import { runCli } from './run-cli.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))
const adapter = '{ rank: 2, alpha: 5, tail_layers: all, target_modules: [query, value] }'
const learning = ', trigger: { every: 4 }, train: { epochs: 5 }'
const waiting = { timeout: 60_000, interval: 100 }

const from = casesOfPeft('list')

interface Daemon {
  readonly child: ChildProcess
  readonly cli: (...args: string[]) => ReturnType<typeof runCli>
}

async function serve(config: string): Promise<Daemon> {
  const child = spawn(process.execPath, [main, 'serve', '--config', config, '--json'], {
    cwd: dirname(config),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended(child)
  })
  const { url } = JSON.parse(await firstLine(child)) as { url: string }
  await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, waiting)
  return { child, cli: async (...args) => runCli(...args, '--url', url, '--json') }
}

interface Answers {
  readonly version: string
  readonly predictions: readonly { readonly scores: Readonly<Record<string, number>> }[]
}

async function ask({ cli }: Daemon, texts: readonly string[]): Promise<Answers> {
  return (await cli('predict', ...texts)).json() as Answers
}

async function untilLive(daemon: Daemon, version: string): Promise<void> {
  await expect.poll(async () => (await ask(daemon, ['good'])).version, waiting).toBe(version)
}

/** Four lessons, which are an update. */
async function teach({ cli }: Daemon, ids: string): Promise<void> {
  for (const [at, text] of ['good', 'bad', 'lovely', 'bad phone'].entries()) {
    const event = ['--id', `${ids}-${at}`, '--text', text, '--label', labels[1 - (at % 2)]!]
    expect((await cli('feedback', ...event)).code).toBe(0)
  }
}

async function expectAnswersOfPeft(daemon: Daemon, name: string): Promise<void> {
  const rows = rowsOf(from(name))
  const texts = rows.map(({ text }) => text)
  const { predictions } = await ask(daemon, texts)
  for (const [at, { logits, text }] of rows.entries()) {
    const shares = softmax(Float32Array.from(logits!))
    for (const [column, label] of labels.entries())
      expect(Math.abs(predictions[at]!.scores[label]! - shares[column]!), text).toBeLessThan(1e-4)
  }
}

/** Back on the import, whose answers are those of PEFT, the trainer learns from there. */
async function expectToGoOnFromIt(daemon: Daemon, config: string): Promise<void> {
  await untilLive(daemon, 'v0-import')
  await expectAnswersOfPeft(daemon, 'list')
  await teach(daemon, 'second')
  await untilLive(daemon, 'v2')
  expect((await inRegistry(config, 'v2')).manifest.parent).toBe('v0-import')
}

test('beside a running daemon it answers, goes on learning, is rolled back to, and PEFT opens what it became', async () => {
  const config = configFor(adapter, learning)
  const daemon = await serve(config)
  await untilLive(daemon, 'v0')
  const answer = await imported(config, from('list'), '--promote')
  expect(answer).toMatchObject({ code: 0, version: 'v0-import', generation: 2 })
  await untilLive(daemon, 'v0-import')
  await expectAnswersOfPeft(daemon, 'list')

  await teach(daemon, 'first')
  await untilLive(daemon, 'v1')
  const [begun, learned] = [await inRegistry(config, 'v0-import'), await inRegistry(config, 'v1')]
  expect(learned.manifest).toMatchObject({ parent: 'v0-import', events: 4, decision: 'promote' })
  expect([...learned.parameters.keys()].sort()).toEqual([...begun.parameters.keys()].sort())
  for (const [name, { data }] of learned.parameters)
    expect(distance(data, begun.parameters.get(name)!.data), name).toBeGreaterThan(0)
  // It began where PEFT ended: four lessons move it less far than it is from nothing.
  const matrix = 'encoder.layer.1.attention.self.query.lora_B'
  const nothing = new Float32Array(32)
  const before = begun.parameters.get(matrix)!.data
  expect(distance(learned.parameters.get(matrix)!.data, before)).toBeLessThan(
    distance(nothing, before),
  )

  const folder = join(dirname(config), 'exported')
  expect((await runCli('export', '--config', config, '--to', folder)).code).toBe(0)
  const rows = await openedByPeft(folder)
  const ours = await servedEmbeddings(
    learned,
    rows.map(({ text }) => text),
  )
  for (const [at, { embedding }] of rows.entries())
    for (const [column, value] of embedding.entries())
      expect(Math.abs(ours[at]![column]! - value)).toBeLessThan(1e-4)
  // So that a request to forget finds the copy.
  expect(await imported(config, folder)).toMatchObject({ version: 'v1-import', parent: 'v1' })

  await daemon.cli('rollback', '--to', 'v0-import', '--reason', 'test')
  await expectToGoOnFromIt(daemon, config)
}, 240_000)

test('without --promote it waits to be promoted, and does not disturb the trainer', async () => {
  const config = configFor(adapter, learning)
  const daemon = await serve(config)
  await untilLive(daemon, 'v0')
  const answer = await imported(config, from('list'))
  expect(answer).toMatchObject({ version: 'v0-import', generation: null })
  await teach(daemon, 'first')
  await untilLive(daemon, 'v1')
  expect((await inRegistry(config, 'v1')).manifest.parent).toBe('v0')
  await daemon.cli('promote', '--version', 'v0-import', '--reason', 'better')
  await expectToGoOnFromIt(daemon, config)
})

test('before the first start it is what the model begins with', async () => {
  const config = configFor(adapter, learning)
  await imported(config, from('list'), '--promote')
  const daemon = await serve(config)
  await untilLive(daemon, 'v0-import')
  await expectAnswersOfPeft(daemon, 'list')
  await teach(daemon, 'first')
  await untilLive(daemon, 'v1')
  expect((await inRegistry(config, 'v1')).manifest).toMatchObject({ parent: 'v0-import' })
})

test('in a fleet it is imported from any machine, and whoever trains the model goes on from it', async (context) => {
  needsRedis(context)
  const { url } = await redisForTest()
  const redis = `redis: { url: ${JSON.stringify(url)} }\n`
  const [here, elsewhere] = [
    configFor(adapter, learning, redis),
    configFor(adapter, learning, redis),
  ]
  const daemon = await serve(here)
  await untilLive(daemon, 'v0')
  const answer = await imported(elsewhere, from('list'), '--promote')
  expect(answer).toMatchObject({ code: 0, version: 'v0-import', generation: 2 })
  await untilLive(daemon, 'v0-import')
  await expectAnswersOfPeft(daemon, 'list')
  await teach(daemon, 'first')
  await untilLive(daemon, 'v1')
  expect((await inRegistry(here, 'v1')).manifest.parent).toBe('v0-import')
  // The machine that it came from has no daemon, and knows nothing that the fleet does not.
  const again = await imported(elsewhere, from('list'))
  expect(again).toMatchObject({ version: 'v1-import', generation: null })
})

function distance(one: Float32Array, other: Float32Array): number {
  return Math.hypot(...one.map((value, at) => value - other[at]!))
}
