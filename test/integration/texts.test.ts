/** Texts through the whole daemon: a house style taught over HTTP, thumbs, a corrected answer, kill -9, and an adapter for PEFT. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const base = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))
const config = `
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
  checked:
    base: { causal: ${base} }
    task: { generation: { max_tokens: 12, reward: ./check.mjs } }
    adapter: { method: lora, rank: 8, alpha: 16, tail_layers: all }
    train: { learning_rate: 0.02, batch: 4, replay_batch: 4 }
    trigger: { policy: count, every: 4 }
  facts:
    base: { causal: ${base} }
    task: { generation: { temperature: 0, max_tokens: 24, overflow: truncate } }
    adapter: { method: lora, rank: 2, alpha: 4, tail_layers: 1 }
    trigger: { policy: count, every: 1000, rest: 0 }
    memory: { policy: retrieval, embedding: use-lite, count: 2, similarity: 0.5 }
`
/** The more small letters, the better; a prompt that asks for it finds the program at fault. */
const check = `export default ({ input, answer }) =>
  input.text === 'fail' ? NaN : (answer.match(/[a-z]/g) ?? []).length / Math.max(1, answer.length)`
const daemon = oneDaemon((folder) => {
  writeFileSync(join(folder, 'check.mjs'), check)
  writeFileSync(join(folder, 'antikythera.yaml'), config)
})
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
  // A trainer reports its quality less often than what it has learned.
  const recent = async () => (await get<Model>('support')).quality.token_loss_recent
  await expect.poll(recent).toBeLessThan(5)
  expect((await get<Model>('support')).kl.per_token).toBeGreaterThan(0.1)
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

describe('practice', () => {
  interface Practised {
    readonly code?: string
    readonly version: string
    readonly answers: readonly { readonly text: string; readonly reward: number }[]
    readonly event?: string
    readonly position?: string
  }
  const practise = async (input: string, more: object = {}) =>
    post<Practised>('checked/practice', { input, samples: 8, ...more })
  test('teaches what the program says of the answers of the live version', async () => {
    const prompts = ['Hello', 'Help', 'Where is it?', 'Why?']
    const practised: Practised[] = []
    for (const [seed, prompt] of prompts.entries()) practised.push(await practise(prompt, { seed }))
    const small = (text: string) => (text.match(/[a-z]/g) ?? []).length / Math.max(1, text.length)
    for (const { version, answers } of practised) {
      expect([version, answers.length]).toEqual(['v0', 8])
      for (const { text, reward } of answers) expect(reward).toBe(small(text))
    }
    const { event, position } = practised.at(-1)!
    const { live } = await get<{ live: object }>(`checked?wait_for=${position}`)
    expect(live).toMatchObject({ version: 'v1' })
    expect(await get(`checked/feedback/${event}?source=practice`)).toMatchObject({
      state: 'learned',
    })
    interface Rewards {
      readonly rewards: { readonly events: number; readonly reward: number }
    }
    const rewards = async () => (await get<Rewards>('checked/quality')).rewards
    const all = practised.flatMap(({ answers }) => answers.map(({ reward }) => reward))
    const reward = all.reduce((sum, each) => sum + each, 0) / all.length
    await expect
      .poll(rewards)
      .toMatchObject({ events: 4, reward: expect.closeTo(reward, 6) as number })
  })

  test('is also a command, which says how much was worth how much', async () => {
    const file = join(daemon.folder, 'prompts.jsonl')
    writeFileSync(file, `"Hello"\n{"input": "Why?", "facts": {"sum": 4}}\n`)
    const flags = ['--file', file, '--samples', '4', '--url', daemon.url]
    const { stdout } = await runCli('practice', 'checked', ...flags)
    expect(stdout).toMatch(/^8 answers of v\d+ to 2 prompts: reward \d+\.\d %; \d prompts learned/)
    writeFileSync(file, `"Hello"\n"fail"\n`)
    const failed = await runCli('practice', 'checked', ...flags)
    expect(failed.stderr).toContain('REWARD_FAILED')
    expect(failed.stderr).toContain('line 2')
  })

  test('needs a program, and a number of answers that can be compared', async () => {
    expect(await post('support/practice', { input: 'Hello' })).toMatchObject({
      code: 'REWARD_MISSING',
    })
    expect(await practise('Hello', { samples: 1 })).toMatchObject({ code: 'REQUEST_INVALID' })
    expect(await practise('fail')).toMatchObject({ code: 'REWARD_FAILED' })
  })
})

