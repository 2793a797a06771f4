/** Nothing of the OpenAI API is ignored: every parameter of its types is honoured, accepted or refused by name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import {
  chatParameters,
  completionParameters,
  embeddingParameters,
  ownCompletionParameters,
  type Parameters,
} from '../../src/api/openai/parameters.ts'
import { openOpenai } from '../../src/api/openai/surface.ts'
import type { Json } from '../../src/contracts/core.ts'
import { root } from '../source-tree.ts'
import { openServed } from './open-served.ts'

const resources = join(root, 'node_modules/openai/resources')

/** The properties of an interface in the types of OpenAI's client. */
function propertiesOf(file: string, name: string): readonly string[] {
  const text = readFileSync(join(resources, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
  const found = source.statements.find(
    (each) => ts.isInterfaceDeclaration(each) && each.name.text === name,
  )
  if (found === undefined || !ts.isInterfaceDeclaration(found)) throw new Error(`no ${name}`)
  return found.members.flatMap((member) =>
    member.name !== undefined && ts.isIdentifier(member.name) ? [member.name.text] : [],
  )
}

const kinds: readonly [
  path: string,
  file: string,
  name: string,
  parameters: Parameters,
  least: Readonly<Record<string, Json>>,
][] = [
  [
    'chat/completions',
    'chat/completions/completions.d.ts',
    'ChatCompletionCreateParamsBase',
    chatParameters,
    { messages: [{ role: 'user', content: 'hi' }] },
  ],
  [
    'completions',
    'completions.d.ts',
    'CompletionCreateParamsBase',
    completionParameters,
    { prompt: 'hi' },
  ],
  ['embeddings', 'embeddings.d.ts', 'EmbeddingCreateParams', embeddingParameters, { input: 'hi' }],
]

async function open() {
  const { app } = await openServed({
    surfaces: (services) => [openOpenai(services)],
  })
  const post = async (path: string, payload: object) => {
    const answer = await app.inject({
      ...{ method: 'POST', url: `/v1/${path}`, payload: { model: 'm', ...payload } },
    })
    return { status: answer.statusCode, body: answer.json<Record<string, Json>>() }
  }
  const chat = async (payload: object) =>
    post('chat/completions', { messages: [{ role: 'user', content: 'hi' }], ...payload })
  return { app, post, chat }
}

const unsupported = (param: string) => ({
  status: 400,
  body: { error: { code: 'unsupported_parameter', type: 'invalid_request_error', param } },
})

describe.each(kinds)('%s', (path, file, name, parameters, least) => {
  test('every parameter of the types is in the table, and no other', () => {
    expect(Object.keys(parameters).toSorted()).toEqual(propertiesOf(file, name).toSorted())
  })

  test('what is refused is named, whatever it is, and null asks for nothing', async () => {
    const { post } = await open()
    for (const param of [...Object.keys(parameters), 'top_k', 'nonsense']) {
      const known = parameters[param]
      if (known !== undefined && known.fate !== 'refused') continue
      for (const value of [7, 'much', true, [{}], { a: 1 }])
        expect(await post(path, { ...least, [param]: value }), param).toMatchObject(
          unsupported(param),
        )
      for (const value of [null, ...(known?.nothing ?? [])])
        expect(await post(path, { ...least, [param]: value })).not.toMatchObject({
          body: { error: { param } },
        })
    }
  })

  test('what is honoured or accepted is described, and nonsense in it is refused', async () => {
    const { app, post } = await open()
    const { paths } = (await app.inject('/openapi.json')).json<{
      paths: Record<string, { post: { requestBody: { content: Record<string, unknown> } } }>
    }>()
    const content = paths[`/v1/${path}`]?.post.requestBody.content['application/json']
    const { properties } = (content as { schema: { properties: object } }).schema
    const own = parameters === completionParameters ? ownCompletionParameters : {}
    const all: Parameters = { ...parameters, ...own }
    const taken = Object.keys(all).filter((each) => all[each]?.fate !== 'refused')
    expect(Object.keys(properties).toSorted()).toEqual(taken.toSorted())
    for (const param of taken)
      expect(await post(path, { ...least, [param]: [[7]] }), param).toMatchObject({ status: 400 })
  })
})

test('what others accept is accepted: metadata, user, store: false and values that ask for nothing', async () => {
  const { chat } = await open()
  const { body } = await chat({
    ...{ metadata: { run: '7' }, user: 'ada', store: false, tools: [], tool_choice: 'none' },
    ...{ frequency_penalty: 0, logit_bias: {}, response_format: { type: 'text' } },
    ...{ prompt_cache_key: 'k', stream_options: { include_obfuscation: false } },
  })
  expect(body).toMatchObject({ object: 'chat.completion' })
  expect(await chat({ metadata: { run: 7 } })).toMatchObject({ status: 400 })
})

test('what is inside of objects and messages is not ignored either', async () => {
  const { chat, post } = await open()
  const said = (message: object) => ({
    messages: [{ role: 'assistant', content: 'no', ...message }, hi],
  })
  const hi = { role: 'user', content: 'hi' }
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  const cases: readonly [payload: object, param: string][] = [
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ top_logprobs: 2, logprobs: false }, 'top_logprobs'],
    [{ stream_options: { include_all: true } }, 'stream_options.include_all'],
    [said({ tool_calls: [call] }), 'messages.0.tool_calls'],
    [said({ name: 'ada' }), 'messages.0.name'],
    [
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'hi', cache: 1 }] }] },
      'messages.0.content.0.cache',
    ],
  ]
  for (const [payload, param] of cases)
    expect(await chat(payload), param).toMatchObject(unsupported(param))
  // An answer that is sent back as it came.
  const empty = { refusal: null, tool_calls: [], annotations: [], function_call: null }
  expect(await chat(said(empty))).toMatchObject({ status: 200 })
  expect(await chat({ top_logprobs: 0 })).toMatchObject({ status: 200 })
  expect(await post('completions', { prompt: 'hi', stop: ['x', 'o'] })).toMatchObject({
    body: { choices: [{ text: 'n' }] },
  })
})

