/** `/chat/completions`: the last message of the user is the input, and the answer one message. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task.ts'
import type { Services } from '../../serving/services/services.ts'
import { complete, type Completed } from './complete.ts'
import { sendEvents } from './event-stream.ts'
import { likeliest, ofAnswer } from './log-probabilities.ts'
import { lastOfUser } from './messages.ts'
import { AnyAnswer, Common, errors } from './schemas.ts'

const MOST_ALTERNATIVES = 20

const ChatBody = Type.Object({
  ...Common,
  messages: Type.Array(
    Type.Object({
      role: Type.String(),
      content: Type.Optional(
        Type.Union([
          Type.String(),
          Type.Null(),
          Type.Array(Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) })),
        ]),
      ),
    }),
    { minItems: 1, description: 'the last one of the role user is answered' },
  ),
  logprobs: Type.Optional(
    Type.Union([Type.Boolean(), Type.Null()], { description: 'true: with the scores' }),
  ),
  top_logprobs: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: MOST_ALTERNATIVES }), Type.Null()]),
  ),
})
type ChatBody = Static<typeof ChatBody>

export function addChatRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'answer a conversation with a model',
    tags: ['openai'],
    body: ChatBody,
    response: { 200: AnyAnswer, ...errors },
  }
  app.post<{ Body: ChatBody }>(
    '/chat/completions',
    { schema, config: { role: 'predict' } },
    async (request, reply) => {
      const { body } = request
      const completed = await complete(services, request, {
        model: body.model,
        texts: [lastOfUser(body.messages)],
        user: body.user ?? undefined,
      })
      if (body.stream === true) return sendEvents(reply, chunksOf(completed, body))
      const { answers, usage, ...head } = completed
      const [answer = { text: '' }] = answers
      const message = { role: 'assistant', content: answer.text, refusal: null }
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

/** The role, the content, the end, and the usage where it is asked for. */
function chunksOf(completed: Completed, body: ChatBody) {
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
    chunk({ content: answers[0]?.text ?? '' }, null, scoresOf(completed, body)),
    chunk({}, 'stop'),
    ...(includesUsage ? [{ ...head, choices: [], usage: { ...usage } }] : []),
  ]
}

function scoresOf(
  { answers: [answer] }: Completed,
  { logprobs, top_logprobs: most }: ChatBody,
): Fields | null {
  if (logprobs !== true || answer === undefined) return null
  const top = likeliest(answer, most ?? 0).map((each) => ({ ...each }))
  return { content: [{ ...ofAnswer(answer), top_logprobs: top }], refusal: null }
}
