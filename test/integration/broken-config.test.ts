/** A model whose config can never start, beside one that can: refused where it is checked, and named where it runs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { runCli } from '../cli/run-cli.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-broken-'))
const config = join(folder, 'antikythera.yaml')
const features = 'labels: [no, yes], base: { features: { size: 2, standardise: false } }'
let daemon: ChildProcess
let url: string

beforeAll(async () => {
  const models = `  bad: { ${features}, adapter: { method: lora } }\n  good: { ${features} }\n`
  writeFileSync(config, `server: { port: 0 }\nlog: { level: silent }\nmodels:\n${models}`)
  const args = [main, 'serve', '--config', config, '--json']
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

test('config check and doctor refuse it, and name the key', async () => {
  const { code, stderr } = await runCli('config', 'check', '--config', config)
  expect(code).toBe(78)
  expect(stderr).toContain('/models/bad/adapter/tail_layers cannot start: ')
  expect(stderr).not.toContain('/models/good')
  const { stdout } = await runCli('doctor', '--config', config)
  expect(stdout).toMatch(/FAILED +models of the config +models\.bad\.adapter\.tail_layers/)
})

test('the daemon is ready with the other one, and says what is wrong with it', async () => {
  const fault = { model: 'bad', state: 'failed', code: 'ADAPTER_INVALID' }
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({
    ready: true,
    degraded: [fault],
  })
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const request = { method: 'POST', headers, body: JSON.stringify(body) }
    return (await (await fetch(`${url}/v1/models/${path}`, request)).json()) as object
  }
  const input = { features: [1, 2] }
  expect(await post('good/predict', { inputs: [input] })).toMatchObject({ version: 'v0' })
  expect(await post('bad/predict', { inputs: [input] })).toMatchObject({
    status: 503,
    code: 'NOT_READY',
    trainer_code: 'ADAPTER_INVALID',
  })
  expect(await post('bad/feedback', { input, label: 'yes' })).toMatchObject({
    code: 'ADAPTER_INVALID',
  })
  expect((await runCli('status', '--url', url)).stdout).toContain('bad: trainer: ADAPTER_INVALID')
})
