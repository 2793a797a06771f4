/** Texts through the whole daemon: a house style taught over HTTP, thumbs, a corrected answer, kill -9, and an adapter for PEFT. */
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const base = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))
const daemon = oneDaemon(`
server: { port: 0 }
log: { level: warn }
models:
  support:
    base: { causal: ${base} }
    task: { generation: { temperature: 0, max_tokens: 12 } }
    adapter: { method: lora, rank: 8, alpha: 16, tail_layers: all }
    train: { learning_rate: 0.02, batch: 4, replay_batch: 4, epochs: 4 }
    trigger: { policy: count, every: 4 }
    promotion: { policy: kl, most: 100 }
`)
const { post, get } = daemon

interface Predicted {
  readonly version: string
  readonly predictions: readonly { readonly id: string; readonly text: string }[]
}

interface Model {
  readonly quality: { readonly token_loss_recent: number; readonly ratings_up_recent: number }
  readonly kl: { readonly per_token: number }
}

const ask = async (content: string, position?: string) => {
  const path = position === undefined ? 'predict' : `predict?wait_for=${position}`
  const inputs = [{ messages: [{ role: 'user', content }] }]
  const answer = await post<Predicted>(`support/${path}`, { inputs })
  expect(answer).toHaveProperty('predictions')
  return { version: answer.version, ...answer.predictions[0]! }
}

const teach = async (events: readonly object[]) => {
  const receipt = await post<{ accepted: number; position: string }>('support/feedback', { events })
  expect(receipt.accepted).toBe(events.length)
  return receipt.position
}

let count = 0

interface Evaluated {
  readonly report: { readonly version: { readonly mean: number } }
}

const completion = (content: string) => ({
  id: `c-${(count += 1)}`,
  input: { messages: [{ role: 'user', content }] },
  completion: 'Sure!',
})

test('completions change the answers, and everything says how far', async () => {
  const before = await ask('Hello')
  let after = before
  // One by one: examples that wait together, as for a trainer that is still starting, are all scored before it learns them.
  for (let batch = 0; batch < 10; batch += 1) {
    const position = await teach(['Hello', 'Help', 'Where is it?', 'Why?'].map(completion))
    after = await ask('Hello', position)
    if (batch > 0) continue
    // The server reads a given answer as the trainer did before it learned it.
    const rows = ['Hello', 'Help', 'Where is it?', 'Why?'].map(completion)
    const { report } = await post<Evaluated>('support/evaluate', { rows, version: 'v0' })
    // A trainer reports its quality less often than what it has learned.
    const reported = async () =>
      (await get<{ completions: { token_loss: number } }>('support/quality')).completions.token_loss
    await expect.poll(reported).toBeCloseTo(report.version.mean, 3)
  }
  expect(after.version).not.toBe(before.version)
  expect(after.text).toBe('Sure!')
  const inputs = [{ messages: [{ role: 'user', content: 'Why?' }] }]
  const { predictions } = await post<{ predictions: readonly { because: readonly object[] }[] }>(
    'support/predict',
    { inputs, because: 2 },
  )
  const same = { similarity: expect.closeTo(1, 5) as number, target: { completion: 'Sure!' } }
  expect(predictions[0]!.because).toMatchObject([same, same])
  const model = await get<Model>('support')
  expect(model.kl.per_token).toBeGreaterThan(0.1)
  expect(model.quality.token_loss_recent).toBeLessThan(5)
  const { stdout } = await runCli('status', 'support', '--labels', '--url', daemon.url)
  expect(stdout).toContain('loss of a token of a completion')
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  expect(metrics).toMatch(/antikythera_kl_to_base\{model="support"\} \d/)
  expect(metrics).toMatch(/antikythera_token_loss\{model="support",window="recent"\} \d/)
  const rows = ['Hello', 'Help', 'Where is it?', 'Why?', 'Who?', 'When?'].map(completion)
  expect(await post('support/evaluate', { rows, against: 'v0' })).toMatchObject({
    report: { measure: 'loss', rows: 6, difference: { verdict: 'better', better: 6 } },
  })
})

test('thumbs, a corrected answer and a choice are learned, also after kill -9', async () => {
  const [one, other] = [await ask('Hello'), await ask('Why?')]
  await teach([
    { prediction_id: one.id, rating: 1 },
    { prediction_id: other.id, rating: -1 },
  ])
  await daemon.kill()
  await daemon.start()
  const position = await teach([
    { prediction_id: other.id, correction: 'No.' },
    { input: 'Why?', chosen: 'No.', rejected: 'Sure!' },
  ])
  const after = await ask('Hello', position)
  expect(after.version).not.toBe(one.version)
  await vi.waitUntil(async () => (await get<Model>('support')).quality.ratings_up_recent > 0)
})