describe('a memory of answers', () => {
  interface Recalled {
    readonly text: string
    readonly sources: readonly { id: string; similarity: number }[]
    readonly sources_cut?: number
  }
  const question = 'Who made the blue lamp?'
  const recalled = async (content: string) => {
    const inputs = [{ messages: [{ role: 'user', content }] }]
    const { predictions } = await post<{ predictions: readonly Recalled[] }>('facts/predict', {
      inputs,
    })
    const { text, sources, sources_cut } = predictions[0]!
    return { text, ids: sources.map(({ id }) => id), cut: sources_cut, sources }
  }
  const correct = async (id: string, content: string, completion: string) => {
    const input = { messages: [{ role: 'user', content }] }
    await post('facts/feedback', { id, source: 'desk', input, completion })
  }
  const told = async (content: string) => {
    const { text, ids } = await recalled(content)
    return { text, ids }
  }
  const chat = async (content: string, stream: boolean) => {
    const body = { model: 'facts', messages: [{ role: 'user', content }], stream }
    const response = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return response.text()
  }

  test('a fact taught once is the next answer, with its source, without a step', async () => {
    expect((await recalled(question)).ids).toEqual([])
    await correct('f-1', question, 'Ada made it.')
    await correct('f-2', 'What does the parcel cost?', 'Nine.')
    await expect.poll(() => told(question)).toEqual({ text: 'Ada made it.', ids: ['f-1'] })
    expect(await told('who made the blue lamp')).toEqual({ text: 'Ada made it.', ids: ['f-1'] })
    const like = await recalled('Tell me who made the lamp.')
    expect(like.ids).toEqual(['f-1'])
    expect(like.sources[0]!.similarity).toBeLessThan(1)
    expect((await recalled('Is it raining?')).ids).toEqual([])
    const raw = await post<{ predictions: readonly Recalled[] }>('facts/predict', {
      inputs: [question],
    })
    expect(raw.predictions[0]).toMatchObject({ text: 'Ada made it.', sources: [{ id: 'f-1' }] })
    const { reason } = await get<{ reason: string }>('facts/versions/v1')
    expect(reason).toBe('memory: stored answers: 1')
  })

  test('a client of the OpenAI API reads the sources; of a stream in its first chunk', async () => {
    const whole = JSON.parse(await chat(question, false)) as object
    const antikythera = { sources: [{ source: 'desk', id: 'f-1', similarity: 1 }] }
    expect(whole).toMatchObject({
      antikythera,
      choices: [{ message: { content: 'Ada made it.' }, finish_reason: 'stop' }],
    })
    const chunks = (await chat(question, true)).match(/(?<=data: )\{.*\}/g) ?? []
    expect(JSON.parse(chunks[0]!)).toMatchObject({ antikythera })
    expect(chunks.slice(1).join('')).not.toContain('antikythera')
  })

  test('a newer answer to the same question takes its place, also after kill -9', async () => {
    await correct('f-3', `${question} `, 'Bob made it.')
    await expect.poll(() => told(question)).toEqual({ text: 'Bob made it.', ids: ['f-3'] })
    await daemon.kill()
    await daemon.start()
    expect(await told(question)).toEqual({ text: 'Bob made it.', ids: ['f-3'] })
  })

  test('what the context has no room for is cut, the farthest first, and the answer says so', async () => {
    await correct('f-4', 'Who made the green lamp?', 'long '.repeat(200))
    const asked = 'Who made the lamp?'
    await expect.poll(async () => (await recalled(asked)).cut).toBe(1)
    expect((await recalled(asked)).sources.length).toBeLessThan(2)
  })

  test('a retraction takes it out of the answers, and a request to forget out of every version', async () => {
    await post('facts/feedback', { id: 'f-3', source: 'desk', retract: true })
    await expect.poll(async () => (await recalled(question)).text).not.toBe('Bob made it.')
    const { request } = await post<{ request: string }>('facts/forget', { id: 'f-2' })
    await expect.poll(async () => get(`facts/forget/${request}`)).toMatchObject({ state: 'done' })
    expect((await recalled('What does the parcel cost?')).ids).not.toContain('f-2')
    const old = await post<{ code: string }>('facts/predict', { inputs: ['x'], version: 'v2' })
    expect(old.code).toMatch(/^VERSION_/)
  })
})
