/**
 * Every parameter of the API, as the types of OpenAI's client have them, and what becomes of it here. Nothing is ignored: a
 * parameter that is not in the table, or that asks for something this server cannot do, is refused by its name.
 */
import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { Type, type Static, type TSchema } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { isObject } from '../../payloads/reading.ts'
import { nullable } from '../../platform/nullable.ts'
import { flag, integer, text } from '../../client/schemas/parts.ts'

interface Parameter {
  /**
   * `honoured`: the route reads it; `accepted`: no answer depends on it; `refused`: with `unsupported_parameter`, unless it is null or
   * one of `nothing`.
   */
  readonly fate: 'honoured' | 'accepted' | 'refused'
  readonly what: string
  /** Values that ask for nothing: many clients send them. */
  readonly nothing?: readonly Json[]
  /** Of an object: the fields that are read. */
  readonly fields?: readonly string[]
}

export type Parameters = Readonly<Record<string, Parameter>>

const honoured = (what: string): Parameter => ({ fate: 'honoured', what })
const accepted = (what: string): Parameter => ({ fate: 'accepted', what })
const refused = (what: string, ...nothing: readonly Json[]): Parameter => ({
  ...{ fate: 'refused', what },
  ...(nothing.length > 0 && { nothing }),
})

const likeliest = 'any other model gives its likeliest answer whatever it says'

/** Of both kinds of completion. */
const common = {
  model: honoured('a model, `model@version` or `model@live`'),
  stream: honoured('the answer as server-sent events'),
  stream_options: {
    ...honoured('`include_usage`; `include_obfuscation` may be false'),
    fields: ['include_usage', 'include_obfuscation'],
  },
  n: honoured(
    'answers, at most as many as `limits.generation_texts`, or 8; a model that writes no texts gives one',
  ),
  user: honoured('the same user stays on the same side of a canary'),
  max_tokens: honoured('at most `limits.answer_tokens`; the answer of a classifier is one token'),
  temperature: honoured(`of a language model; ${likeliest}`),
  top_p: honoured(`of a language model; ${likeliest}`),
  seed: honoured('the same seed gives the same text of the same version'),
  stop: honoured('texts that end an answer, and are not in it'),
  frequency_penalty: refused('no answer is penalised', 0),
  presence_penalty: refused('no answer is penalised', 0),
  logit_bias: refused('tokens cannot be favoured', {}),
}

export const chatParameters = {
  ...common,
  messages: honoured(
    '`role` and `content` of text; of a model that reads pictures one `image_url` alone, a data URL, as no address is opened; of a language model also `tool_calls` and `tool_call_id`; any other field that is not empty is refused',
  ),
  max_completion_tokens: honoured('as `max_tokens`'),
  logprobs: honoured('the scores of an answer as log-probabilities'),
  top_logprobs: honoured('with `logprobs: true`; without it, only 0'),
  safety_identifier: honoured('as `user`, where that is absent'),
  response_format: honoured(
    '`text`; of a language model `json_object` and `json_schema`, which each token keeps to; of a classifier also `json_schema`: an object with one property, an `enum` or `const` that allows all of its answers',
  ),
  metadata: accepted('of stored completions, and none is stored'),
  prompt_cache_key: accepted('prompts are cached by their own tokens'),
  store: refused('completions are not stored', false),
  tools: honoured('of a language model: at most one is called; no other model calls any'),
  tool_choice: honoured('with `tools`: `none`, `auto`, `required` or one by its name'),
  parallel_tool_calls: accepted('an answer has at most one call'),
  functions: refused('no model calls functions', []),
  function_call: refused('no model calls functions', 'none'),
  prediction: refused('no text is predicted ahead'),
  modalities: refused('answers are texts', ['text']),
  audio: refused('answers are texts'),
  moderation: refused('nothing is moderated'),
  prompt_cache_options: refused('the cache has no options'),
  prompt_cache_retention: refused('the cache is in memory', 'in_memory'),
  reasoning_effort: refused('no model reasons first', 'none'),
  service_tier: refused('there is one tier', 'auto', 'default'),
  verbosity: refused('a model is as verbose as it learned to be', 'medium'),
  web_search_options: refused('nothing is searched for'),
} satisfies Parameters

export const completionParameters = {
  ...common,
  prompt: honoured('one text or several, or for a language model the ids of their tokens'),
  logprobs: honoured('the scores of an answer as log-probabilities'),
  best_of: refused('every answer is returned; ask for several with `n`', 1),
  echo: honoured(
    'of a language model: an answer begins with its prompt, with `logprobs` also those of its tokens; `max_tokens` may be 0',
  ),
  suffix: refused('texts are only continued', ''),
} satisfies Parameters

/** Of ours alone. */
export const ownCompletionParameters = {
  parse_special: honoured(
    'of a language model: the texts of control tokens in a prompt are these tokens; it needs the role `operate`, as ids of such tokens do',
  ),
} satisfies Parameters

