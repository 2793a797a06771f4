/** The OpenAI surface of a model that writes texts: whole, as events, several, and what is refused. */
import { text } from '../../src/payloads/inputs/text.ts'
import { messages } from '../../src/payloads/inputs/messages.ts'
import { isOf } from '../../src/contracts/payload.ts'
import { expect, test, vi } from 'vitest'
import { chatChunks } from '../../src/api/openai/chat.ts'
import { openOpenai } from '../../src/api/openai/surface.ts'
import type { LanguageModel } from '../../src/contracts/base.ts'
import type { Json } from '../../src/contracts/core.ts'
import type { Input } from '../../src/contracts/event.ts'
import { failure } from '../../src/platform/errors.ts'
import type { TextPart } from '../../src/serving/services/generation/contract.ts'
import type { ServedModel } from '../../src/serving/services/served-model.ts'
import { digestOf, newKey, type KeyEntry } from '../../src/platform/access/keys.ts'
import { openFakeWriting } from '../serving/fake-writing.ts'
import { openServed } from './open-served.ts'

const textOf = (input: Input) =>
  isOf(input, messages)
    ? input.messages.map(({ role, content }) => `${role[0]}${content}`).join('')
    : isOf(input, text)
      ? input.text
      : ''

/** It writes the alphabet, at most four letters unless asked; a prompt that ends with "d" is answered by "1". */
async function open(
  more: Parameters<typeof openServed>[0] = {},
  writing: Partial<ServedModel['texts'] & object> = {},
  tokens: Partial<LanguageModel> = {},
) {
  const prompts: string[] = []
  const writers: Pick<ReturnType<typeof openFakeWriting>, 'decoder' | 'scheduler'>[] = []
  const served = await openServed({
    ...more,
    surfaces: (services) => [openOpenai(services)],
    texts: ({ clock, metrics, served: stored }) => {
      const { scheduler, language, usual, decoder } = openFakeWriting({ clock, metrics })
      writers.push({ decoder, scheduler })
      let ids = 0
      return {
        ...{ scheduler, usual, metrics, ...writing },
        language: {
          ...language,
          ...tokens,
          prompt(input) {
            prompts.push(textOf(input))
            if (textOf(input).includes('rude')) throw failure('CHAT_TEMPLATE_FAILED', 'be polite')
            return language.tokens(textOf(input))
          },
        },
        predictions: { record: (texts) => void stored.push(...texts) },
        predictionId: () => `p-${(ids += 1)}`,
      }
    },
    task: openFakeWriting({ clock: undefined as never, metrics: undefined as never }).task,
  })
  const post = async (path: string, payload: object) => {
    const answer = await served.app.inject({
      method: 'POST',
      url: `/v1/${path}`,
      payload: { model: 'm', ...payload },
    })
    return { status: answer.statusCode, body: answer.body, headers: answer.headers }
  }
  const chat = async (payload: object) => post('chat/completions', { messages: hi, ...payload })
  return { ...served, ...writers[0]!, prompts, post, chat }
}

const hi = [{ role: 'user', content: 'hi' }]
const json = ({ body }: { body: string }) => JSON.parse(body) as Record<string, Json>
const events = ({ body }: { body: string }) =>
  body
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => line.replace('data: ', ''))
const chunksIn = (answer: { body: string }) => {
  const all = events(answer)
  expect(all.at(-1)).toBe('[DONE]')
  return all.slice(0, -1).map((event) => JSON.parse(event) as Chunk)
}
interface Chunk {
  readonly choices: readonly {
    readonly index: number
    readonly delta?: { readonly content?: string }
    readonly text?: string
    readonly finish_reason: string | null
    readonly logprobs?: unknown
  }[]
  readonly usage?: unknown
}

