/**
 * Signatures as in Standard Webhooks 1.0 (2023): an HMAC with SHA-256 over id, time and body, in three headers.
 *
 *   webhook-id: msg_2Kx…      webhook-timestamp: 1714000000      webhook-signature: v1,<base64> v1,<base64>
 *   signature = base64(HMAC-SHA256(secret, `${id}.${timestamp}.${body}`))
 *
 * A secret is `whsec_` and base64, or any other text; then the bytes of the text are the key.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface SignedMessage {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  /** The body is one event. */
  readonly isOne?: boolean
}

export interface SignatureRules {
  /** Any of them is right: the present one, and the one before it while senders change. */
  readonly secrets: readonly string[]
  /** How far the signed time may be from the time of receipt. */
  readonly toleranceMs: number
}

export const signatureHeaders = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const

/** Why it is not signed; undefined: it is. Without `receivedMs` the time of the signature is not checked. */
export function faultOf(
  { headers, body }: SignedMessage,
  { secrets, toleranceMs }: SignatureRules,
  receivedMs: number | undefined,
): string | undefined {
  const [id, timestamp, signatures] = signatureHeaders.map((name) => headers[name])
  if (id === undefined || timestamp === undefined || signatures === undefined)
    return `it has no ${signatureHeaders.filter((name) => headers[name] === undefined).join(', ')}`
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is not a number of seconds'
  const ageMs = receivedMs === undefined ? 0 : receivedMs - 1000 * Number(timestamp)
  if (Math.abs(ageMs) > toleranceMs) {
    const order = ageMs > 0 ? 'before' : 'after'
    const away = `${Math.round(Math.abs(ageMs) / 1000)} s ${order} its receipt`
    return `it was signed ${away}, and ${toleranceMs / 1000} s are allowed`
  }
  const given = signatures
    .split(' ')
    .flatMap((each) => (each.startsWith('v1,') ? each.slice(3) : []))
  const wanted = secrets.map((secret) => signatureOf(secret, { id, timestamp, body }))
  const isRight = wanted.some((one) =>
    given.slice(0, MOST_SIGNATURES).some((other) => isEqual(one, other)),
  )
  return isRight ? undefined : 'no signature matches'
}

/** A sender signs with one or two keys. */
const MOST_SIGNATURES = 8

export function signatureOf(
  secret: string,
  {
    id,
    timestamp,
    body,
  }: { readonly id: string; readonly timestamp: string; readonly body: Uint8Array },
): Buffer {
  const key = secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret)
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
}

const PREFIX = 'whsec_'

/** In constant time. */
function isEqual(wanted: Buffer, given: string): boolean {
  const bytes = Buffer.from(given, 'base64')
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
}
