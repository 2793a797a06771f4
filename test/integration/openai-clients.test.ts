/**
 * Real clients of the OpenAI API against a real daemon: OpenAI's own for npm and Python, LangChain, Hugging Face, instructor, the AI SDK and
 * Flink SQL.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI, { type APIError, AuthenticationError, NotFoundError } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askFromAiSdk, askFromPython, needsClients } from '../services/clients/clients.ts'
import { mlPredict, needsFlink } from '../services/flink/flink.ts'
import { oneDaemon } from './one-daemon.ts'

const TOKEN = 'a-token-of-this-test-only-1234567890'
const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }

/** Random weights: it writes nonsense. With room for the instructions of the clients. */
function openDecoder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-decoder-'))
  cpSync(new URL('../reference/tiny-causal/llama', import.meta.url), folder, { recursive: true })
  const path = join(folder, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as object
  writeFileSync(path, JSON.stringify({ ...config, max_position_embeddings: 2048 }))
  return folder
}
const decoder = openDecoder()
afterAll(() => rmSync(decoder, { recursive: true }))

const daemon = oneDaemon(`
server: { port: 0, auth: { tokens: [${TOKEN}] } }
data_dir: ./data
models:
  sentiment: { labels: [positive, negative], adapter: { method: head } }
  price: { task: regression, base: { features: { size: 2 } } }
  support: { task: { generation: { max_tokens: 6 } }, base: { causal: ${JSON.stringify(decoder)} } }
`)

let client: OpenAI
beforeAll(() => {
  client = new OpenAI({ apiKey: TOKEN, baseURL: `${daemon.url}/v1`, maxRetries: 0 })
})

const question = [
  { role: 'system', content: 'You are a helpful assistant.' },
  { role: 'user', content: 'what a lovely phone' },
] as const

/** One call waits for ten seconds at most, which a busy machine may need more than once: ask again. */
const countsAfter = async (model: string, position: string) => {
  const asked = await fetch(`${daemon.url}/v1/models/${model}?wait_for=${position}`, { headers })
  return ((await asked.json()) as { counts?: object }).counts
}

const refusal = async (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as APIError,
  )