test('a conversation is answered as a whole, with system messages, usage and the id of its prediction', async () => {
  const { chat, prompts, served } = await open()
  const messages = [
    { role: 'developer', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    { role: 'assistant', content: 'Hi' },
    { role: 'user', content: 'and' },
  ]
  const answer = await chat({ messages, max_tokens: 3 })
  expect(json(answer)).toMatchObject({
    ...{ id: 'p-1', object: 'chat.completion', model: 'm@v1' },
    choices: [
      {
        ...{ index: 0, id: 'p-1', message: { role: 'assistant', content: '1' } },
        ...{ finish_reason: 'stop', logprobs: null },
      },
    ],
    usage: { prompt_tokens: 22, completion_tokens: 2, total_tokens: 24 },
  })
  expect(prompts).toEqual(['sBe kind.uHelloaHiuand'])
  expect(served).toMatchObject([{ id: 'p-1', answer: '1', input: { kind: 'messages' } }])
})

test('a stream has the role, a chunk for each piece, the end, and the usage where it is asked for', async () => {
  const { chat } = await open()
  const answer = await chat({ stream: true, stream_options: { include_usage: true } })
  expect(answer.headers['content-type']).toContain('text/event-stream')
  expect(answer.headers['x-accel-buffering']).toBe('no')
  const chunks = chunksIn(answer)
  const pieces = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta?.content))
  expect(pieces).toEqual(['', 'a', 'b', 'c', 'd', undefined])
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('length')
  expect(chunks.at(-1)).toMatchObject({
    choices: [],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  })
})

test('several choices have ids of their own, whole and as a stream', async () => {
  const { chat, served } = await open()
  const whole = json(await chat({ n: 3, stop: 'c', seed: 7, temperature: 0, top_p: 0 }))
  expect(whole.choices).toMatchObject(
    [0, 1, 2].map((index) => ({ index, id: `p-${index + 1}`, message: { content: 'ab' } })),
  )
  expect(served.map(({ id }) => id).toSorted()).toEqual(['p-1', 'p-2', 'p-3'])
  const texts = ['', '']
  for (const { choices } of chunksIn(await chat({ n: 2, stream: true })))
    for (const { index, delta } of choices) texts[index] = `${texts[index]}${delta?.content ?? ''}`
  expect(texts).toEqual(['abcd', 'abcd'])
})

test('log-probabilities are those of the tokens that were written', async () => {
  const { chat, post } = await open()
  const answer = json(await chat({ logprobs: true, max_completion_tokens: 2 }))
  const [choice] = answer.choices as unknown as {
    logprobs: { content: { token: string; logprob: number; bytes: number[] }[] }
  }[]
  expect(choice?.logprobs.content.map(({ token, bytes }) => [token, bytes])).toEqual([
    ['a', [97]],
    ['b', [98]],
  ])
  for (const { logprob } of choice?.logprobs.content ?? []) expect(logprob).toBeLessThanOrEqual(0)
  const text = json(await post('completions', { prompt: 'x', logprobs: 1, max_tokens: 2 }))
  expect(text.choices).toMatchObject([
    { text: 'ab', logprobs: { tokens: ['a', 'b'], text_offset: [0, 1] } },
  ])
})

test('a stop text is sent by no log-probability either, whole and as a stream', async () => {
  const { chat, post } = await open()
  const asked = { logprobs: true, stop: ['cd'] }
  const [whole] = json(await chat(asked)).choices as unknown as {
    message: { content: string }
    logprobs: { content: { token: string }[] }
  }[]
  expect(whole?.message.content).toBe('ab')
  expect(whole?.logprobs.content.map(({ token }) => token)).toEqual(['a', 'b'])
  const streamed = (await chat({ ...asked, stream: true })).body
  expect(streamed.match(/"token":"."/g)).toEqual(['"token":"a"', '"token":"b"'])
  const unfinished = { prompt: 'x', logprobs: 0, stop: ['de'] }
  expect(json(await post('completions', unfinished)).choices).toMatchObject([
    { text: 'abcd', logprobs: { tokens: ['a', 'b', 'c', 'd'], text_offset: [0, 1, 2, 3] } },
  ])
})

