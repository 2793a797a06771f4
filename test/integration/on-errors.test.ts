/** A version whose outputs overflow, through the whole daemon: the server leaves it by itself, and the trainer follows. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openSharedRegistry } from '../../src/app/model.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openBase } from '../../src/config/model-parts.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { runCli } from '../cli/run-cli.ts'
import { removed } from '../scratch-folder.ts'
import { silentLog } from '../trainer/world.ts'

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-errors-'))
const file = join(folder, 'antikythera.yaml')
let daemon: ChildProcess
let url: string

beforeAll(async () => {
  const model = [
    'base: { features: { size: 2 } }',
    'labels: [no, yes]',
    'adapter: { method: head }',
    'rollback: { policy: on-errors }',
    'trigger: { policy: count, every: 8, rest: 0 }',
  ]
  const text = `server: { port: 0 }\nlog: { level: error }\nmodels:\n  m: { ${model.join(', ')} }\n`
  writeFileSync(file, text)
  const args = [main, 'serve', '--config', file, '--json']
  daemon = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  url = (JSON.parse(await firstLine(daemon)) as { url: string }).url
  const isReady = async () => (await fetch(`${url}/readyz`)).ok
  await vi.waitUntil(isReady, { timeout: 60_000, interval: 100 })
})

afterAll(async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await removed(folder)
})

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  return (await (await fetch(`${url}/v1/models/m${path}`, request)).json()) as Answer
}

async function get<Answer>(path: string): Promise<Answer> {
  return (await (await fetch(`${url}/v1/models/m${path}`)).json()) as Answer
}

async function teach(from: number): Promise<string> {
  const events = Array.from({ length: 16 }, (_, at) => {
    const value = (at % 4) + 1
    const isYes = at % 2 === 0
    return {
      id: `e${from + at}`,
      input: { features: [isYes ? value : -value, 1] },
      label: isYes ? 'yes' : 'no',
    }
  })
  const { position } = await post<{ position: string }>('/feedback', { events })
  const asked = await post<{ version: string }>(`/predict?wait_for=${position}`, asks)
  return asked.version
}

const asks = { inputs: [{ features: [2, 1] }] }

/** As a defect of the training code could publish it: its numbers are finite, and what it answers is not. */
async function publishOverflowing(parent: string): Promise<void> {
  const config = loadConfig(file)
  const base = await openBase(config.models.m!.base)
  const registry = await openSharedRegistry(config, 'm', base, {
    clock: systemClock,
    log: silentLog,
  })
  const { manifest, parameters } = await registry.load(parent)
  const huge = [...parameters].map(([name, { shape, data }]) => {
    const values = Float32Array.from(data, (_, at) => (at % 2 === 0 ? 3e38 : -3e38))
    return [name, { shape, data: values }] as const
  })
  await registry.publish({
    manifest: { ...manifest, version: 'overflowing', parent },
    parameters: new Map(huge),
  })
  await registry.close()
}

interface Move {
  readonly version: string
  readonly by: string
  readonly reason: string
  readonly asks?: object
}

const history = async () => (await get<{ moves: readonly Move[] }>('/history')).moves

test('it goes back to the version before, says why, and learning goes on from there', async () => {
  const good = await teach(0)
  await publishOverflowing(good)
  await runCli('promote', 'm', '--version', 'overflowing', '--reason', 'looked well', '--url', url)
  expect((await history())[0]).toMatchObject({ version: 'overflowing', by: 'promote' })
  await vi.waitUntil(
    async () => (await post<{ version: string }>('/predict', asks)).version === good,
    { timeout: 60_000, interval: 1 },
  )
  const [back] = await history()
  expect(back).toMatchObject({ version: good, by: 'policy', asks: { follow: true } })
  expect(back!.reason).toMatch(/^on-errors: 100\.0 % of \d+ answers of overflowing failed/)
  await post('/predict', asks)
  expect(await get('')).toMatchObject({ answers: { version: good, failed: 0 } })
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toMatch(/antikythera_failed_answers_total\{model="m",fault="not_finite"\} \d+/)
  expect(metrics).toMatch(/antikythera_swaps_total\{model="m",by="policy"\} 1/)
  const next = await teach(100)
  const versions = await get<{ versions: { version: string; parent: string }[] }>('/versions')
  const made = versions.versions.find(({ parent }) => parent === good)
  expect(made).toBeDefined()
  expect(next).not.toBe('overflowing')
  const { stdout } = await runCli('history', 'm', '--url', url)
  expect(stdout).toContain('on-errors')
}, 120_000)
