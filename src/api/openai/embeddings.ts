/**
 * `/embeddings`: vectors of unit length, of the base with the adapter of the version that answers. The clients ask for base64 by
 * default: float32 numbers, little-endian.
 */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { failure } from '../../platform/errors.ts'
import { eventLoop } from '../../platform/slices.ts'
import { unit } from '../../serving/services/embedding-service.ts'
import { requestInput } from '../../serving/services/prediction-service.ts'
import { namedModel, type Services } from '../../serving/services/services.ts'
import { embeddingParameters, refuseUnsupported, errors, Optional } from './parameters.ts'

function bodyOf(mostInputs: number) {
  return Type.Object({
    model: Type.String({ description: 'a model on a base of text, model@version, or model@live' }),
    input: Type.Union([
      Type.String(),
      Type.Array(Type.String(), { minItems: 1, maxItems: mostInputs }),
    ]),
    encoding_format: Optional(Type.Union([Type.Literal('float'), Type.Literal('base64')])),
    dimensions: Optional(
      Type.Integer({
        minimum: 1,
        description: 'the first ones alone, brought to unit length again',
      }),
    ),
    user: Optional(Type.String({ maxLength: 256 })),
  })
}
type Body = Static<ReturnType<typeof bodyOf>>

const Answer = Type.Object({
  object: Type.Literal('list'),
  data: Type.Array(
    Type.Object({
      object: Type.Literal('embedding'),
      index: Type.Integer(),
      embedding: Type.Union([Type.Array(Type.Number()), Type.String()]),
    }),
  ),
  model: Type.String({ description: 'the model, and the version that answered' }),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
})

export function addEmbeddingsRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'embed texts with a model',
    tags: ['openai'],
    body: bodyOf(services.limits.inputs),
    response: { 200: Answer, ...errors },
  }
  app.post<{ Body: Body }>(
    '/embeddings',
    {
      schema,
      config: { role: 'predict' },
      preValidation: refuseUnsupported(embeddingParameters),
    },
    async ({ body, over }) => {
      const { model, version } = namedModel(services, body.model)
      const { embeddings } = model
      if (embeddings === undefined) throw withoutText(body.model)
      const place = typeof body.input === 'string' ? () => '/input' : (at: number) => `/input/${at}`
      const inputs = await eventLoop.each([body.input].flat(), (text, at) =>
        requestInput(model.base, services.limits, text, place(at)),
      )
      const asked = { inputs, version, key: body.user ?? undefined, signal: over }
      const { manifest, vectors, tokens } = await embeddings.embed(asked)
      const data = vectors.map((vector, index) => ({
        ...{ object: 'embedding' as const, index },
        embedding: written(
          shortened(vector, body.dimensions ?? vector.length),
          body.encoding_format,
        ),
      }))
      return {
        ...{ object: 'list' as const, data, model: `${model.name}@${manifest.version}` },
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      }
    },
  )
}

function shortened(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions <= vector.length) return unit(vector, dimensions)
  const what = `an embedding of this base has ${vector.length} numbers, not ${dimensions}`
  throw failure('REQUEST_INVALID', what, { details: { param: 'dimensions' } })
}

function written(vector: Float32Array, format: Body['encoding_format']): number[] | string {
  if (format !== 'base64') return [...vector]
  const bytes = new DataView(new ArrayBuffer(4 * vector.length))
  for (const [at, value] of vector.entries()) bytes.setFloat32(4 * at, value, true)
  return Buffer.from(bytes.buffer).toString('base64')
}

function withoutText(name: string): Error {
  return failure('REQUEST_INVALID', `the base of ${name} reads no text: it has no embeddings`, {
    details: { param: 'model' },
  })
}