test('a token that is a part of a character has its own bytes, from which a client joins the character', async () => {
  const cut = [0xf0, 0x9f, 0x8e, 0x89]
  const language = {
    text: (ids: Iterable<number>) => Buffer.from(Array.from(ids, (id) => cut[id - 97]!)).toString(),
    bytes: (id: number) => Uint8Array.of(cut[id - 97]!),
  }
  const { chat } = await open({}, {}, language)
  const asked = { logprobs: true, top_logprobs: 1, max_tokens: 4 }
  const [choice] = json(await chat(asked)).choices as unknown as {
    message: { content: string }
    logprobs: { content: { bytes: number[]; top_logprobs: { bytes: number[] }[] }[] }
  }[]
  expect(choice?.message.content).toBe('🎉')
  expect(choice?.logprobs.content.flatMap(({ bytes }) => bytes)).toEqual(cut)
  expect(choice?.logprobs.content[1]?.top_logprobs[0]?.bytes).toHaveLength(1)
})

test('an answer says when it was given, not since when its version is live', async () => {
  const { chat, post } = await open()
  const now = () => Math.floor(Date.now() / 1000)
  const before = now()
  for (const answer of [await chat({}), await post('completions', { prompt: 'x' })]) {
    const { created } = json(answer) as { created: number }
    expect(created).toBeGreaterThanOrEqual(before)
    expect(created).toBeLessThanOrEqual(now())
  }
})

test('the likeliest tokens stand beside the one that was written, as many as are asked for', async () => {
  const { chat, post } = await open()
  const asked = { max_tokens: 1, logprobs: true, top_logprobs: 3 }
  const top = ['a', 'b', 'c'].map((token, at) => ({ token, logprob: -1 - at }))
  const content = [{ token: 'a', top_logprobs: top }]
  expect(json(await chat(asked)).choices).toMatchObject([{ logprobs: { content } }])
  const chunks = chunksIn(await chat({ ...asked, stream: true }))
  expect(chunks.flatMap(({ choices }) => choices.map(({ logprobs }) => logprobs))).toContainEqual(
    expect.objectContaining({ content: [expect.objectContaining({ token: 'a' })] }),
  )
  const none = json(await chat({ ...asked, top_logprobs: 0 }))
  expect(none.choices).toMatchObject([{ logprobs: { content: [{ top_logprobs: [] }] } }])
  const text = json(await post('completions', { prompt: 'x', logprobs: 2, max_tokens: 1 }))
  expect(text.choices).toMatchObject([{ logprobs: { top_logprobs: [{ a: -1, b: -2 }] } }])
})

test('prompts are continued as they are: one, or several with all their choices', async () => {
  const { post, prompts } = await open()
  const both = json(await post('completions', { prompt: ['x', 'and'], n: 2 }))
  expect(both.choices).toMatchObject(
    ['abcd', 'abcd', '1', '1'].map((text, index) => ({ index, text, id: `p-${index + 1}` })),
  )
  expect(both.usage).toEqual({
    ...{ prompt_tokens: 4, completion_tokens: 12, total_tokens: 16 },
    prompt_tokens_details: { cached_tokens: 0 },
  })
  expect(prompts).toEqual(['x', 'and'])
  const texts = ['', '']
  const streamed = chunksIn(await post('completions', { prompt: ['x', 'and'], stream: true }))
  for (const { choices } of streamed)
    for (const { index, text } of choices) texts[index] = `${texts[index]}${text ?? ''}`
  expect(texts).toEqual(['abcd', '1'])
  const finished = streamed.flatMap(({ choices }) =>
    choices.flatMap(({ index, finish_reason: why }) => (why === null ? [] : [`${index} ${why}`])),
  )
  expect(finished.sort()).toEqual(['0 length', '1 stop'])
})

const choicesOf = (answer: { body: string }) =>
  json(answer).choices as unknown as readonly {
    text: string
    finish_reason: string
    logprobs: {
      tokens: string[]
      token_logprobs: (number | null)[]
      top_logprobs: (object | null)[]
      text_offset: number[]
    } | null
  }[]

