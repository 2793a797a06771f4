/** `/completions`: each prompt is an input, and each choice its answer. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'
import { complete, type Completed } from './complete.ts'
import { sendEvents } from './event-stream.ts'
import { likeliest, ofAnswer } from './log-probabilities.ts'
import { AnyAnswer, Common, errors } from './schemas.ts'

const MOST_ALTERNATIVES = 20

function bodyOf(mostInputs: number) {
  return Type.Object({
    ...Common,
    prompt: Type.Union([
      Type.String(),
      Type.Array(Type.String(), { minItems: 1, maxItems: mostInputs }),
    ]),
    logprobs: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: MOST_ALTERNATIVES }), Type.Null()]),
    ),
  })
}
type Body = Static<ReturnType<typeof bodyOf>>

export function addCompletionsRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'answer prompts with a model',
    tags: ['openai'],
    body: bodyOf(services.limits.inputs),
    response: { 200: AnyAnswer, ...errors },
  }
  app.post<{ Body: Body }>(
    '/completions',
    { schema, config: { role: 'predict' } },
    async (request, reply) => {
      const { body } = request
      const prompts = [body.prompt].flat()
      const isOne = typeof body.prompt === 'string'
      const completed = await complete(services, request, {
        model: body.model,
        texts: prompts.map((text, at) => ({ text, param: isOne ? 'prompt' : `prompt.${at}` })),
        user: body.user ?? undefined,
      })
      const answer = shown(completed, body)
      if (body.stream !== true) return answer
      const { usage, choices, ...head } = answer
      const chunks = choices.map((choice) => ({ ...head, choices: [choice] }))
      const includesUsage = body.stream_options?.include_usage === true
      const last = includesUsage ? [{ ...head, choices: [], usage: { ...usage } }] : []
      return sendEvents(reply, [...chunks, ...last])
    },
  )
}

/** Feedback on one of several prompts names the id in its choice. */
function shown({ answers, usage, ...head }: Completed, { logprobs }: Body) {
  const choices = answers.map((answer, index) => ({
    ...{ index, text: answer.text, finish_reason: 'stop', id: answer.id },
    logprobs: typeof logprobs === 'number' ? scoresOf(answer, logprobs) : null,
  }))
  return { ...head, object: 'text_completion', choices, usage }
}

function scoresOf(answer: Completed['answers'][number], most: number) {
  const top = likeliest(answer, most).map(({ token, logprob }) => [token, logprob] as const)
  return {
    tokens: [answer.text],
    token_logprobs: [ofAnswer(answer).logprob],
    top_logprobs: [Object.fromEntries(top)],
    text_offset: [0],
  }
}
