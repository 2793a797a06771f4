/** The schemas that belong to no surface: probes, metrics, the description, and errors as problem details. */
import { Type } from 'typebox'
import { FaultAnswer } from '../../client/schemas/models.ts'

export const AliveAnswer = Type.Object({ alive: Type.Boolean() })
export const ReadyAnswer = Type.Object({
  ready: Type.Boolean(),
  degraded: Type.Optional(
    Type.Array(FaultAnswer, { description: 'problems while it keeps running; absent: none' }),
  ),
})
export const OpenapiAnswer = Type.Object({}, { additionalProperties: true })
export const AsyncapiAnswer = Type.Object({}, { additionalProperties: true })
export const MetricsAnswer = {
  description: 'the text format of Prometheus',
  content: { 'text/plain': { schema: Type.String() } },
}

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'stable; see the table of errors' }),
    detail: Type.String(),
    instance: Type.String(),
    fix: Type.Optional(Type.String()),
  },
  { additionalProperties: true },
)

/** Errors that any route may answer. Problems are serialised elsewhere; this is their documentation. */
export const problems = {
  default: {
    description: 'the request failed',
    content: { 'application/problem+json': { schema: Problem } },
  },
}