test('a prompt is repeated with the likelihoods of its tokens, with an answer or alone, whole and as a stream', async () => {
  const { post } = await open()
  const [both] = choicesOf(
    await post('completions', { prompt: 'xyz', max_tokens: 2, echo: true, logprobs: 1 }),
  )
  expect(both).toMatchObject({ text: 'xyzab', finish_reason: 'length' })
  expect(both!.logprobs).toMatchObject({
    tokens: ['x', 'y', 'z', 'a', 'b'],
    token_logprobs: [null, -2, -2, -1, -1],
    text_offset: [0, 1, 2, 3, 4],
  })
  expect(both!.logprobs!.top_logprobs[0]).toBeNull()
  const answer = await post('completions', {
    prompt: 'xyz',
    max_tokens: 0,
    echo: true,
    logprobs: 0,
  })
  expect(choicesOf(answer)[0]).toMatchObject({ text: 'xyz', finish_reason: 'length' })
  expect(json(answer).usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 0 })
  const plain = { prompt: ['x', 'yz'], max_tokens: 0, echo: true }
  expect(choicesOf(await post('completions', plain)).map(({ text }) => text)).toEqual(['x', 'yz'])
  const stream = await post('completions', {
    prompt: 'xy',
    max_tokens: 1,
    echo: true,
    stream: true,
  })
  const pieces = chunksIn(stream).map(({ choices }) => (choices[0] as { text?: string }).text)
  expect(pieces.join('')).toBe('xya')
})

test('likelihoods of a completion include the token that ended it, as clients of the older API count them; those of a message do not', async () => {
  const { post } = await open()
  const asked = { prompt: 'd', echo: true, logprobs: 0 }
  const [whole] = choicesOf(await post('completions', asked))
  expect(whole!.finish_reason).toBe('stop')
  expect(whole!.text).toMatch(/^d\d$/)
  expect(whole!.logprobs).toMatchObject({
    tokens: ['d', whole!.text[1], '!'],
    token_logprobs: [null, -1, -1],
    text_offset: [0, 1, 2],
  })
  const streamed = chunksIn(await post('completions', { ...asked, stream: true }))
  const tokens = streamed.flatMap(({ choices }) => {
    const [choice] = choices as unknown as {
      readonly logprobs?: { readonly tokens: string[] } | null
    }[]
    return choice?.logprobs?.tokens ?? []
  })
  expect(tokens).toEqual(whole!.logprobs!.tokens)
  const messages = [{ role: 'user', content: 'd' }]
  const said = await post('chat/completions', { messages, logprobs: true })
  const [message] = json(said).choices as unknown as {
    message: { content: string }
    logprobs: { content: { token: string }[] }
  }[]
  const parts = message!.logprobs.content.map(({ token }) => token)
  expect(parts.join('')).toBe(message!.message.content)
})

test('ids of tokens are a prompt, and the answer to them is not kept for feedback', async () => {
  const { post, served } = await open()
  const one = choicesOf(
    await post('completions', { prompt: [120, 121], max_tokens: 1, echo: true }),
  )
  expect(one.map(({ text }) => text)).toEqual(['xya'])
  const two = choicesOf(await post('completions', { prompt: [[120], [121]], max_tokens: 1 }))
  expect(two).toHaveLength(2)
  expect(served).toEqual([])
})

test('control tokens of a prompt are read where they are asked for, by a caller who may operate the model', async () => {
  const prompts: Int32Array[] = []
  const tokens: Partial<LanguageModel> = {
    rawPrompt: (whole) => Int32Array.from(whole.replace('<s>', '\u0001'), (c) => c.charCodeAt(0)),
    text: (ids) => String.fromCharCode(...Array.from(ids).filter((id) => id !== 1)),
    bytes: (id) => (id === 1 ? new Uint8Array() : Uint8Array.of(id)),
  }
  const { post, decoder } = await open({}, {}, tokens)
  await post('completions', { prompt: '<s>x', max_tokens: 1, parse_special: true })
  await post('completions', { prompt: '<s>x', max_tokens: 1 })
  await post('completions', { prompt: [1], max_tokens: 1 })
  for (const [row] of decoder.steps) prompts.push(row!.ids)
  expect(prompts.map((ids) => [...ids])).toEqual([[1, 120], [60, 115, 62, 120], [1]])
})

