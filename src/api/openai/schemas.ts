/** What both kinds of completion have in common. Clients send many fields that change nothing here: they are accepted. */
import { Type } from 'typebox'

const Optional = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

export const Common = {
  model: Type.String({ description: 'a model, model@version, or model@live' }),
  stream: Optional(Type.Boolean({ description: 'true: the answer as server-sent events' })),
  stream_options: Optional(Type.Object({ include_usage: Type.Optional(Type.Boolean()) })),
  n: Optional(Type.Integer({ minimum: 1, maximum: 1, description: 'a model gives one answer' })),
  user: Optional(
    Type.String({
      maxLength: 256,
      description: 'the same user stays on the same side of a canary',
    }),
  ),
}

/** The clients have it typed. */
export const AnyAnswer = Type.Object(
  {
    id: Type.String({ description: 'feedback may refer to it as prediction_id' }),
    model: Type.String({ description: 'the model, and the version that answered' }),
    system_fingerprint: Type.String({ description: 'the digest of that version' }),
  },
  { additionalProperties: true },
)

const Failed = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
    code: Type.String({ description: 'stable; see the table of errors' }),
  }),
})

export const errors = {
  default: {
    description: 'the request failed',
    content: { 'application/json': { schema: Failed } },
  },
}
