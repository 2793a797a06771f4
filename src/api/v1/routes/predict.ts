/** Predictions; each answer names the exact version that made it. */
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { predictBody, type Because, type PredictBody } from '../../../client/schemas/predict.ts'
import { failure } from '../../../platform/errors.ts'
import { eventLoop } from '../../../platform/slices.ts'
import { requestInput, type PastTime } from '../../../serving/services/prediction-service.ts'
import type { TextOptions } from '../../../serving/services/generation/contract.ts'
import {
  shownSources,
  type PredictRequest,
  type AnsweredInput,
} from '../../../serving/live/predict.ts'
import type { ModelServices } from '../../../serving/services/model-services.ts'
import type { Services } from '../../../serving/services/services.ts'
import { checkRole } from '../../http/auth.ts'
import { traceparentOf } from '../../http/trace-requests.ts'
import { addRoute } from '../route.ts'
import { predictAnswer } from '../task-schemas.ts'
import { freshnessIn, PredictQuery, InsistHeaders, nameVersion } from '../headers-and-queries.ts'
import type { Json } from '../../../contracts/core.ts'

export function addPredictRoute(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/predict', {
    summary: 'predict with a model',
    tag: 'predictions',
    role: 'predict',
    headers: PredictHeaders,
    query: PredictQuery,
    body: predictBody(services.limits.inputs),
    answer: predictAnswer(services),
    async handle(request, reply) {
      const { params, query, body, headers, over, caller } = request
      const model = services.model(params.model)
      const inputs = await eventLoop.each(body.inputs, (value, at) =>
        requestInput(model.base, services.limits, value, `/inputs/${at}`),
      )
      const asked = {
        ...freshnessIn(headers, query),
        inputs,
        ...pastIn(body, query),
        key: body.key ?? keyIn(headers),
        signal: over,
        traceparent: traceparentOf(request),
      }
      const { without, because } = body
      // It takes the time of the trainer.
      if (without !== undefined && caller !== undefined) checkRole(caller, 'operate')
      if (without !== undefined && model.generation !== undefined)
        throw failure('SUMS_UNKNOWN', `${model.name} writes texts, and has no exact sums`)
      // It takes the time of the trainer too, and says what others have taught.
      if (because !== undefined && caller !== undefined) checkRole(caller, 'read')
      if (because !== undefined && without !== undefined)
        throw failure('REQUEST_INVALID', 'without a source an answer rests on other examples', {
          details: { pointer: '/because' },
        })
      const answered =
        model.generation === undefined
          ? await model.predictions.predict({ ...withoutOptions(asked, body), without })
          : await model.generation.answer(asked, optionsIn(body))
      const { manifest, generation, arm, predictions } = answered
      const { version, digest } = manifest
      const nearest =
        because === undefined ? [] : await nearestOf(model, { version, inputs, most: because })
      nameVersion(reply, { version, digest, generation })
      const head = {
        model: model.name,
        version,
        digest,
        ...(generation !== undefined && { generation }),
        ...(arm !== undefined && { arm }),
      }
      const all = predictions.map((prediction, at) => ({ ...prediction, because: nearest[at] }))
      if (!isLong(all)) return { ...head, predictions: all.map(shown) }
      return sendInPieces(reply, head, all)
    },
  })
}

/** For each input, the examples that the answer of this version rests on most. */
async function nearestOf(
  model: Pick<ModelServices, 'nearest'>,
  asked: Parameters<ModelServices['nearest']>[0],
): Promise<readonly (readonly Because[])[]> {
  const { nearest } = await model.nearest(asked)
  return nearest.map((examples) =>
    examples.map(({ timeMs, source, id, similarity, target }) => ({
      ...{ source, id, similarity, target },
      ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
    })),
  )
}

type ShownPrediction = AnsweredInput & { readonly because: readonly Because[] | undefined }

/** How a text is written. */
function optionsIn({ generate = {} }: PredictBody): TextOptions {
  const { max_tokens: maxTokens, top_p: topP, ...options } = generate
  return { ...options, maxTokens, topP }
}