test('a key that may only predict is refused control tokens, as text and as ids', async () => {
  const keys = ['operator', 'user'].map((name) => ({ name, key: newKey() }))
  const entries = keys.map(({ name, key }): KeyEntry => ({
    ...{ name, sha256: digestOf(key) },
    roles: name === 'user' ? ['predict'] : ['predict', 'operate'],
  }))
  const read: string[] = []
  const tokens: Partial<LanguageModel> = {
    rawPrompt: (text) => {
      read.push(text)
      return Int32Array.of(1, 120)
    },
    bytes: (id) => (id === 1 ? new Uint8Array() : Uint8Array.of(id)),
  }
  const { app } = await open({ auth: { tokens: [], keys: entries } }, {}, tokens)
  const statusOf = async (key: string, payload: object) => {
    const headers = { authorization: `Bearer ${key}` }
    const asked = { model: 'm', max_tokens: 1, ...payload }
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/completions',
      headers,
      payload: asked,
    })
    return answer.statusCode
  }
  const prompts = [{ prompt: '<s>x', parse_special: true }, { prompt: [1, 120] }, { prompt: [120] }]
  const statuses = await Promise.all(
    keys.map(async ({ key }) => Promise.all(prompts.map(async (each) => statusOf(key, each)))),
  )
  expect(statuses).toEqual([
    [200, 200, 200],
    [403, 403, 200],
  ])
  expect(read, 'read for the operator alone').toHaveLength(1)
})

test.each([
  [{ prompt: 'x', max_tokens: 0 }, '/max_tokens'],
  [{ prompt: [[120], [5000]] }, '/prompt/1/0'],
  [{ prompt: [2 ** 32 + 5] }, '/prompt/0'],
  [{ prompt: [7, -1] }, '/prompt'],
  [{ prompt: [] }, '/prompt'],
  [{ prompt: [[]] }, '/prompt'],
])('the prompt %j is refused at its place', async (body, pointer) => {
  const { post } = await open()
  const answer = await post('completions', body)
  expect(answer.status).toBe(400)
  expect(JSON.stringify(json(answer).error)).toContain(pointer.slice(1).replaceAll('/', '.'))
})

test('all prompts of a request are continued by the version that the answer names', async () => {
  const { post, live, registry } = await open()
  const hold = live.hold.bind(live)
  vi.spyOn(live, 'hold').mockImplementation(async (request) => {
    const held = await hold(request)
    await live.swap(await registry.promote('v2'))
    return held
  })
  const { model, choices } = json(await post('completions', { prompt: ['and', 'end'] }))
  expect([model, choices]).toMatchObject(['m@v1', [{ text: '1' }, { text: '1' }]])
})

test('a conversation that loses its oldest turns is answered, and says so, whole and as a stream', async () => {
  const usual = { maxTokens: 4, temperature: 0, topP: 1, overflow: 'truncate' } as const
  const { chat, prompts } = await open({}, { usual })
  const turns = ['one', 'two', 'three'].map((word) => ({ role: 'user', content: word.repeat(4) }))
  const messages = [{ role: 'system', content: 'Be kind.' }, ...turns]
  const usage = { prompt_tokens: 30, completion_tokens: 4, dropped_prompt_tokens: 26 }
  expect(json(await chat({ messages }))).toMatchObject({ truncated: true, usage })
  expect(prompts).toContain('sBe kind.uthreethreethreethree')
  const stream_options = { include_usage: true }
  const chunks = chunksIn(await chat({ messages, stream: true, stream_options }))
  expect(chunks[0]).toMatchObject({ truncated: true })
  expect(chunks.at(-1)).toMatchObject({ usage })
  expect(json(await chat({}))).not.toHaveProperty('truncated')
})

test('an older version and the live one answer by name', async () => {
  const { chat } = await open()
  expect(json(await chat({ model: 'm@v0' })).model).toBe('m@v0')
  expect(json(await chat({ model: 'm@live' })).model).toBe('m@v1')
})

