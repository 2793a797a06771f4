/** Numbers through the whole daemon: taught over HTTP, better than the mean, swapped, corrected and rolled back. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openPredictor, readConfig } from '../../src/antikythera.ts'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const random = openRandom(1, 'prices')
const models = [
  'prices: { task: regression, base: { features: { size: 2 } }, adapter: { method: head } }',
  'texts: { task: { regression: { loss: squared } }, adapter: { method: lora, rank: 2 } }',
  'words: { labels: [no, yes], adapter: { method: head } }',
]
const head = 'server: { port: 0 }\nlog: { level: warn }\nmodels:\n  '
const daemon = oneDaemon(`${head}${models.join('\n  ')}\n`)
const { post, get } = daemon

interface Predicted {
  readonly version: string
  readonly predictions: readonly { readonly id: string; readonly value: number }[]
}

/** Prices in hundreds of thousands, of two features: nothing that a learning rate of 0.001 would reach by itself. */
function priced(): { readonly features: number[]; readonly value: number } {
  const features = [random.normal(), random.normal()]
  const value = 300_000 + 40_000 * features[0]! - 25_000 * features[1]! + 2000 * random.normal()
  return { features, value }
}

async function teach(count: number): Promise<string> {
  const events = Array.from({ length: count }, () => {
    const { features, value } = priced()
    return { input: { features }, value }
  })
  const receipt = await post<{ accepted: number; position: string }>('prices/feedback', { events })
  expect(receipt.accepted).toBe(count)
  return receipt.position
}

interface Quality {
  readonly events: number
  readonly mae: number
  readonly mae_recent: number
  readonly baselines: Readonly<Record<'running_mean' | 'last_value', { mae_recent: number }>>
}

test('answers become better than the running mean and the last value, and say so everywhere', async () => {
  let position = ''
  for (let batch = 0; batch < 15; batch += 1) position = await teach(50)
  expect(position).not.toBe('')
  const quality = async () => get<Quality>('prices/quality')
  const scored = async () => {
    const { counts } = await get<{ counts: { unanswered?: number } }>('prices')
    return (await quality()).events + (counts.unanswered ?? 0)
  }
  await vi.waitUntil(async () => (await scored()) >= 749, { timeout: 120_000 })
  const input = { features: [1, -1] }
  const asked = await post<Predicted>(`prices/predict?wait_for=${position}`, { inputs: [input] })
  expect(asked.predictions[0]!.value).toBeGreaterThan(340_000)
  expect(asked.predictions[0]!.value).toBeLessThan(390_000)
  const { mae_recent, baselines } = await quality()
  expect(mae_recent).toBeLessThan(0.8 * baselines.running_mean.mae_recent)
  expect(mae_recent).toBeLessThan(0.8 * baselines.last_value.mae_recent)
  const model = await get<{ task: string; quality: object }>('prices')
  expect(model).toMatchObject({
    task: 'regression',
    quality: { mae_recent: expect.any(Number) as number },
  })
  const status = await runCli('status', '--url', daemon.url)
  expect(status.stdout).toMatch(/prices .*MAE \d/)
  expect((await runCli('status', 'prices', '--labels', '--url', daemon.url)).stdout).toContain(
    'running mean',
  )
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  expect(metrics).toMatch(/antikythera_absolute_error\{model="prices",window="recent"\} \d/)
})

test('rows with known prices score a version against another, and a program without the daemon answers as it does', async () => {
  const path = join(daemon.folder, 'prices.jsonl')
  const rows = Array.from({ length: 40 }, () => {
    const { features, value } = priced()
    return JSON.stringify({ input: { features }, value })
  })
  writeFileSync(path, rows.join('\n'))
  const flags = ['--file', path, '--against', 'v0', '--url', daemon.url, '--json']
  const { json } = await runCli('evaluate', 'prices', ...flags)
  expect(json()).toMatchObject({
    report: { measure: 'absolute_error', rows: 40, difference: { verdict: 'better' } },
  })
  const predictor = await openPredictor<{ value: number }>(readConfig(daemon.config), {
    model: 'prices',
  })
  onTestFinished(async () => predictor.close())
  const input = { features: [1, -1] }
  const { predictions } = await post<Predicted>('prices/predict', { inputs: [input] })
  const kind = { kind: 'features', ...input } as const
  const own = await predictor.predict([input, kind])
  expect(own.map(({ value }) => value)).toEqual(Array(2).fill(predictions[0]!.value))
  await expect(predictor.predict(['no features'])).rejects.toMatchObject({
    code: 'INPUT_WRONG_KIND',
  })
})

test('a correction of an answer is learned, and a rollback brings the old answer back to the bit', async () => {
  const input = { features: [0, 0] }
  const before = await post<Predicted>('prices/predict', { inputs: [input] })
  const { id } = before.predictions[0]!
  const receipt = await post<{ position: string }>('prices/feedback', {
    prediction_id: id,
    correction: 900_000,
  })
  const path = `prices/predict?wait_for=${receipt.position}`
  const after = await post<Predicted>(path, { inputs: [input] })
  expect(after.version).not.toBe(before.version)
  expect(after.predictions[0]!.value).not.toBe(before.predictions[0]!.value)
  const back = { to: before.version, reason: 'a slip' }
  expect(await post('prices/rollback', back)).toMatchObject({ live: before.version })
  const again = await post<Predicted>('prices/predict', { inputs: [input] })
  expect(again.version).toBe(before.version)
  expect(again.predictions[0]!.value).toBe(before.predictions[0]!.value)
  const aside = async () => (await get<{ count: number }>('prices/set-aside')).count
  await vi.waitUntil(async () => (await aside()) === 1, { timeout: 60_000 })
  await post('prices/discard', {})
})

test('texts teach numbers too: the first feedback is the answer', async () => {
  const receipt = await post<{ position: string }>('texts/feedback', {
    input: 'what a lovely phone',
    value: 4.5,
  })
  const asked = await post<Predicted>(`texts/predict?wait_for=${receipt.position}`, {
    inputs: ['what a lovely phone'],
  })
  expect(asked.predictions[0]!.value).toBeCloseTo(4.5, 3)
  const predicted = await runCli('predict', '--model', 'texts', 'so good', '--url', daemon.url)
  expect(predicted.stdout).toMatch(/^4\.5 {2}v\d/)
})

test('what a number cannot learn from is refused with its fix, and labels go on beside it', async () => {
  const rated = await post<object>('prices/feedback', { prediction_id: 'p-1', rating: 1 })
  expect(rated).toMatchObject({
    code: 'SIGNAL_UNSUPPORTED',
    fix: expect.stringContaining('value') as string,
  })
  const labelled = { input: { features: [1, 2] }, label: 'high' }
  expect(await post('prices/feedback', labelled)).toMatchObject({ code: 'SIGNAL_UNSUPPORTED' })
  const asked = await post<{ predictions: object[] }>('words/predict', { inputs: ['good'] })
  expect(asked.predictions[0]).toMatchObject({ label: expect.any(String) as string, scores: {} })
})
