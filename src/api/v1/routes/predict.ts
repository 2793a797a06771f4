/** Answers for inputs, each from the exact version that the answer names. */
import type { FastifyInstance } from 'fastify'
import { CodedError, type Json } from '../../../contracts/core.ts'
import type { Input } from '../../../contracts/stream.ts'
import { readInput } from '../../../intake/events/input.ts'
import { errorTable, failure } from '../../../platform/errors.ts'
import type { RouteContext, ServerLimits } from '../../http/context.ts'
import type { Answered } from '../../../serving/live/predict.ts'
import { insist, InsistHeaders } from '../min-generation.ts'
import { ModelParams, PredictAnswer, predictBody, problems, type PredictBody } from '../schemas.ts'
import { isLong, sendInPieces } from '../long-answer.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import { eventLoop } from '../../../platform/slices.ts'
import { explained } from '../../../serving/services/trainer-fault.ts'
import { waitFor, WaitQuery } from '../../../serving/services/wait-for.ts'
import { nameVersion } from './version-headers.ts'

export function addPredictRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'ask a model',
    tags: ['predictions'],
    params: ModelParams,
    headers: InsistHeaders,
    querystring: WaitQuery,
    body: predictBody(context.limits.inputs),
    response: { 200: PredictAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Querystring: WaitQuery; Body: PredictBody }>(
    '/v1/models/:model/predict',
    { schema },
    async ({ params, query, body, headers, over }, reply) => {
      const model = context.modelNamed(params.model)
      const inputs = await eventLoop.each(body.inputs, (value, at) =>
        inputOf(model, context.limits, value, at),
      )
      const waitMs = context.limits.min_generation_ms
      await insist(model, headers, { waitMs, signal: over })
      await waitFor(model, query, context, over)
      const { version } = body
      const { manifest, generation, predictions } = await model.live
        .predict({ inputs, version, signal: over })
        .catch((error: unknown) => {
          throw explained(error, model.name, context.trainer.status(model.name))
        })
      nameVersion(reply, { version: manifest.version, digest: manifest.digest, generation })
      const head = {
        model: model.name,
        version: manifest.version,
        digest: manifest.digest,
        ...(generation !== undefined && { generation }),
      }
      if (!isLong(predictions)) return { ...head, predictions: predictions.map(shown) }
      return sendInPieces(reply, head, predictions)
    },
  )
}

/** An open model that has learned nothing yet. The id is good all the same: feedback may name it, with a first label. */
function shown(answer: Answered) {
  if (answer.label !== '') return answer
  const { code, message } = failure('NO_LABELS', 'the model has no label yet')
  return { ...answer, label: null, code, message: `${message}: ${errorTable.NO_LABELS.fix}` }
}

/** The rules of an event's input, with the codes of a request. */
function inputOf({ base }: ServedModel, limits: ServerLimits, value: Json, index: number): Input {
  try {
    return readInput(value, limits, `/inputs/${index}`, base.inputKind)
  } catch (error) {
    const isShape = error instanceof CodedError && error.code === 'EVENT_INVALID'
    if (!isShape) throw error
    throw failure('REQUEST_INVALID', error.message, { details: error.details, cause: error })
  }
}
