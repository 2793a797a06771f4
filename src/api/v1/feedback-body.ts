/**
 * The events of a feedback body: one event, `{"events": […]}` or a list, or NDJSON. Each keeps its own bytes, so that a
 * broken one is refused on its own.
 *
 * A CloudEvent in binary mode has its envelope in headers, which the inbox does not store: it is converted to a
 * structured one.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { CodedError, type Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { attributesIn } from '../../intake/events/cloud-event.ts'
import { checkDepth } from '../../intake/events/json-guard.ts'
import { signatureHeaders, type SignedMessage } from '../../intake/signatures/standard-webhooks.ts'
import type { RawBody } from '../http/bodies.ts'
import type { IncomingFeedback } from '../../serving/services/feedback/feedback-service.ts'
import { eventLoop } from '../../platform/slices.ts'
import { isObject, type JsonObject } from '../../payloads/reading.ts'

interface FeedbackBody {
  readonly events: readonly IncomingFeedback[]
  /** A single event: its error is the error of the request. */
  readonly single: boolean
}

/** `most`: events per body; a body with more is refused whole, before any is checked. */
export async function readFeedbackBody(
  raw: RawBody | undefined,
  headers: IncomingHttpHeaders,
  most: number,
): Promise<FeedbackBody> {
  if (raw === undefined) throw failure('REQUEST_INVALID', 'the request has no body')
  const { events, single } = await eventsIn(raw, headers, most)
  const request = requestOf(headers, raw.bytes, single)
  return { events: request ? events.map((event) => ({ ...event, request })) : events, single }
}

/** The content that a signature in the headers covers. */
function requestOf(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  isOne: boolean,
): SignedMessage | undefined {
  const own = signatureHeaders.map((name) => [name, headers[name]] as const)
  const texts = own.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))
  if (texts.length === 0) return undefined
  return { headers: Object.fromEntries(texts) as SignedMessage['headers'], body, isOne }
}

async function eventsIn(
  { format, bytes }: RawBody,
  headers: IncomingHttpHeaders,
  most: number,
): Promise<FeedbackBody> {
  if (format === 'ndjson') {
    return { events: await eventLoop.run(() => lines(bytes, most)), single: false }
  }
  const body = await eventLoop.run(() => parse(bytes))
  const list = Array.isArray(body) ? body : isObject(body) ? body.events : undefined
  if (Array.isArray(list)) {
    checkCount(list.length, most)
    return { events: await eventLoop.each<Json, IncomingFeedback>(list, serialised), single: false }
  }
  if (list !== undefined) throw failure('REQUEST_INVALID', 'events must be a list')
  const envelope = envelopeIn(headers)
  const event = envelope === undefined ? { bytes } : serialised({ ...envelope, data: body })
  return { events: [event], single: true }
}

function checkCount(events: number, most: number): void {
  if (events <= most) return
  throw failure('TOO_MANY_EVENTS', `the body has more than ${most} events`, { details: { most } })
}

/** One walk over the bytes: a body may be a quarter of a million empty lines. */
function lines(bytes: Uint8Array, most: number): readonly IncomingFeedback[] {
  const found: IncomingFeedback[] = []
  let [start, isBlank] = [0, true]
  for (let at = 0; at <= bytes.length; at += 1) {
    const byte = at === bytes.length ? LINE_FEED : bytes[at]
    if (byte !== LINE_FEED) {
      isBlank &&= byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN
      continue
    }
    if (!isBlank) found.push({ bytes: bytes.subarray(start, at) })
    checkCount(found.length, most)
    start = at + 1
    isBlank = true
  }
  return found
}

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20]

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Far deeper than an event may be. Parsing more takes long and overflows the stack. */
const MOST_DEPTH = 1000

/** Only limits the depth here: each event is checked on its own later. */
function parse(bytes: Uint8Array): Json {
  try {
    const text = utf8.decode(bytes)
    checkDepth(text, MOST_DEPTH)
    return JSON.parse(text) as Json
  } catch (error) {
    if (error instanceof CodedError) throw error
    const why = error instanceof SyntaxError ? error.message : 'it is not valid UTF-8'
    throw failure('BODY_MALFORMED', `the body is not a JSON document: ${why}`, { cause: error })
  }
}

function serialised(event: Json): IncomingFeedback {
  return { bytes: new TextEncoder().encode(JSON.stringify(event)) }
}

/** `ce-id`, `ce-source`, … (CloudEvents 1.0, HTTP binding 3.1). */
function envelopeIn(headers: IncomingHttpHeaders): JsonObject | undefined {
  return headers['ce-specversion'] === undefined ? undefined : attributesIn(headers)
}

/** The types of bodies that v1 reads besides application/json: CloudEvents, and events a line. */
export const CLOUD_EVENT_TYPES = [
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]
export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']