export const embeddingParameters = {
  model: honoured('a model on a base of text, `model@version` or `model@live`'),
  input: honoured('one text or several; ids of tokens are refused'),
  dimensions: honoured('the first ones alone, brought to unit length again'),
  encoding_format: honoured('`float` or `base64`'),
  user: honoured('the same user stays on the same side of a canary'),
} satisfies Parameters

/** Runs before the schema, so that what is refused is named, whatever its value. */
export function refuseUnsupported(parameters: Parameters) {
  return async (request: FastifyRequest) => {
    // A body of another kind is refused by the schema.
    const body = request.body as Json | undefined
    if (!isObject(body)) return
    for (const [name, value] of Object.entries(body)) {
      if (!isTaken(parameters, name, value)) throw unsupported(name, whyNot(parameters, name))
      const { fields } = parameterIn(parameters, name) ?? {}
      if (fields === undefined || !isObject(value)) continue
      const inner = Object.keys(value).find((each) => !fields.includes(each))
      if (inner !== undefined) throw unsupported(`${name}.${inner}`, UNKNOWN)
    }
  }
}

const UNKNOWN = 'it is unknown here'

export function unsupported(param: string, why: string): Error {
  return failure('PARAMETER_UNSUPPORTED', `${param} is not supported: ${why}`, {
    details: { param },
  })
}

function isTaken(parameters: Parameters, name: string, value: Json): boolean {
  if (value === null) return true
  const known = parameterIn(parameters, name)
  if (known?.fate !== 'refused') return known !== undefined
  return known.nothing?.some((each) => isDeepStrictEqual(each, value)) ?? false
}

function whyNot(parameters: Parameters, name: string): string {
  const { what, nothing = [] } = parameterIn(parameters, name) ?? { what: UNKNOWN }
  if (nothing.length === 0) return what
  return `${what}; it may be ${nothing.map((each) => JSON.stringify(each)).join(' or ')}`
}

function parameterIn(parameters: Parameters, name: string): Parameter | undefined {
  return Object.hasOwn(parameters, name) ? parameters[name] : undefined
}

/**
 * Shared by both kinds of completion.
 *
 * Clients send null for what is not set.
 */
export const Optional = <Schema extends TSchema>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

const STOPS = 16

/** `mostAnswers`: of one request. */
export function commonOf(mostAnswers: number) {
  const Stop = Type.String({ minLength: 1, maxLength: 256 })
  return {
    model: text('a model, model@version, or model@live'),
    stream: Optional(flag('true: the answer as server-sent events')),
    stream_options: Optional(
      Type.Object({
        include_usage: Optional(Type.Boolean()),
        include_obfuscation: Optional(Type.Literal(false)),
      }),
    ),
    n: Optional(
      Type.Integer({
        minimum: 1,
        maximum: mostAnswers,
        description: 'answers; a model that writes no texts gives one',
      }),
    ),
    user: Optional(
      Type.String({
        maxLength: 256,
        description: 'the same user stays on the same side of a canary',
      }),
    ),
    // How a language model writes; any other model gives its likeliest answer.
    max_tokens: Optional(Type.Integer({ minimum: 1, description: 'at most limits.answer_tokens' })),
    temperature: Optional(Type.Number({ minimum: 0, maximum: 2 })),
    top_p: Optional(Type.Number({ minimum: 0, maximum: 1 })),
    seed: Optional(integer('the same seed gives the same text of the same version')),
    stop: Optional(
      Type.Union([Stop, Type.Array(Stop, { maxItems: STOPS })], {
        description: 'texts that end an answer, and are not in it',
      }),
    ),
  }
}

export type Common = Static<ReturnType<typeof Type.Object<ReturnType<typeof commonOf>>>>

/** The clients have it typed. */
export const AnyAnswer = Type.Object(
  {
    id: text('feedback may refer to it as prediction_id'),
    model: text('the model, and the version that answered'),
    system_fingerprint: text('the digest of that version'),
    truncated: Type.Optional(
      flag('true: a prompt lost its oldest turns; usage.dropped_prompt_tokens counts them'),
    ),
    antikythera: Type.Optional(
      Type.Object(
        {
          sources: Type.Array(
            Type.Object({
              source: Type.String(),
              id: Type.String(),
              similarity: Type.Number(),
            }),
            { description: 'the events whose answers this one was given, the nearest first' },
          ),
          sources_cut: Type.Optional(
            integer('how many further ones the context had no room for; absent: none'),
          ),
        },
        {
          description:
            'of a model with memory: { policy: retrieval }; of a stream in its first chunk',
        },
      ),
    ),
  },
  { additionalProperties: true },
)

const Failed = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: nullable(Type.String()),
    code: text('stable; see the table of errors'),
  }),
})

export const errors = {
  default: {
    description: 'the request failed',
    content: { 'application/json': { schema: Failed } },
  },
}