describe('the client of OpenAI', () => {
  test('lists the models, and finds one by its name, its live version or an older one', async () => {
    const models = await client.models.list()
    expect(models.data.map(({ id, object }) => [id, object])).toEqual([
      ['sentiment', 'model'],
      ['price', 'model'],
      ['support', 'model'],
    ])
    for (const id of ['sentiment', 'sentiment@live', 'sentiment@v0'])
      expect(await client.models.retrieve(id)).toMatchObject({ id, object: 'model' })
    for (const id of ['none', 'sentiment@v99'])
      expect(await refusal(client.models.retrieve(id))).toBeInstanceOf(NotFoundError)
  })

  test('gets the answer as content, its scores as log-probabilities, version and digest by name', async () => {
    const completion = await client.chat.completions.create({
      model: 'sentiment',
      messages: [...question],
      logprobs: true,
      top_logprobs: 5,
    })
    const [choice] = completion.choices
    expect(['positive', 'negative']).toContain(choice?.message.content)
    expect(choice?.finish_reason).toBe('stop')
    const [scores] = choice?.logprobs?.content ?? []
    expect(scores?.token).toBe(choice?.message.content)
    const sum = scores?.top_logprobs.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)
    expect(sum).toBeCloseTo(1, 5)
    expect(completion.model).toMatch(/^sentiment@v\d+$/)
    expect(completion).toMatchObject({
      system_fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
    expect(completion.usage?.prompt_tokens).toBeGreaterThan(3)
    const stated = await client.chat.completions.create({
      model: 'sentiment@v0',
      messages: [...question],
    })
    expect(stated.model).toBe('sentiment@v0')
    expect(stated.choices[0]?.logprobs).toBeNull()
  })

  test('reads the same answer as a stream', async () => {
    const stream = await client.chat.completions.create({
      model: 'sentiment@v0',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'what a lovely phone' }] }],
      stream: true,
      stream_options: { include_usage: true },
    })
    let content = ''
    let finished: string | null | undefined
    let total: number | undefined
    for await (const chunk of stream) {
      content += chunk.choices[0]?.delta.content ?? ''
      finished ??= chunk.choices[0]?.finish_reason
      total = chunk.usage?.total_tokens ?? total
    }
    const whole = await client.chat.completions.create({
      model: 'sentiment@v0',
      messages: [...question],
    })
    expect(content).toBe(whole.choices[0]?.message.content)
    expect(finished).toBe('stop')
    expect(total).toBe(whole.usage?.total_tokens)
  })

  test('completes prompts, one or several, each choice with the id of its prediction', async () => {
    const completion = await client.completions.create({
      model: 'sentiment',
      prompt: ['what a lovely phone', 'it broke'],
      logprobs: 2,
    })
    expect(completion.object).toBe('text_completion')
    expect(completion.choices.map(({ index }) => index)).toEqual([0, 1])
    const [choice] = completion.choices
    expect(choice?.logprobs?.tokens).toEqual([choice?.text])
    expect(Object.keys(choice?.logprobs?.top_logprobs?.[0] ?? {})).toHaveLength(2)
    const ids = completion.choices.map((each) => (each as unknown as { id: string }).id)
    expect(new Set(ids).size).toBe(2)
    expect(ids[0]).toBe(completion.id)
  })

  test('reads numbers as JSON from the text, and gets a number back', async () => {
    const messages = (content: string) => [{ role: 'user', content }] as const
    const completion = await client.chat.completions.create({
      model: 'price',
      messages: [...messages('[1, 2]')],
    })
    expect(Number.isFinite(Number(completion.choices[0]?.message.content))).toBe(true)
    const error = await refusal(
      client.chat.completions.create({ model: 'price', messages: [...messages('two rooms')] }),
    )
    expect(error).toMatchObject({ status: 400, param: 'messages.0.content' })
  })

  test('feedback that names the completion is learned', async () => {
    const { id } = await client.chat.completions.create({
      model: 'sentiment',
      messages: [...question],
    })
    const sent = await fetch(`${daemon.url}/v1/models/sentiment/feedback`, {
      ...{ method: 'POST', headers },
      body: JSON.stringify({ prediction_id: id, label: 'positive' }),
    })
    const { position } = (await sent.json()) as { position: string }
    await expect.poll(() => countsAfter('sentiment', position)).toMatchObject({ learned: 1 })
  })

  test('a language model answers a conversation, whole and token by token, one or several', async () => {
    const asked = { model: 'support', messages: [...question], seed: 7, temperature: 1 }
    const whole = await client.chat.completions.create({ ...asked, n: 2, logprobs: true })
    expect(whole.choices).toHaveLength(2)
    for (const { finish_reason, logprobs } of whole.choices) {
      expect(['stop', 'length']).toContain(finish_reason)
      expect(logprobs?.content?.length).toBeGreaterThan(0)
    }
    expect(whole.usage?.completion_tokens).toBeLessThanOrEqual(12)
    let content = ''
    const stream = client.chat.completions.stream({ ...asked, n: 1, stream: true })
    for await (const { choices } of stream) content += choices[0]?.delta.content ?? ''
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]?.message.content ?? '').toBe(content)
    expect(content).toBe(whole.choices[0]?.message.content)
    const prompt = await client.completions.create({ model: 'support', prompt: 'the phone' })
    expect(prompt.usage?.completion_tokens).toBeLessThanOrEqual(6)
  })

  test('a client that goes stops the text, and the next one is answered', async () => {
    const stream = await client.chat.completions.create({
      ...{ model: 'support', messages: [...question], max_completion_tokens: 200, stream: true },
    })
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    stream.controller.abort()
    const next = await client.chat.completions.create({ model: 'support', messages: [...question] })
    expect(next.choices).toHaveLength(1)
  })

  test('a correction of a completion is learned', async () => {
    const { id } = await client.chat.completions.create({
      model: 'support',
      messages: [...question],
    })
    const sent = await fetch(`${daemon.url}/v1/models/support/feedback`, {
      ...{ method: 'POST', headers },
      body: JSON.stringify({ prediction_id: id, correction: 'Thank you!' }),
    })
    const { position } = (await sent.json()) as { position: string }
    await expect.poll(() => countsAfter('support', position)).toMatchObject({ learned: 1 })
  })

  test('embeds texts in the two formats, shortened where asked, and has none of numbers', async () => {
    const input = ['what a lovely phone', 'it broke']
    for (const model of ['sentiment', 'sentiment@v0', 'support']) {
      // The client itself asks for base64.
      const packed = await client.embeddings.create({ model, input })
      const plain = await client.embeddings.create({ model, input, encoding_format: 'float' })
      expect(packed.data).toHaveLength(2)
      expect(packed.model).toMatch(new RegExp(`^${model.split('@')[0]}@v\\d+$`))
      for (const [at, { embedding }] of packed.data.entries()) {
        expect(Math.hypot(...embedding)).toBeCloseTo(1, 5)
        for (const [place, value] of (plain.data[at]?.embedding ?? []).entries())
          expect(embedding[place]).toBeCloseTo(value, 5)
      }
      expect(packed.usage.prompt_tokens).toBeGreaterThan(5)
      const [short] = (await client.embeddings.create({ model, input, dimensions: 8 })).data
      expect(short?.embedding).toHaveLength(8)
      expect(Math.hypot(...(short?.embedding ?? []))).toBeCloseTo(1, 5)
      const unset = { dimensions: null, user: null } as object
      expect((await client.embeddings.create({ model, input, ...unset })).data).toEqual(packed.data)
    }
    for (const body of [{ model: 'price' }, { model: 'support', dimensions: 33 }])
      expect(await refusal(client.embeddings.create({ input, ...body }))).toMatchObject({
        status: 400,
        code: 'REQUEST_INVALID',
        param: Object.keys(body).at(-1),
      })
  })

  test('hears what is wrong in the form that it knows', async () => {
    const wrong = new OpenAI({ apiKey: 'wrong', baseURL: `${daemon.url}/v1`, maxRetries: 0 })
    const ask = (body: object, by = client) =>
      refusal(
        by.chat.completions.create({
          model: 'sentiment',
          messages: [...question],
          ...body,
        }),
      )
    expect(await ask({}, wrong)).toBeInstanceOf(AuthenticationError)
    const image = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }]
    const cases: readonly [body: object, status: number, code: string, param: string | null][] = [
      [{ model: 'none' }, 404, 'MODEL_UNKNOWN', 'model'],
      [{ model: 'sentiment@v99' }, 404, 'VERSION_UNKNOWN', 'model'],
      [{ messages: [] }, 400, 'REQUEST_INVALID', null],
      [{ messages: [question[0]] }, 400, 'REQUEST_INVALID', 'messages'],
      [{ messages: [{ role: 'robot', content: 'a' }] }, 400, 'REQUEST_INVALID', 'messages.0.role'],
      [{ messages: image }, 400, 'REQUEST_INVALID', 'messages.0.content.0.type'],
      [{ messages: [{ role: 'user', content: ' ' }] }, 400, 'INPUT_EMPTY', 'messages.0.content'],
      [{ n: 2 }, 400, 'REQUEST_INVALID', null],
    ]
    for (const [body, status, code, param] of cases) {
      const error = await ask(body)
      expect(error, JSON.stringify(body)).toMatchObject({ status, code })
      if (param !== null) expect(error?.param, JSON.stringify(body)).toBe(param)
      expect(error?.message).toContain('(')
    }
    const missing = await fetch(`${daemon.url}/v1/audio/speech`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    expect(missing.status).toBe(404)
  })
})

