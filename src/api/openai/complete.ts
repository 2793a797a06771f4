/** Answers a text with the parts that both kinds of completion are made of. */
import type { FastifyRequest } from 'fastify'
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { Message } from '../../contracts/task-view.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { text as textInput } from '../../payloads/inputs/text.ts'
import { parseJson } from '../../intake/events/json-guard.ts'
import { failure } from '../../platform/errors.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { AnsweredInput } from '../../serving/live/predict.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import { requestInput } from '../../serving/services/prediction-service.ts'
import { namedModel, type Services } from '../../serving/services/services.ts'
import { traceOf } from '../http/trace-requests.ts'
import type { Envelope, EnvelopeOf } from './response-format.ts'
import type { Common } from './schemas.ts'

export interface CompletionRequest {
  readonly model: string
  /** Texts with the field of the request that each stands in. */
  readonly texts: readonly { readonly text: string; readonly param: string }[]
  /** The same user stays on the same side of a canary. */
  readonly user: string | undefined
  readonly n: number | null | undefined
  readonly stop: Common['stop']
  /** Absent: the answer is a text. */
  readonly envelopeOf?: EnvelopeOf | undefined
}

export interface CompletionAnswer {
  readonly id: string
  /** `sentiment@v12`. */
  readonly model: string
  /** When it was answered, in seconds. */
  readonly created: number
  readonly system_fingerprint: string
  readonly answers: readonly CompletedAnswer[]
  readonly usage: Usage
}

export interface CompletedAnswer extends Message {
  readonly id: string
  /** The text as the client gets it. */
  readonly content: string
  readonly envelope?: Envelope | undefined
}

interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

export async function complete(
  services: Services,
  request: FastifyRequest,
  { model: name, texts, user, n, stop, envelopeOf }: CompletionRequest,
): Promise<CompletionAnswer> {
  const { model, version } = namedModel(services, name)
  if ((n ?? 1) > 1)
    throw failure('REQUEST_INVALID', `the model ${name} gives one answer`, {
      details: { param: 'n' },
    })
  const inputs = await eventLoop.each(texts, ({ text, param }) =>
    inputOf(services, model, text, param),
  )
  const trace = traceOf(request)
  const { manifest, predictions } = await model.predictions.predict({
    ...{ inputs, version, key: user, signal: request.over },
    traceparent: typeof trace === 'object' ? trace.traceparent : trace,
  })
  return {
    id: predictions[0]?.id ?? '',
    model: `${model.name}@${manifest.version}`,
    created: Math.floor(services.clock.nowMs() / 1000),
    system_fingerprint: manifest.digest,
    answers: predictions.map(({ id, answer }) => {
      const message = model.task.view.message(answer)
      const envelope = envelopeOf?.(message)
      const { start, end } = envelope ?? { start: '', end: '' }
      const text = envelope === undefined ? message.text : JSON.stringify(message.text)
      return { ...message, id, content: beforeStop(start + text + end, stop), envelope }
    }),
    usage: usageOf(predictions),
  }
}

function beforeStop(text: string, stop: Common['stop']): string {
  const ends = [stop ?? []].flat().map((each) => text.indexOf(each))
  return text.slice(0, Math.min(text.length, ...ends.filter((at) => at >= 0)))
}

/** Where a text is none of its inputs, it has the JSON of one. */
function inputOf(services: Services, model: ModelServices, text: string, param: string): Input {
  const { base } = model
  const isText = base.reads.includes(textInput)
  const value = isText ? text : jsonInput(base.reads, text, param, services)
  return requestInput(base, services.limits, value, `/${param.replaceAll('.', '/')}`)
}

function jsonInput(
  [kind]: readonly InputKind[],
  text: string,
  param: string,
  { limits }: Services,
): Json {
  const { name = '', example = null } = kind ?? {}
  try {
    const size = { bytes: limits.body_bytes, depth: limits.json_depth }
    return { [name]: parseJson(Buffer.from(text), size, 'BODY') }
  } catch (cause) {
    const what = `is not JSON: this model reads ${name}, such as ${JSON.stringify(example)}`
    throw failure('REQUEST_INVALID', `${param} ${what}`, { details: { param }, cause })
  }
}

/** An answer counts as one token. */
function usageOf(predictions: readonly AnsweredInput[]): Usage {
  const sum = predictions.reduce((total, { size }) => total + size, 0)
  const { length } = predictions
  return { prompt_tokens: sum, completion_tokens: length, total_tokens: sum + length }
}
