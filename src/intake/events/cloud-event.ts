/**
 * Events inside CloudEvents 1.0 (CNCF, 2019): structured, where the event is `data` of a JSON envelope, and binary,
 * where the event is the message and the envelope is in headers `ce_id` (Kafka) or `ce-id` (HTTP).
 *
 * Fields of the event win; the envelope fills in id, source and time, and slice and traceparent (the
 * extension for distributed tracing) from extension attributes.
 */
import type { Json } from '../../contracts/core.ts'
import { identity, slice, time } from './fields.ts'
import { parseJson, type JsonLimits } from './json-guard.ts'
import { plainTraceparent } from '../../platform/tracing/traceparent.ts'
import { given, isObject, type JsonObject, refuse } from '../../payloads/reading.ts'

export interface EventEnvelope {
  readonly event: Json
  /** The event's place in the message. */
  readonly pointer: string
  readonly id: string | undefined
  readonly source: string | undefined
  readonly timeMs: number | undefined
  readonly slice?: string | undefined
  readonly traceparent?: string | undefined
}

export type Headers = Readonly<Record<string, string>>

export function unwrap(message: Json, headers: Headers, limits: JsonLimits): EventEnvelope {
  if (isObject(message) && isEnvelope(message)) {
    const binary = given(message, 'data_base64')
    const event = binary === undefined ? (message.data ?? null) : decode(binary, limits)
    return { event, pointer: '/data', ...readEnvelope(message, '') }
  }
  const attributes = attributesIn(headers)
  if (!isEnvelopeInHeaders(attributes)) {
    return { event: message, pointer: '', id: undefined, source: undefined, timeMs: undefined }
  }
  return { event: message, pointer: '', ...readEnvelope(attributes, '/headers') }
}

/** In structured mode. */
export function isEnvelope(message: JsonObject): boolean {
  const hasData = Object.hasOwn(message, 'data') || Object.hasOwn(message, 'data_base64')
  return Object.hasOwn(message, 'specversion') && hasData
}

/** Id and source are the identity, even if the producer forgot the version. */
function isEnvelopeInHeaders(attributes: JsonObject): boolean {
  const has = (name: string) => Object.hasOwn(attributes, name)
  return has('specversion') || (has('id') && has('source'))
}

function readEnvelope(envelope: JsonObject, pointer: string) {
  const version = given(envelope, 'specversion') ?? '1.0'
  if (typeof version !== 'string' || !version.startsWith('1.')) {
    throw refuse('EVENT_INVALID', `${pointer}/specversion`, 'only CloudEvents 1.x is supported')
  }
  const id = identity(given(envelope, 'id'), `${pointer}/id`)
  const source = identity(given(envelope, 'source'), `${pointer}/source`)
  if (id === undefined) throw refuse('EVENT_INVALID', `${pointer}/id`, 'a CloudEvent needs an id')
  if (source === undefined) {
    throw refuse('EVENT_INVALID', `${pointer}/source`, 'a CloudEvent needs a source')
  }
  return {
    ...{ id, source, timeMs: time(given(envelope, 'time'), `${pointer}/time`) },
    slice: slice(given(envelope, 'slice'), `${pointer}/slice`),
    // One that is malformed is no fault of the event.
    traceparent: plainTraceparent(given(envelope, 'traceparent')),
  }
}

/** `ce_id`, `ce-id`, in any case. Over HTTP their values are percent-encoded. Other headers are left out. */
export function attributesIn(headers: Readonly<Record<string, unknown>>): JsonObject {
  const attributes: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const match = /^ce([-_])([a-z0-9]{1,20})$/i.exec(name)
    if (match?.[2] === undefined || typeof value !== 'string') continue
    attributes[match[2].toLowerCase()] = match[1] === '-' ? percentDecoded(value) : value
  }
  return attributes
}

function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function decode(binary: Json, limits: JsonLimits): Json {
  if (typeof binary !== 'string') throw refuse('EVENT_INVALID', '/data_base64', 'a string')
  return parseJson(Buffer.from(binary, 'base64'), limits)
}