describe('response_format of a classifier', () => {
  const format = (schema: object) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: true } },
  })
  const of = (value: object, more: object = {}) => ({
    ...{ type: 'object', properties: { mood: value }, required: ['mood'] },
    ...{ additionalProperties: false, ...more },
  })
  const Mood = { type: 'string', enum: ['row', 'no'], title: 'Mood' }

  test('the answer is JSON in the schema, whole and as a stream, also in the forms of Pydantic', async () => {
    const { app, chat } = await open()
    const { body: plain } = await chat({})
    const [{ message }] = plain.choices as unknown as [{ message: { content: string } }]
    const content = JSON.stringify({ mood: message.content })
    for (const schema of [
      of(Mood),
      of({ ...Mood, enum: ['maybe', 'row', 'no'] }),
      of({ enum: ['row', 'no'] }, { $schema: 'http://json-schema.org/draft-07/schema#' }),
      of({ $ref: '#/$defs/Mood', description: 'a' }, { $defs: { Mood }, title: 'A' }),
      of({ allOf: [{ $ref: '#/definitions/Mood' }] }, { definitions: { Mood } }),
    ])
      expect(await chat(format(schema))).toMatchObject({
        body: { choices: [{ message: { content } }] },
      })
    const payload = { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true }
    const stream = await app.inject({
      ...{ method: 'POST', url: '/v1/chat/completions' },
      payload: { ...payload, ...format(of(Mood)) },
    })
    expect(stream.body).toContain(JSON.stringify(content))
  })

  test('the tokens of its log-probabilities are the content', async () => {
    const { chat } = await open()
    const { body } = await chat({ ...format(of(Mood)), logprobs: true, top_logprobs: 2 })
    const [choice] = body.choices as unknown as [
      {
        message: { content: string }
        logprobs: { content: { token: string; top_logprobs: { token: string }[] }[] }
      },
    ]
    const tokens = choice.logprobs.content
    expect(tokens.map(({ token }) => token).join('')).toBe(choice.message.content)
    expect(tokens[1]?.top_logprobs.map(({ token }) => token)).toEqual(['"row"'])
  })

  test('a schema that not every answer fits, or that says more than is read, is refused', async () => {
    const { chat } = await open()
    const cases: readonly (readonly [what: string, schema: object])[] = [
      ['an answer that the schema does not allow', of({ type: 'string', enum: ['no'] })],
      ['a constant', of({ type: 'string', const: 'no' })],
      ['a choice that is also a constant', of({ ...Mood, const: 'no' })],
      ['any text', of({ type: 'string' })],
      ['numbers', of({ type: 'integer', enum: [1, 2] })],
      ['a word of JSON Schema that is not read', of({ ...Mood, pattern: '^n' })],
      ['a rule for the object', of(Mood, { minProperties: 2 })],
      ['another required property', of(Mood, { required: ['mood', 'reason'] })],
      ['two properties', of(Mood, { properties: { mood: Mood, also: Mood } })],
      ['no object', { type: 'string', enum: ['row', 'no'] }],
      ['nothing', {}],
      ['a reference to nowhere', of({ $ref: '#/$defs/Mood' })],
      ['a reference to an inherited name', of({ $ref: '#/$defs/toString' }, { $defs: {} })],
    ]
    for (const [what, schema] of cases)
      expect(await chat(format(schema)), what).toMatchObject(
        unsupported('response_format.json_schema'),
      )
  })

  test('other types are refused', async () => {
    const { chat } = await open()
    expect(await chat({ response_format: { type: 'json_object' } })).toMatchObject(
      unsupported('response_format.type'),
    )
    for (const type of ['json_schema', 7])
      expect(await chat({ response_format: { type, json_schema: 7 } })).toMatchObject({
        status: 400,
      })
  })
})

test('every other path that the client of OpenAI asks is unknown in the form that it reads', async () => {
  const { app } = await open()
  const clients = ts.sys.readDirectory(resources, ['.js'])
  const firsts = clients.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:path`|')\/([a-z_]+)[/'`?]/g)].map(
      ([, part]) => part,
    ),
  )
  const served = ['models', 'embeddings', 'completions']
  const others = [...new Set(firsts)].filter((each) => !served.includes(each ?? ''))
  expect(others).toContain('responses')
  for (const part of others)
    for (const [method, url] of [
      ['GET', `/v1/${part}/x?limit=1`],
      ['DELETE', `/v1/${part}/x`],
      ['POST', `/v1/${part}/x/y`],
      ['PATCH', `/v1/${part}`],
    ] as const) {
      const headers = { 'content-type': 'multipart/form-data; boundary=a' }
      const { statusCode, body } = await app.inject({ method, url, headers, payload: '--a--' })
      const { error } = JSON.parse(body) as { error: { code: string } }
      expect([statusCode, error.code, url]).toEqual([404, 'ROUTE_UNKNOWN', url])
    }
})
