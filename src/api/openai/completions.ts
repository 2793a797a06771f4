/** `/completions`: a language model continues each prompt as it is; to any other model a prompt is an input. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { TokenLikelihood } from '../../serving/services/generation/contract.ts'
import { complete, likeliest, ofAnswer, type CompletionAnswer } from './complete.ts'
import { sendEvents } from './errors.ts'
import {
  completionParameters,
  refuseUnsupported,
  AnyAnswer,
  commonOf,
  errors,
} from './parameters.ts'
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

function bodyOf({ inputs, choices }: Services['limits']) {
  return Type.Object({
    ...commonOf(choices),
    prompt: Type.Union([
      Type.String(),
      Type.Array(Type.String(), { minItems: 1, maxItems: inputs }),
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
    body: bodyOf(services.limits),
    response: { 200: AnyAnswer, ...errors },
  }
  app.post<{ Body: Body }>(
    '/completions',
    {
      schema,
      config: { role: 'predict' },
      preValidation: refuseUnsupported(completionParameters),
    },
    async (request, reply) => {
      const { body } = request
      const prompts = [body.prompt].flat()
      const isOne = typeof body.prompt === 'string'
      if (writesTexts(services, body.model)) return write(services, request, reply)
      const completed = await complete(services, request, {
        model: body.model,
        texts: prompts.map((text, at) => ({ text, param: isOne ? 'prompt' : `prompt.${at}` })),
        user: body.user ?? undefined,
        n: body.n,
        stop: body.stop,
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

async function write(
  services: Services,
  request: FastifyRequest<{ Body: Body }>,
  reply: FastifyReply,
) {
  const { body } = request
  const prompts = [body.prompt].flat()
  const place = typeof body.prompt === 'string' ? () => '/prompt' : (at: number) => `/prompt/${at}`
  const shown = {
    logprobs: typeof body.logprobs === 'number',
    includesUsage: body.stream_options?.include_usage === true,
  }
  const begun = await beginTexts(services, request, body, {
    inputs: prompts.map((value, at) => ({ value, pointer: place(at) })),
    logprobs: shown.logprobs,
    likeliest: body.logprobs ?? 0,
  })
  return body.stream === true
    ? sendEvents(reply, citedChunks(begun, completionChunks(begun, shown)))
    : writtenCompletions(begun, shown)
}

/** Feedback on one of several prompts names the id in its choice. */
function shown({ answers, usage, ...head }: CompletionAnswer, { logprobs }: Body) {
  const choices = answers.map((answer, index) => ({
    ...{ index, text: answer.content, finish_reason: 'stop', id: answer.id },
    logprobs: typeof logprobs === 'number' ? scoresOf(answer, logprobs) : null,
  }))
  return { ...head, object: 'text_completion', choices, usage }
}

function scoresOf(answer: CompletionAnswer['answers'][number], most: number) {
  const top = likeliest(answer, most).map(({ token, logprob }) => [token, logprob] as const)
  return {
    tokens: [answer.text],
    token_logprobs: [ofAnswer(answer).logprob],
    top_logprobs: [Object.fromEntries(top)],
    text_offset: [0],
  }
}

/** Texts of a language model as completions of prompts, whole and as chunks. */
async function writtenCompletions(begun: BegunTexts, { logprobs }: Pick<ShownParts, 'logprobs'>) {
  const { texts, usage } = await wholeTexts(begun)
  const choices = texts.map(({ id, text, finish, logprobs: tokens }, index) => ({
    ...{ index, text, finish_reason: finish, id },
    logprobs: logprobs ? writtenScores(tokens, 0) : null,
  }))
  return { ...begun.head, ...begun.cited, object: 'text_completion', choices, usage }
}

function completionChunks(
  begun: BegunTexts,
  { logprobs: isScored, includesUsage }: ShownParts,
): AsyncGenerator<Json> {
  const head = { ...begun.head, object: 'text_completion' }
  const written = begun.choices.map(() => 0)
  return writtenChunks(begun, head, { includesUsage }, (part) => {
    const { index, text, logprobs = [], finish } = part
    const offset = written[index] ?? 0
    written[index] = offset + text.length
    const choice = {
      ...{ index, text, id: begun.choices[index]?.id ?? '' },
      logprobs: isScored && logprobs.length > 0 ? writtenScores(logprobs, offset) : null,
      finish_reason: finish ?? null,
    }
    return [{ ...head, choices: [choice], ...(includesUsage && { usage: null }) }]
  })
}

/** `top_logprobs` also names the token that was written, as the API says. */
function writtenScores(tokens: readonly TokenLikelihood[], offset: number): Fields {
  let at = offset
  const offsets = tokens.map(({ token }) => {
    const here = at
    at += token.length
    return here
  })
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ token, logprob, likeliest = [] }) => ({
      ...Object.fromEntries(likeliest.map((each) => [each.token, each.logprob])),
      [token]: logprob,
    })),
    text_offset: offsets,
  }
}