test('the Python clients of OpenAI, LangChain and Hugging Face get the same answers, whole and as streams', async (context) => {
  needsClients(context)
  const [classifier, writer] = ['sentiment@v0', 'support@v0']
  const asked = { url: `${daemon.url}/v1`, key: TOKEN, classifier, writer }
  const { openai, langchain, hugging_face, structured } = await askFromPython(asked)
  const [label, text] = [openai.label, openai.texts[0]]
  expect(['positive', 'negative']).toContain(label)
  expect(openai).toMatchObject({
    ...{ models: ['sentiment', 'price', 'support'], live: 'sentiment@live', scores: 2 },
    ...{ texts: [text, text], streamed: text, continued: expect.any(String) as string },
    refusals: [
      ['NotFoundError', 404, 'MODEL_UNKNOWN'],
      ['BadRequestError', 400, 'REQUEST_INVALID'],
      ['AuthenticationError', 401, 'AUTH_REQUIRED'],
    ],
  })
  const [size, difference] = openai.embedded
  expect(difference).toBeLessThan(1e-5)
  expect(langchain).toEqual({ label, text, streamed: text, embedded: [size, size] })
  expect(hugging_face).toEqual({ label, text, streamed: text })
  const objects = [{ mood: label }, { mood: label }]
  const { written, ...classified } = structured
  expect(classified).toEqual({ openai: objects, instructor: objects, langchain: objects })
  const isMood = { mood: expect.stringMatching(/^(positive|negative)$/) as string }
  expect(written).toEqual([isMood, isMood, isMood, isMood])
})