test('feedback names the id of a completion', async () => {
  const { chat, app, journal } = await open()
  const { id } = json(await chat({}))
  const sent = await app.inject({
    method: 'POST',
    url: '/v1/models/m/feedback',
    payload: { prediction_id: id, correction: 'Good day.' },
  })
  expect(sent.statusCode).toBe(202)
  expect(journal()).toMatchObject([{ prediction_id: 'p-1', correction: 'Good day.' }])
})

test('a model reads its tools in the system message, what was called and what came back', async () => {
  const { chat, prompts } = await open({}, {}, { positions: 1000 })
  const called = { name: 'stock', arguments: '{"item":"cup"}' }
  const messages = [
    { role: 'user', content: 'cups?' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c', type: 'function', function: called }],
    },
    { role: 'tool', tool_call_id: 'c', content: 'some' },
  ]
  const answer = await chat({ messages, tools: [stock], max_tokens: 2 })
  // It goes on with the alphabet, so that its answer is a text.
  expect(json(answer)).toMatchObject({ choices: [{ message: { content: 'fg' } }] })
  const streamed = chunksIn(await chat({ messages, tools: [stock], max_tokens: 2, stream: true }))
  const pieces = streamed.flatMap(({ choices }) => choices.map(({ delta }) => delta?.content ?? ''))
  expect(pieces.join('')).toBe('fg')
  const told =
    'sYou can call functions. To call one, answer with {"name": …, "arguments": …} alone.'
  const spoken = 'ucups?a{"name":"stock","arguments":{"item":"cup"}}usome'
  for (const prompt of prompts)
    expect(prompt).toBe(`${told}\n${JSON.stringify(stock.function)}${spoken}`)
})

test('an answer that ended by itself and does not fit its schema is an error, not an answer', async () => {
  const { chat } = await open()
  // It writes the digit of its version: no token that it draws is held to the schema here.
  const messages = [{ role: 'user', content: 'good' }]
  const asked = { messages, response_format: format({ type: 'string' }) }
  expect(json(await chat(asked)).error).toMatchObject({
    ...{ code: 'unsupported_parameter', param: 'response_format.json_schema' },
  })
  expect((await chat({ ...asked, response_format: format({ type: 'integer' }) })).status).toBe(200)
})

const format = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'a', schema } })
const stock = {
  type: 'function',
  function: {
    name: 'stock',
    description: 'how many there are',
    parameters: {
      type: 'object',
      properties: { item: { enum: ['cup', 'plate'] } },
      required: ['item'],
    },
  },
}

const long = 'x'.repeat(41)
const cases: readonly [what: string, body: object, status: number, code: string, param: unknown][] =
  [
    ['too many choices', { n: 9 }, 400, 'REQUEST_INVALID', 'n'],
    ['no choice', { n: 0 }, 400, 'REQUEST_INVALID', 'n'],
    ['too many tokens', { max_tokens: 5000 }, 400, 'REQUEST_INVALID', 'max_tokens'],
    ['a temperature of 3', { temperature: 3 }, 400, 'REQUEST_INVALID', 'temperature'],
    ['17 stop texts', { stop: Array(17).fill('a') }, 400, 'REQUEST_INVALID', 'stop'],
    ['no message', { messages: [] }, 400, 'REQUEST_INVALID', 'messages'],
    [
      'an unknown role',
      { messages: [{ role: 'robot', content: 'a' }] },
      400,
      'MESSAGES_INVALID',
      'messages.0.role',
    ],
    [
      'a schema with a word that tokens cannot be held to',
      { response_format: format({ type: 'string', pattern: 'a' }) },
      400,
      'unsupported_parameter',
      'response_format.json_schema',
    ],
    [
      'a schema of 17,000 characters',
      { response_format: format({ const: 'x'.repeat(17_000) }) },
      400,
      'unsupported_parameter',
      'response_format.json_schema',
    ],
    [
      'a choice without tools',
      { tool_choice: 'required' },
      400,
      'unsupported_parameter',
      'tool_choice',
    ],
    [
      'a choice that is none of the tools',
      { tools: [stock], tool_choice: { type: 'function', function: { name: 'other' } } },
      400,
      'unsupported_parameter',
      'tool_choice',
    ],
    [
      'tools with a form of the answer',
      { tools: [stock], response_format: { type: 'json_object' } },
      400,
      'unsupported_parameter',
      'response_format',
    ],
    [
      'a tool whose arguments tokens cannot be held to',
      { tools: [{ type: 'function', function: { name: 'a', parameters: { oneOf: [] } } }] },
      400,
      'unsupported_parameter',
      'tools',
    ],
    [
      'nothing visible',
      { messages: [{ role: 'user', content: ' ' }] },
      400,
      'INPUT_EMPTY',
      'messages',
    ],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      400,
      'REQUEST_INVALID',
      'messages.0.content.0.type',
    ],
    [
      'a prompt that leaves no room',
      { messages: [{ role: 'user', content: long }] },
      413,
      'INPUT_TOO_LONG',
      null,
    ],
    [
      'what the template refuses',
      { messages: [{ role: 'user', content: 'rude' }] },
      400,
      'CHAT_TEMPLATE_FAILED',
      null,
    ],
    ['an unknown version', { model: 'm@v99' }, 404, 'VERSION_UNKNOWN', 'model'],
  ]
