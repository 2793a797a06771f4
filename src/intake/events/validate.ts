/**
 * Converts one message of a stream to one event, or to a coded error with the place. Never throws anything else,
 * whatever the bytes.
 *
 * Unknown keys are ignored and counted: streams carry fields for other readers, and a Kafka topic must not stop because
 * its producer added one.
 */
import { CodedError, type Json } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent, type FeedbackSignal } from '../../contracts/event.ts'
import {
  isOf,
  type InputKind,
  type PayloadLimits,
  type SignalKind,
} from '../../contracts/payload.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { withDetails } from '../../platform/errors.ts'
import { usualSignals } from '../../payloads/built-in.ts'
import type { Limits } from '../../platform/limits.ts'
import { plainTraceparent } from '../../platform/tracing/traceparent.ts'
import { unwrap, type Headers, type EventEnvelope } from './cloud-event.ts'
import { identity, slice, time, weight, readInput } from './fields.ts'
import { checkBytes, parseJson, type JsonLimits } from './json-guard.ts'
import { kindOf, readSignal, RETRACT, wordsOf } from './signal.ts'
import { given, isObject, type JsonObject, below, refuse, roomFor } from '../../payloads/reading.ts'

export type EventLimits = Pick<Limits, 'event_bytes' | 'json_depth'> & PayloadLimits

export interface EventContext {
  /** The event's source when it names none: the connector's name. */
  readonly source: string
  /** The model that it was addressed to. Leave it out if one topic feeds several, and check `event.model`. */
  readonly model?: string
  /** What the model's base reads; absent = any usual kind. */
  readonly reads?: readonly InputKind[]
  /** The kinds of feedback that its task learns from; absent = a label or a rating. */
  readonly signals?: readonly SignalKind[]
  readonly headers?: Headers
  /** The id of the message, where the event names none; a retraction does not name itself. */
  readonly id?: string | undefined
  /** When the transport received it. */
  readonly timeMs?: number
  /** Called for each unknown key of the event. */
  readonly onUnknownKey?: (key: string) => void
}

export function parseEvent(
  bytes: Uint8Array,
  limits: EventLimits,
  context: EventContext,
): FeedbackEvent {
  const event = readEvent(parseJson(bytes, eventSize(limits, context.reads)), limits, context)
  // Only a large input makes an event large.
  if (bytes.byteLength > limits.event_bytes) {
    const kind = context.reads?.find((each) => event.input && isOf(event.input, each))
    checkBytes(bytes, eventSize(limits, kind && [kind]))
  }
  return event
}

/** How large an event may be for a base that reads these kinds. */
export function eventSize(limits: EventLimits, reads: readonly InputKind[] = []): JsonLimits {
  return { bytes: limits.event_bytes + roomFor(reads, limits), depth: limits.json_depth }
}

function readEvent(message: Json, limits: EventLimits, context: EventContext): FeedbackEvent {
  const envelope = unwrap(message, context.headers ?? {}, eventSize(limits, context.reads))
  const { event, pointer } = envelope
  if (!isObject(event)) throw noObject(event, pointer)
  tellUnknown(event, context)
  const model = readModel(event, pointer, context.model)
  try {
    return readFields(event, { envelope, limits, context, model })
  } catch (error) {
    throw addressed(error, model)
  }
}

function noObject(event: Json, pointer: string): CodedError {
  const fix = Array.isArray(event)
    ? 'write one object per line, or send the list as { "events": [...] } in one body'
    : undefined
  return refuse('EVENT_MALFORMED', pointer, 'an event is a JSON object', fix)
}

interface ReadContext {
  readonly envelope: EventEnvelope
  readonly limits: EventLimits
  readonly context: EventContext
  readonly model: string | undefined
}

/** Field by field: spreading the parts takes as long as reading them. */
function readFields(event: JsonObject, reading: ReadContext): FeedbackEvent {
  const { envelope, limits, context, model } = reading
  const { pointer } = envelope
  const field = <Read>(name: string, reader: (value: Json | undefined, at: string) => Read) =>
    reader(given(event, name), below(pointer, name))
  const named = field('id', identity) ?? envelope.id
  const source = field('source', identity) ?? envelope.source ?? context.source
  const timeMs = field('time', time) ?? envelope.timeMs ?? context.timeMs
  const input = field('input', (value, at) =>
    value === undefined ? undefined : readInput(value, limits, at, context.reads),
  )
  const predictionId = field('prediction_id', identity)
  const signal = withScope(readSignal(event, limits, pointer, context.signals), event, envelope)
  const id = named ?? (isRetraction(signal) ? undefined : context.id) ?? contentId(event)
  const read: Writable<FeedbackEvent> = { id, source, signal, weight: field('weight', weight) }
  if (timeMs !== undefined) read.timeMs = timeMs
  if (model !== undefined) read.model = model
  if (input !== undefined) read.input = input
  if (predictionId !== undefined) read.predictionId = predictionId
  const part = field('slice', slice) ?? envelope.slice
  if (part !== undefined) read.slice = part
  // The header is of the last hop.
  const traceparent = plainTraceparent(context.headers?.traceparent) ?? envelope.traceparent
  if (traceparent !== undefined) read.traceparent = traceparent
  checkSubject(read, event, pointer, context)
  return read
}

