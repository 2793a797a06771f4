/**
 * `/chat/completions`: a language model continues the conversation; of any other model the last message of the user is the
 * input, and its answer the one message.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { JsonObject } from '../../payloads/reading.ts'
import type { Services } from '../../serving/services/services.ts'
import type { TokenLikelihood } from '../../serving/services/generation/contract.ts'
import { complete, likeliest, ofAnswer, tokenEntry, type CompletionAnswer } from './complete.ts'
import { sendEvents } from './errors.ts'
import {
  chatParameters,
  refuseUnsupported,
  unsupported,
  AnyAnswer,
  commonOf,
  errors,
  Optional,
} from './parameters.ts'
import { envelopeIn, ResponseFormat, structureIn } from './response-format.ts'
import { lastOfUser, plainMessages, refuseMessageFields } from './chat-messages.ts'
import { callIn, offeredTools, PossibleCalls, ToolChoice, Tools } from './tools.ts'
import {
  beginTexts,
  citedChunks,
  writesTexts,
  wholeTexts,
  writtenChunks,
  type BegunTexts,
  type ShownParts,
} from './written.ts'

const MOST_ALTERNATIVES = 20

function bodyOf(mostAnswers: number) {
  return Type.Object({
    ...commonOf(mostAnswers),
    max_completion_tokens: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'as max_tokens' }),
    ),
    messages: Type.Array(
      Type.Object({
        role: Type.String(),
        content: Type.Optional(
          Type.Union([
            Type.String(),
            Type.Null(),
            Type.Array(
              Type.Object({
                type: Type.String(),
                text: Type.Optional(Type.String()),
                image_url: Type.Optional(
                  Type.Object(
                    { url: Type.String(), detail: Optional(Type.String()) },
                    {
                      description:
                        'alone in its message, of a model that reads pictures: a data URL; no address is opened',
                    },
                  ),
                ),
              }),
            ),
          ]),
        ),
        tool_calls: Optional(Type.Array(Type.Unsafe<JsonObject>({ type: 'object' }))),
        tool_call_id: Optional(Type.String()),
      }),
      {
        minItems: 1,
        description:
          'a language model answers the conversation, any other model the last one of the role user',
      },
    ),
    logprobs: Type.Optional(
      Type.Union([Type.Boolean(), Type.Null()], { description: 'true: with the scores' }),
    ),
    top_logprobs: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: MOST_ALTERNATIVES }), Type.Null()]),
    ),
    response_format: Optional(ResponseFormat),
    tools: Optional(Tools),
    tool_choice: Optional(ToolChoice),
    parallel_tool_calls: Optional(Type.Boolean({ description: 'has no effect: one call at most' })),
    safety_identifier: Optional(Type.String({ maxLength: 256, description: 'as user' })),
    prompt_cache_key: Optional(Type.String({ maxLength: 256, description: 'has no effect' })),
    metadata: Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 512 }), {
        maxProperties: 16,
        description: 'has no effect: completions are not stored',
      }),
    ),
  })
}
type ChatBody = Static<ReturnType<typeof bodyOf>>

export function addChatRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'answer a conversation with a model',
    tags: ['openai'],
    body: bodyOf(services.limits.choices),
    response: { 200: AnyAnswer, ...errors },
  }
  app.post<{ Body: ChatBody }>(
    '/chat/completions',
    {
      schema,
      config: { role: 'predict', bodyNamesModel: true },
      preValidation: refuseUnsupported(chatParameters),
    },
    async (request, reply) => {
      const { body } = request
      if ((body.top_logprobs ?? 0) > 0 && body.logprobs !== true)
        throw unsupported('top_logprobs', 'it needs logprobs: true')
      const user = body.user ?? body.safety_identifier ?? undefined
      if (writesTexts(services, body.model)) return write(services, request, reply, user)
      if ((body.tools ?? []).length > 0)
        throw unsupported('tools', 'only a language model calls functions')
      refuseMessageFields(body.messages, [])
      const completed = await complete(services, request, {
        model: body.model,
        texts: [lastOfUser(body.messages)],
        ...{ user, n: body.n, stop: body.stop },
        envelopeOf: envelopeIn(body.response_format),
      })
      if (body.stream === true) return sendEvents(reply, chunksOf(completed, body))
      const { answers, usage, ...head } = completed
      const content = answers[0]?.content ?? ''
      const message = { role: 'assistant', content, refusal: null }
      const choice = { index: 0, message, logprobs: scoresOf(completed, body) }
      return {
        ...head,
        object: 'chat.completion',
        choices: [{ ...choice, finish_reason: 'stop' }],
        usage,
      }
    },
  )
}

async function write(
  services: Services,
  request: FastifyRequest<{ Body: ChatBody }>,
  reply: FastifyReply,
  user: string | undefined,
) {
  const { body } = request
  refuseMessageFields(body.messages, ['tool_calls', 'tool_call_id'])
  const tools = offeredTools(body)
  const format = structureIn(body.response_format)
  if (tools !== undefined && format !== undefined)
    throw unsupported('response_format', 'beside tools an answer is a call or a text')
  const shown = {
    logprobs: body.logprobs === true,
    includesUsage: body.stream_options?.include_usage === true,
    mayCall: tools !== undefined,
  }
  const value = { messages: plainMessages(body.messages, tools?.instruction) }
  const begun = await beginTexts(
    services,
    request,
    { ...body, user: user ?? null },
    {
      ...{ inputs: [{ value, pointer: '' }], logprobs: shown.logprobs },
      likeliest: body.top_logprobs ?? 0,
      structure: tools?.structure ?? format,
    },
  )
  return body.stream === true
    ? sendEvents(reply, citedChunks(begun, chatChunks(begun, shown)))
    : writtenChat(begun, shown)
}

/** The role, the content, the end, and the usage where it is asked for. */
function chunksOf(completed: CompletionAnswer, body: ChatBody) {
  const { answers, usage, ...rest } = completed
  const head = { ...rest, object: 'chat.completion.chunk' }
  const includesUsage = body.stream_options?.include_usage === true
  const chunk = (delta: Fields, finish: string | null, logprobs: Json = null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs, finish_reason: finish }],
    ...(includesUsage && { usage: null }),
  })
  return [
    chunk({ role: 'assistant', content: '', refusal: null }, null),
    chunk({ content: answers[0]?.content ?? '' }, null, scoresOf(completed, body)),
    chunk({}, 'stop'),
    ...(includesUsage ? [{ ...head, choices: [], usage: { ...usage } }] : []),
  ]
}

