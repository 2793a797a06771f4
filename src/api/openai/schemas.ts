/** Shared by both kinds of completion. */
import { Type, type Static } from 'typebox'
import { nullable } from '../../platform/nullable.ts'

/** Clients send null for what is not set. */
export const Optional = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

const STOPS = 16

/** `mostAnswers`: of one request. */
export function commonOf(mostAnswers: number) {
  const Stop = Type.String({ minLength: 1, maxLength: 256 })
  return {
    model: Type.String({ description: 'a model, model@version, or model@live' }),
    stream: Optional(Type.Boolean({ description: 'true: the answer as server-sent events' })),
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
    seed: Optional(
      Type.Integer({ description: 'the same seed gives the same text of the same version' }),
    ),
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
    id: Type.String({ description: 'feedback may refer to it as prediction_id' }),
    model: Type.String({ description: 'the model, and the version that answered' }),
    system_fingerprint: Type.String({ description: 'the digest of that version' }),
    truncated: Type.Optional(
      Type.Boolean({
        description:
          'true: a prompt lost its oldest turns; usage.dropped_prompt_tokens counts them',
      }),
    ),
  },
  { additionalProperties: true },
)

const Failed = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: nullable(Type.String()),
    code: Type.String({ description: 'stable; see the table of errors' }),
  }),
})

export const errors = {
  default: {
    description: 'the request failed',
    content: { 'application/json': { schema: Failed } },
  },
}