test('what is refused has its code, field and fix, as a stream too, and the next request is answered', async () => {
  const { chat } = await open()
  for (const stream of [false, true])
    for (const [what, body, status, code, param] of cases) {
      const answer = await chat({ stream, ...body })
      expect([answer.status, json(answer).error], what).toMatchObject([status, { code, param }])
    }
  const { error } = json(await chat({ n: 9 })) as { error: { message: string } }
  expect(error.message).toMatch(/^body\/n must be <= 8 \(/)
  expect((await chat({})).status).toBe(200)
})

test('a stream that is not done when the server stops ends with an error that says so', async () => {
  const { server, decoder, scheduler } = await open({ limits: { shutdown_ms: 100 } })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  decoder.hold()
  const ask = async (stream: boolean) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: hi, stream }),
    })
  const streamed = await ask(true)
  const whole = ask(false)
  await expect.poll(() => scheduler.running('m') + scheduler.waiting('m')).toBe(2)
  await server.drain()
  const all = events({ body: await streamed.text() })
  expect(all.slice(-2)).toEqual([expect.stringContaining('"code":"SHUTTING_DOWN"'), '[DONE]'])
  expect((await whole).status).toBe(503)
})

const part = (text: string): TextPart => ({ index: 0, text })
const begun = (parts: () => AsyncGenerator<TextPart, never>) => ({
  head: { id: 'p', model: 'm@v1', created: 0, system_fingerprint: '' },
  cited: {},
  choices: [{ id: 'p' }],
  parts,
})

test('a reader that goes ends what is being written', async () => {
  let ended = false
  async function* endless(): AsyncGenerator<TextPart, never> {
    try {
      for (;;) yield await Promise.resolve(part('a'))
    } finally {
      ended = true
    }
  }
  const chunks = chatChunks(begun(endless), {
    logprobs: false,
    includesUsage: false,
    mayCall: false,
  })
  await chunks.next()
  await chunks.next()
  expect(ended).toBe(false)
  await chunks.return(undefined)
  expect(ended).toBe(true)
})

test('the usage counts the tokens of each prompt that were kept from earlier texts, once for all its choices', async () => {
  const { post, chat, decoder } = await open()
  decoder.keep(3)
  const prompt_tokens_details = { cached_tokens: 3 + 2 }
  const whole = json(await post('completions', { prompt: ['uvwxyz', 'wxyz'], n: 2 }))
  expect(whole.usage).toMatchObject({ prompt_tokens: 10, prompt_tokens_details })
  const asked = { stream: true, stream_options: { include_usage: true } }
  const chunks = chunksIn(await chat(asked))
  expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 1 } })
  const logs = json(await post('completions', { prompt: 'uvwxyz', echo: true, logprobs: 1 }))
  expect(logs.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 0 } })
})