function scoresOf(
  { answers: [answer] }: CompletionAnswer,
  { logprobs, top_logprobs: most }: ChatBody,
): Fields | null {
  if (logprobs !== true || answer === undefined) return null
  const { envelope } = answer
  const written = envelope && JSON.stringify
  const top_logprobs = likeliest(answer, most ?? 0, written).map((each) => ({ ...each }))
  const entry = { ...ofAnswer(answer, written), top_logprobs }
  const around = (text: string) => ({ ...tokenEntry(text, 0), top_logprobs: [] })
  const content = envelope ? [around(envelope.start), entry, around(envelope.end)] : [entry]
  return { content, refusal: null }
}

/** How texts of a language model are shown. */
interface ChatParts extends ShownParts {
  /** Whether an answer may be a call of a function. */
  readonly mayCall: boolean
}

/** Texts of a language model as chat completions, whole and as chunks. */
async function writtenChat(begun: BegunTexts, { logprobs, mayCall }: ChatParts) {
  const { texts, usage } = await wholeTexts(begun)
  const choices = texts.map(({ id, text, finish, logprobs: tokens }, index) => {
    const call = mayCall ? callIn(text, id) : undefined
    const said = { role: 'assistant', content: call ? null : text, refusal: null }
    return {
      ...{ index, id, message: { ...said, ...(call && { tool_calls: [call] }) } },
      logprobs: logprobs ? contentOf(tokens) : null,
      finish_reason: call ? 'tool_calls' : finish,
    }
  })
  return { ...begun.head, ...begun.cited, object: 'chat.completion', choices, usage }
}

/** The chunks of each choice: its role, its pieces as they are written, and how it ended; then the usage, if asked for. */
export async function* chatChunks(
  begun: BegunTexts,
  { logprobs: isScored, includesUsage, mayCall }: ChatParts,
): AsyncGenerator<Json> {
  const head = { ...begun.head, object: 'chat.completion.chunk' }
  const chunk = (index: number, delta: Fields, finish: string | null, logprobs: Json = null) => ({
    ...head,
    choices: [
      { index, id: begun.choices[index]?.id ?? '', delta, logprobs, finish_reason: finish },
    ],
    ...(includesUsage && { usage: null }),
  })
  const waiting = new PossibleCalls()
  for (const index of begun.choices.keys())
    yield chunk(index, { role: 'assistant', content: '', refusal: null }, null)
  yield* writtenChunks(begun, head, { includesUsage }, function* (part) {
    const { index, logprobs = [], finish } = part
    const scores =
      isScored && logprobs.some(({ isEnd }) => isEnd !== true) ? contentOf(logprobs) : null
    const text = mayCall ? waiting.textOf(part) : part.text
    const call = finish !== undefined && mayCall && waiting.callOf(index, begun.choices[index]?.id)
    if (call) {
      yield chunk(index, { tool_calls: [{ index: 0, ...call }] }, null, scores)
      yield chunk(index, {}, 'tool_calls')
      return
    }
    if (text !== '' || scores !== null) yield chunk(index, { content: text }, null, scores)
    if (finish !== undefined) yield chunk(index, {}, finish)
  })
}

/** Without the end, which is no part of a message. */
function contentOf(tokens: readonly TokenLikelihood[]): Fields {
  const said = tokens.filter(({ isEnd }) => isEnd !== true)
  const content = said.map(({ token, logprob, bytes, likeliest = [] }) => ({
    ...tokenEntry(token, logprob, bytes),
    top_logprobs: likeliest.map((each) => ({
      ...tokenEntry(each.token, each.logprob, each.bytes),
    })),
  }))
  return { content, refusal: null }
}
