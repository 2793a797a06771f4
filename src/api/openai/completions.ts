/**
 * `/completions`: a language model continues each prompt as it is; to any other model a prompt is an input. Control tokens in a
 * prompt's text are text, unless who may operate the model asks for them.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { failure } from '../../platform/errors.ts'
import { flag } from '../../client/schemas/parts.ts'
import { namedModel, type Services } from '../../serving/services/services.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import { requestInput } from '../../serving/services/prediction-service.ts'
import { checkRole, type Caller } from '../http/auth.ts'
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { TokenLikelihood } from '../../serving/services/generation/contract.ts'
import { complete, likeliest, ofAnswer, type CompletionAnswer } from './complete.ts'
import { sendEvents } from './errors.ts'
import {
  completionParameters,
  ownCompletionParameters,
  refuseUnsupported,
  AnyAnswer,
  commonOf,
  errors,
  Optional,
  unsupported,
} from './parameters.ts'
import {
  beginTexts,
  citedChunks,
  writesTexts,
  wholeTexts,
  writtenChunks,
  type AskedInput,
  type BegunTexts,
  type ShownParts,
} from './written.ts'

const MOST_ALTERNATIVES = 20

const Tokens = Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 })

function bodyOf({ inputs, choices }: Services['limits']) {
  return Type.Object({
    ...commonOf(choices),
    prompt: Type.Union([
      Type.String(),
      Type.Array(Type.String(), { minItems: 1, maxItems: inputs }),
      Tokens,
      Type.Array(Tokens, { minItems: 1, maxItems: inputs }),
    ]),
    max_tokens: Optional(
      Type.Integer({ minimum: 0, description: 'at most limits.answer_tokens; 0 with echo' }),
    ),
    echo: Optional(flag('each answer begins with its prompt')),
    parse_special: Optional(flag('texts of control tokens in a prompt are these tokens')),
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
      preValidation: refuseUnsupported({ ...completionParameters, ...ownCompletionParameters }),
    },
    async (request, reply) => {
      const { body } = request
      if (writesTexts(services, body.model)) return write(services, request, reply)
      const isOne = typeof body.prompt === 'string'
      const prompts = textsIn(body)
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
  if (body.max_tokens === 0 && body.echo !== true)
    throw invalid('max_tokens is 0: only a prompt that is repeated (echo: true) needs no answer', {
      pointer: '/max_tokens',
    })
  const shown = {
    logprobs: typeof body.logprobs === 'number',
    includesUsage: body.stream_options?.include_usage === true,
  }
  const begun = await beginTexts(services, request, body, {
    inputs: promptsIn(services, request),
    echo: body.echo === true,
    logprobs: shown.logprobs,
    likeliest: body.logprobs ?? 0,
  })
  return body.stream === true
    ? sendEvents(reply, citedChunks(begun, completionChunks(begun, shown)))
    : writtenCompletions(begun, shown)
}

/** Of a model that writes no texts. */
function textsIn(body: Body): readonly string[] {
  const texts = [body.prompt].flat().filter((each) => typeof each === 'string')
  if (texts.length === 0)
    throw invalid('a prompt of tokens is for a language model', { pointer: '/prompt' })
  const asks = { parse_special: body.parse_special === true, echo: body.echo === true }
  for (const [name, isAsked] of Object.entries(asks))
    if (isAsked) throw unsupported(name, 'the model writes no texts')
  if (body.max_tokens === 0) throw invalid('an answer has one token', { pointer: '/max_tokens' })
  return texts
}

function promptsIn(services: Services, { body, caller }: FastifyRequest<{ Body: Body }>) {
  const { prompt } = body
  const { model } = namedModel(services, body.model)
  const parsesSpecial = body.parse_special === true
  if (parsesSpecial && caller !== undefined) checkRole(caller, 'operate')
  const isOne = typeof prompt === 'string' || typeof prompt[0] === 'number'
  const all = (isOne ? [prompt] : prompt) as readonly (string | readonly number[])[]
  return all.map((each, at): AskedInput => {
    const pointer = isOne ? '/prompt' : `/prompt/${at}`
    if (typeof each !== 'string') return { tokens: tokensIn(each, model, pointer, caller) }
    if (!parsesSpecial) return { value: each, pointer }
    // Before it is read as tokens: a text has its bounds.
    requestInput(model.base, services.limits, each, pointer)
    const tokens = model.base.language?.rawPrompt?.(each)
    if (tokens === undefined)
      throw unsupported('parse_special', `${model.name} has no control tokens`)
    return { tokens }
  })
}

/** Throws `REQUEST_INVALID` for an id that the model does not have, and `ROLE_MISSING` for a control token. */
function tokensIn(
  ids: readonly number[],
  { name, base: { language } }: Pick<ModelServices, 'name' | 'base'>,
  pointer: string,
  caller: Caller | undefined,
): Int32Array {
  const size = language?.vocabulary ?? 0
  const unknown = ids.findIndex((id) => id >= size)
  if (unknown >= 0)
    throw invalid(`${ids[unknown]} is no token of ${name}: its ids are below ${size}`, {
      pointer: `${pointer}/${unknown}`,
    })
  const isControl = ids.some((id) => language?.bytes?.(id).length === 0)
  if (isControl && caller !== undefined) checkRole(caller, 'operate')
  return Int32Array.from(ids)
}

function invalid(message: string, details: { readonly pointer: string }): Error {
  return failure('REQUEST_INVALID', message, { details })
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
    top_logprobs: tokens.map(({ token, logprob, likeliest = [] }) =>
      logprob === null
        ? null
        : {
            ...Object.fromEntries(likeliest.map((each) => [each.token, each.logprob])),
            [token]: logprob,
          },
    ),
    text_offset: offsets,
  }
}
