/**
 * One message of a stream → one event, or a coded error that names the place. Nothing else is ever thrown, whatever
 * the bytes.
 *
 * Keys that are not known are ignored and counted: streams carry fields of other readers, and a Kafka topic must not
 * stop because its producer added one.
 */
import { CodedError, type FeedbackEvent, type Input, type Json } from '../contracts.ts'
import { digestOf } from '../runtime/canonical-json.ts'
import type { Limits } from '../runtime/limits.ts'
import { unwrap, type Headers, type Unwrapped } from './cloud-event.ts'
import { given, identity, isObject, time, weight, type JsonObject } from './fields.ts'
import { readInput, type InputLimits } from './input.ts'
import { parseJson } from './json-guard.ts'
import { readLesson } from './lesson.ts'
import { below, refuse } from './refuse.ts'

export type EventLimits = InputLimits & Pick<Limits, 'event_bytes' | 'json_depth'>

export interface EventContext {
  /** The event's source when it names none: the connector's name. */
  readonly source: string
  /** The model that it was addressed to. Leave it out where one topic feeds several, and look at `event.model`. */
  readonly model?: string
  /** What the base of the model reads. */
  readonly inputKind?: Input['kind']
  readonly headers?: Headers
  /** When the transport took it. */
  readonly timeMs?: number
  /** Called for each key of the event that nobody reads. */
  readonly onUnknownKey?: (key: string) => void
}

export function parseEvent(
  bytes: Uint8Array,
  limits: EventLimits,
  context: EventContext,
): FeedbackEvent {
  const size = { bytes: limits.event_bytes, depth: limits.json_depth }
  return readEvent(parseJson(bytes, size), limits, context)
}

function readEvent(message: Json, limits: EventLimits, context: EventContext): FeedbackEvent {
  const size = { bytes: limits.event_bytes, depth: limits.json_depth }
  const envelope = unwrap(message, context.headers ?? {}, size)
  const { event, pointer } = envelope
  if (!isObject(event)) throw refuse('EVENT_MALFORMED', pointer, 'an event is a JSON object')
  tellUnknown(event, context)
  const model = readModel(event, pointer, context.model)
  try {
    const read = {
      ...readIdentity(event, envelope, context),
      ...model,
      ...readSubject(event, limits, pointer, context.inputKind),
      lesson: readLesson(event, limits, pointer),
      weight: weight(given(event, 'weight'), below(pointer, 'weight')),
    }
    checkSubject(read, event, pointer)
    return read
  } catch (error) {
    throw addressed(error, model)
  }
}

/** Whose refusal it is: on a topic that feeds several models, one of them keeps the dead letter. */
function addressed(error: unknown, model: { readonly model?: string }): unknown {
  if (!(error instanceof CodedError) || model.model === undefined) return error
  const { code, message, retriable, details, cause } = error
  return new CodedError(code, message, { retriable, cause, details: { ...details, ...model } })
}

/** An event that names no id is known by its content: the same words again are the same event. */
function readIdentity(event: JsonObject, envelope: Unwrapped, context: EventContext) {
  const { pointer } = envelope
  const own = identity(given(event, 'id'), below(pointer, 'id'))
  const source = identity(given(event, 'source'), below(pointer, 'source'))
  const sentMs = time(given(event, 'time'), below(pointer, 'time'))
  const timeMs = sentMs ?? envelope.timeMs ?? context.timeMs
  return {
    id: own ?? envelope.id ?? contentId(event),
    source: source ?? envelope.source ?? context.source,
    ...(timeMs !== undefined && { timeMs }),
  }
}

function contentId(event: JsonObject): string {
  const content = Object.entries(event).filter(([key]) => key !== 'id')
  return `sha256:${digestOf(Object.fromEntries(content))}`
}

function readModel(event: JsonObject, pointer: string, addressed: string | undefined) {
  const model = identity(given(event, 'model'), below(pointer, 'model'))
  if (model === undefined) return {}
  if (addressed !== undefined && model !== addressed) {
    throw refuse('EVENT_WRONG_MODEL', below(pointer, 'model'), `this is ${addressed}`)
  }
  return { model }
}

/** What the lesson is about: an input, a prediction that was served, or both. */
function readSubject(
  event: JsonObject,
  limits: EventLimits,
  pointer: string,
  kind: Input['kind'] | undefined,
) {
  const input = given(event, 'input')
  const predictionId = identity(given(event, 'prediction_id'), below(pointer, 'prediction_id'))
  return {
    ...(input !== undefined && { input: readInput(input, limits, below(pointer, 'input'), kind) }),
    ...(predictionId !== undefined && { predictionId }),
  }
}

/** A retraction speaks of a prediction, or of the event whose id it carries. */
function checkSubject(read: FeedbackEvent, event: JsonObject, pointer: string): void {
  if (read.predictionId !== undefined) return
  const { kind } = read.lesson
  if (kind === 'rating') {
    throw refuse('RATING_NEEDS_PREDICTION', below(pointer, 'rating'), 'a rating of which answer?')
  }
  if (kind === 'label' && read.input === undefined) {
    throw refuse('EVENT_INVALID', pointer, 'neither input nor prediction_id')
  }
  if (kind === 'retract' && given(event, 'id') === undefined) {
    throw refuse('EVENT_INVALID', below(pointer, 'retract'), 'neither id nor prediction_id')
  }
}

const knownKeys: ReadonlySet<string> = new Set([
  ...['id', 'source', 'model', 'time', 'input', 'prediction_id'],
  ...['label', 'correction', 'rating', 'retract', 'weight'],
])

function tellUnknown(event: JsonObject, context: EventContext): void {
  if (context.onUnknownKey === undefined) return
  for (const key of Object.keys(event)) if (!knownKeys.has(key)) context.onUnknownKey(key)
}
