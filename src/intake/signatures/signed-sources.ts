/**
 * Sources that must sign their events: an event that names one of them, and is not signed with its secret, is refused.
 *
 * The signature is in the headers of the message, over the message. Where a transport has no headers, such as a line of a
 * file, or where one body carries many events, the event is text inside an object that has them as fields:
 *
 *   { "webhook-id": "…", "webhook-timestamp": "…", "webhook-signature": "v1,…", "body": "{\"id\":…}" }
 */
import { isRetraction } from '../../contracts/event.ts'
import type { Json } from '../../contracts/core.ts'
import type { FeedbackEvent } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import { parseJson, type JsonLimits } from '../events/json-guard.ts'
import { isContentId } from '../events/validate.ts'
import {
  faultOf,
  signatureHeaders,
  type SignedMessage,
  type SignatureRules,
} from './standard-webhooks.ts'
import { isObject } from '../../payloads/reading.ts'

/** The rules of each source; never empty. */
export type SignedSources = ReadonlyMap<string, SignatureRules>

/** The event of a message, and the content that its signature covers. */
export interface OpenedMessage {
  readonly bytes: Uint8Array
  readonly signed: SignedMessage
}

/** Only where some source must be signed: elsewhere such an object is an event like any other. */
export function openMessage(
  bytes: Uint8Array,
  headers: SignedMessage['headers'],
  limits: JsonLimits,
): OpenedMessage {
  const plain = { bytes, signed: { headers, body: bytes } }
  if (!includesName(bytes)) return plain
  const message = parseJson(bytes, limits)
  if (!isObject(message) || typeof message.body !== 'string') return plain
  const own = Object.fromEntries(signatureHeaders.map((name) => [name, textOf(message[name])]))
  if (own['webhook-signature'] === undefined) return plain
  const body = new TextEncoder().encode(message.body)
  return { bytes: body, signed: { headers: own, body } }
}

/**
 * The event with nothing but what the signature covers: the headers of a CloudEvent are not, so that of these only the source counts,
 * which has the secret. Its id is in the body, or else `webhook-id`. `parse` reads the body with these two. Throws `SIGNATURE_INVALID`.
 */
export function coveredEvent(
  event: FeedbackEvent,
  { headers }: Pick<SignedMessage, 'headers'>,
  parse: (own: { readonly source: string; readonly id: string | undefined }) => FeedbackEvent,
): FeedbackEvent {
  const { source } = event
  const covered = parse({ source, id: headers['webhook-id'] })
  // What a retraction takes back may depend on its source, which is in the headers.
  if (covered.id === event.id || isContentId(event.id))
    return isRetraction(event.signal) ? { ...covered, signal: event.signal } : covered
  const why = 'the id in the headers of its CloudEvent is not covered by it'
  throw failure('SIGNATURE_INVALID', `events of ${source} need a valid signature: ${why}`, {
    fix: 'name the event by the id in its body, or give it the same webhook-id',
  })
}

/** A body may carry a thousand events of one source: its hash is computed once. */
const faults = new WeakMap<SignedMessage, Map<string, string | undefined>>()

/** Throws `SIGNATURE_INVALID`. `receivedMs`: when the transport took it, where it says so. */
export function checkSignature(
  { source }: Pick<FeedbackEvent, 'source'>,
  signed: SignedMessage,
  sources: SignedSources,
  receivedMs: number | undefined,
): void {
  const rules = sources.get(source)
  if (rules === undefined) return
  const known = faults.get(signed) ?? new Map<string, string | undefined>()
  if (!known.has(source)) known.set(source, faultOf(signed, rules, receivedMs))
  faults.set(signed, known)
  const fault = known.get(source)
  if (fault !== undefined)
    throw failure('SIGNATURE_INVALID', `events of ${source} need a valid signature: ${fault}`)
}

function includesName(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(
    '"webhook-signature"',
  )
}

function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' ? value : undefined
}
