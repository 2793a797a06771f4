/** A model whose config can never start, beside one that can: refused where it is checked, and named where it runs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'

const features = 'labels: [no, yes], base: { features: { size: 2, standardise: false } }'
const models = `  bad: { ${features}, adapter: { method: lora } }\n  good: { ${features} }\n`
const daemon = oneDaemon(
  `server: { port: 0 }\nlog: { level: silent }\nmodels:\n${models}`,
  'ignore',
)
const { config, post } = daemon

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
  expect(await (await fetch(`${daemon.url}/readyz`)).json()).toMatchObject({
    ready: true,
    degraded: [fault],
  })
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
  expect((await runCli('status', '--url', daemon.url)).stdout).toContain(
    'bad: trainer: ADAPTER_INVALID',
  )
})

test('a base that writes nothing is refused by its code, where a model on it should', async () => {
  const encoder = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))
  const mute = join(daemon.folder, 'mute.yaml')
  const model = `base: { bert: ${JSON.stringify(encoder)} }, task: generation`
  writeFileSync(mute, `data_dir: ./mute\nserver: { port: 0 }\nmodels: { mute: { ${model} } }\n`)
  for (const command of [['serve'], ['config', 'check']]) {
    const { code, stderr } = await runCli(...command, '--config', mute)
    expect(code).toBe(78)
    expect(stderr).toContain('the base bert continues no texts')
  }
})