test('a classifier answers with the object that the client of OpenAI and the AI SDK ask for', async () => {
  const model = 'sentiment@v0'
  const asked = { model, messages: [...question] }
  const { choices } = await client.chat.completions.create(asked)
  const mood = choices[0]?.message.content
  const property = { type: 'string', enum: ['positive', 'negative'] }
  const schema = { type: 'object', properties: { mood: property }, required: ['mood'] }
  const json_schema = { name: 'review', strict: true, schema }
  const parsed = await client.chat.completions.parse({
    ...{ ...asked, response_format: { type: 'json_schema', json_schema } },
  })
  expect(parsed.choices[0]?.message.parsed).toEqual({ mood })
  const named = { url: `${daemon.url}/v1`, key: TOKEN, classifier: model }
  expect(await askFromAiSdk(named)).toEqual([{ mood }, { mood }, { mood }, { mood }])
})

test('a language model answers with the JSON and the calls that the clients ask for, whatever its weights', async () => {
  const mood = z.enum(['positive', 'negative'])
  const Review = z.object({ mood, stars: z.int().min(1).max(5), why: z.string().max(8) })
  const asked = { model: 'support', messages: [...question], max_tokens: 120, seed: 3 }
  const { choices } = await client.chat.completions.parse({
    ...{ ...asked, response_format: zodResponseFormat(Review, 'review') },
  })
  expect(choices[0]?.message.parsed).toEqual(Review.parse(choices[0]?.message.parsed))
  const schema = { type: 'object', properties: { item: { type: 'string', maxLength: 4 } } }
  const parameters = { ...schema, required: ['item'] }
  const tools = [{ type: 'function' as const, function: { name: 'stock', parameters } }]
  const calling = { ...asked, tools, tool_choice: 'required' as const }
  const called = await client.chat.completions.create(calling)
  const [choice] = called.choices
  expect(choice).toMatchObject({
    finish_reason: 'tool_calls',
    message: { content: null, tool_calls: [{ type: 'function', function: { name: 'stock' } }] },
  })
  const streamed = await client.chat.completions.stream(calling).finalChatCompletion()
  const callsOf = (message?: OpenAI.ChatCompletionMessage) =>
    message?.tool_calls?.map((call) => call.type === 'function' && call.function)
  expect(callsOf(streamed.choices[0]?.message)).toEqual(callsOf(choice?.message))
  const text = await client.chat.completions.create({ ...asked, tools })
  expect(['tool_calls', 'stop', 'length']).toContain(text.choices[0]?.finish_reason)
  const named = { url: `${daemon.url}/v1`, key: TOKEN, classifier: 'support' }
  for (const each of await askFromAiSdk(named))
    expect(mood.options).toContain((each as { mood: string }).mood)
  const cut = await client.chat.completions.create({ ...calling, max_completion_tokens: 2 })
  expect(cut.choices[0]).toMatchObject({ finish_reason: 'length' })
})

test('Flink SQL asks a classifier and a language model with ML_PREDICT', async (context) => {
  needsFlink(context)
  const models = ['sentiment@v0', 'support']
  const texts = ['what a lovely phone', "it's broken"]
  const endpoint = `${daemon.url}/v1/chat/completions`
  const rows = await mlPredict({ endpoint, key: TOKEN, models, texts })
  const pairs = models.flatMap((model) => texts.map((text) => `${model}: ${text}`))
  expect(rows.map(([model, text]) => `${model}: ${text}`).sort()).toEqual(pairs.sort())
  for (const [model, content, answer] of rows) {
    if (model !== 'sentiment@v0' || content === undefined) continue
    const messages = [{ role: 'user', content }] as const
    const { choices } = await client.chat.completions.create({ model, messages: [...messages] })
    expect(answer).toBe(choices[0]?.message.content)
  }
})