type Writable<Read> = { -readonly [Key in keyof Read]: Read[Key] }

/** On a topic that feeds several models, only one of them keeps the dead letter. */
function addressed(error: unknown, model: string | undefined): unknown {
  if (!(error instanceof CodedError) || model === undefined) return error
  return withDetails(error, { model })
}

const OF_CONTENT = 'sha256:'

/**
 * An event without an id is identified by its content: the same content again is the same event. A rating is identified by
 * the answer that it judges, and a reward by the item of that answer: thumbs down after thumbs up takes its place.
 */
export function contentId(event: JsonObject): string {
  const content = Object.entries(event).filter(([key]) => key !== 'id')
  return `${OF_CONTENT}${digestOf(judgedBy(event) ?? Object.fromEntries(content))}`
}

function judgedBy({ prediction_id: about, rating, reward, item }: JsonObject): Json | undefined {
  if (typeof about !== 'string') return undefined
  if (rating !== undefined) return { rating_of: about }
  return reward === undefined ? undefined : { reward_of: about, item: item ?? null }
}

/** Whether the event named none, so that its sender does not know it. */
export function isContentId(id: string): boolean {
  return id.startsWith(OF_CONTENT)
}

function readModel(event: JsonObject, pointer: string, addressed: string | undefined) {
  const model = identity(given(event, 'model'), below(pointer, 'model'))
  if (model !== undefined && addressed !== undefined && model !== addressed) {
    throw refuse('EVENT_WRONG_MODEL', below(pointer, 'model'), `this is ${addressed}`)
  }
  return model
}

/** A retraction refers to a prediction, or to the event with its id. */
function checkSubject(
  { signal, predictionId, input }: FeedbackEvent,
  event: JsonObject,
  pointer: string,
  { signals = usualSignals }: EventContext,
): void {
  if (predictionId !== undefined) return
  if (isRetraction(signal)) {
    if (signal.all !== undefined || given(event, 'id') !== undefined) return
    const fix = 'name the event by its id or prediction_id, or all events of a source by source'
    throw refuse('EVENT_INVALID', below(pointer, RETRACT), 'it says nothing to retract', fix)
  }
  const kind = kindOf(signal, signals)
  if (kind?.about === 'answer') {
    const [word = kind.name] = kind.words
    const why = `${kind.name} is about an answer, and no prediction_id names one`
    throw refuse('RATING_NEEDS_PREDICTION', below(pointer, word), why)
  }
  if (input === undefined) throw refuse('EVENT_INVALID', pointer, 'neither input nor prediction_id')
}

/**
 * The meaning of a retraction: without a source, that id from any source; without an id, everything from its source.
 */
function withScope(
  signal: FeedbackSignal,
  event: JsonObject,
  { id, source, pointer }: EventEnvelope,
): FeedbackSignal {
  if (!isRetraction(signal)) return signal
  const isNamed = (given(event, 'source') ?? source) !== undefined
  const isOne = (given(event, 'id') ?? id ?? given(event, 'prediction_id')) !== undefined
  if (!isNamed) return { ...signal, anySource: true }
  if (isOne) return signal
  const sinceMs = time(given(event, 'since'), below(pointer, 'since'))
  return { ...signal, all: sinceMs === undefined ? {} : { sinceMs } }
}

const knownKeys: ReadonlySet<string> = new Set([
  ...['id', 'source', 'model', 'time', 'input', 'prediction_id', 'since', 'weight', 'slice'],
  ...wordsOf(),
])

function tellUnknown(event: JsonObject, context: EventContext): void {
  if (context.onUnknownKey === undefined) return
  const words = wordsOf(context.signals)
  const also = context.signals?.flatMap((kind) => kind.also ?? []) ?? []
  for (const key of Object.keys(event))
    if (!knownKeys.has(key) && !words.includes(key) && !also.includes(key))
      context.onUnknownKey(key)
}