function withoutOptions<Asked>(asked: Asked, { generate }: PredictBody): Asked {
  if (generate === undefined) return asked
  throw failure('REQUEST_INVALID', 'generate is for a model with task: generation', {
    details: { pointer: '/generate' },
  })
}

/** The version or the time that a query or a body names: at most one of them. */
function pastIn(
  body: PredictBody,
  query: PredictQuery,
): Pick<PredictRequest & PastTime, 'version' | 'atMs'> {
  const [versions, times] = [
    [body.version, query.version].filter((each) => each !== undefined),
    [body.at, query.at].filter((each) => each !== undefined),
  ]
  if (versions.length + times.length > 1)
    throw failure('REQUEST_INVALID', 'name one version or one time, in the body or in the query')
  const [at] = times
  const atMs = at === undefined ? undefined : Date.parse(at)
  // A leap second passes the schema, and no clock here has it.
  if (Number.isNaN(atMs)) throw failure('REQUEST_INVALID', 'at is a time that no clock shows')
  return { version: versions[0], atMs }
}

const HEADER = 'x-antikythera-key'
const MOST_CHARACTERS = 256

/** Only for the description, like `InsistHeaders`. */
const PredictHeaders = Type.Object({
  ...InsistHeaders.properties,
  [HEADER]: Type.Optional(
    Type.String({ description: 'of the user or session: the field key of the body, as a header' }),
  ),
})

/**
 * `x-antikythera-key` says which user a request is from, for a canary. A gateway can set it without reading the body; the field `key`
 * of the body comes first.
 */
function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const text = headers[HEADER]
  if (text === undefined || text === '') return undefined
  if (typeof text === 'string' && text.length <= MOST_CHARACTERS) return text
  throw failure('REQUEST_INVALID', `${HEADER} has at most ${MOST_CHARACTERS} characters`, {
    details: { header: HEADER },
  })
}

/** Number of scores of one answer written at once: a few milliseconds. */
const MOST_SCORES = 8192
const PIECE_CHARACTERS = 64 * 1024

/**
 * Answers with many inputs and scores can be tens of megabytes of JSON. They are written piece by piece, because
 * writing one at once would block every other request.
 */
function isLong(predictions: readonly AnsweredInput[]): boolean {
  const [first] = predictions
  const scores = first === undefined ? 0 : numbersIn(first.answer)
  return scores * predictions.length > MOST_SCORES
}

/** How many fields an answer has, those of its objects counted. */
function numbersIn(answer: AnsweredInput['answer']): number {
  const sizes = Object.values(answer).map((value) =>
    typeof value === 'object' && value !== null ? Object.keys(value).length : 1,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** The same JSON as in one piece: `head`, then the predictions as its last key. */
function sendInPieces(
  reply: FastifyReply,
  head: Readonly<Record<string, Json>>,
  predictions: readonly ShownPrediction[],
): FastifyReply {
  void reply.type('application/json; charset=utf-8')
  return reply.send(Readable.from(pieces(head, predictions)))
}

function shown(prediction: ShownPrediction) {
  const { id, answer, truncated, tokens, size, completionTokens, recalled, because, parts } =
    prediction
  const usage = { prompt_tokens: size, completion_tokens: completionTokens ?? 0 }
  return {
    ...{
      id,
      ...answer,
      ...(truncated && { truncated }),
      ...(tokens && { tokens }),
      ...(parts && { parts }),
    },
    ...(completionTokens !== undefined && { usage }),
    ...(recalled && shownSources(recalled)),
    ...(because && { because }),
  }
}

async function* pieces(
  head: Readonly<Record<string, Json>>,
  predictions: readonly ShownPrediction[],
): AsyncGenerator<string> {
  let piece = `${JSON.stringify(head).slice(0, -1)},"predictions":[`
  for (const [at, prediction] of predictions.entries()) {
    const text = await eventLoop.run(() => JSON.stringify(shown(prediction)))
    piece += at === 0 ? text : `,${text}`
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  yield `${piece}]}`
}
