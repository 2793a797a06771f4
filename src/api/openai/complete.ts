/** Answers a text with the parts that both kinds of completion are made of. */
import type { FastifyRequest } from 'fastify'
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { Message } from '../../contracts/task-view.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { text as textInput } from '../../payloads/inputs/text.ts'
import { keyed } from '../../payloads/reading.ts'
import { parseJson } from '../../intake/events/json-guard.ts'
import { failure } from '../../platform/errors.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { AnsweredInput } from '../../serving/live/predict.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import { requestInput } from '../../serving/services/prediction-service.ts'
import { namedModel, type Services } from '../../serving/services/services.ts'
import { traceparentOf } from '../http/trace-requests.ts'
import type { AskedContent } from './chat-messages.ts'
import type { Envelope, EnvelopeOf } from './response-format.ts'
import type { Common } from './parameters.ts'
import { headOf, type CompletionHead, type Usage } from './written.ts'

interface CompletionRequest {
  readonly model: string
  readonly texts: readonly AskedContent[]
  /** The same user stays on the same side of a canary. */
  readonly user: string | undefined
  readonly n: number | null | undefined
  readonly stop: Common['stop']
  /** Absent: the answer is a text. */
  readonly envelopeOf?: EnvelopeOf | undefined
}

export interface CompletionAnswer extends CompletionHead {
  readonly answers: readonly CompletedAnswer[]
  readonly usage: Usage
}

interface CompletedAnswer extends Message {
  readonly id: string
  /** The text as the client gets it. */
  readonly content: string
  readonly envelope?: Envelope | undefined
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
  const inputs = await eventLoop.each(texts, (asked) => inputOf(services, model, asked))
  const { manifest, predictions } = await model.predictions.predict({
    ...{ inputs, version, key: user, signal: request.over },
    traceparent: traceparentOf(request),
  })
  return {
    ...headOf(services, model, manifest, predictions),
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
function inputOf(services: Services, { base }: ModelServices, asked: AskedContent): Input {
  const { text, param, isFile } = asked
  const isText = base.reads.includes(textInput)
  const value =
    isFile === true
      ? fileInput(base.reads, asked)
      : isText
        ? text
        : jsonInput(base.reads, text, param, services)
  return requestInput(base, services.limits, value, `/${param.replaceAll('.', '/')}`)
}

function fileInput(reads: readonly InputKind[], { text, param }: AskedContent): Json {
  const kind = reads.find(({ files }) => files !== undefined)
  if (kind !== undefined) return keyed(kind, text)
  const place = param.slice(0, param.lastIndexOf('.image_url'))
  const names = reads.map(({ name }) => name).join(', ')
  throw failure('REQUEST_INVALID', `${place}.type is image_url; this model reads ${names}`, {
    details: { param: `${place}.type` },
  })
}

function jsonInput(
  [kind]: readonly InputKind[],
  text: string,
  param: string,
  { limits }: Services,
): Json {
  const { name, example } = kind ?? textInput
  try {
    const size = { bytes: limits.body_bytes, depth: limits.json_depth }
    return keyed(kind ?? textInput, parseJson(Buffer.from(text), size, 'BODY'))
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

/** The API's log-probability of a text that cannot occur. */
const LEAST = -9999

interface LogProbability {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}

/** Scores as log-probabilities: the likeliest texts first, each as if it were one token. `written`: how a text stands in the answer. */
export function likeliest(
  { likelihoods = {} }: Message,
  most: number,
  written = (text: string) => text,
): readonly LogProbability[] {
  return Object.entries(likelihoods)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([text, likelihood]) => entry(written(text), likelihood))
}

export function ofAnswer(
  { text, likelihoods = {} }: Message,
  written = (text: string) => text,
): LogProbability {
  return entry(written(text), likelihoods[text] ?? 1)
}

export function tokenEntry(
  token: string,
  logprob: number | null,
  bytes: readonly number[] = [...Buffer.from(token)],
): LogProbability {
  return { token, logprob: Math.max(LEAST, logprob ?? LEAST), bytes }
}

function entry(token: string, likelihood: number): LogProbability {
  return tokenEntry(token, likelihood > 0 ? Math.log(likelihood) : LEAST)
}
