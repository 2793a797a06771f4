/**
 * Converts a dead letter to a message to send again. Data from outside the value is merged into it: the envelope of a
 * CloudEvent in binary mode, and the source, which is part of the event's identity.
 */
import type { Json } from '../../contracts/core.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import { isObject } from '../events/fields.ts'

export function messageOf({ value, headers = {}, connector }: DeadLetter): Uint8Array {
  const event = parsed(value)
  if (!isObject(event)) return value
  const envelope = envelopeIn(headers)
  if (envelope !== undefined) return bytesOf({ specversion: '1.0', ...envelope, data: event })
  const isEnvelope = Object.hasOwn(event, 'specversion')
  return isEnvelope || event.source !== undefined ? value : bytesOf({ source: connector, ...event })
}

function parsed(value: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value)) as Json
  } catch {
    return undefined
  }
}

function bytesOf(event: Json): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(event))
}

/** `ce_id` (Kafka) or `ce-id` (HTTP). */
function envelopeIn(headers: NonNullable<DeadLetter['headers']>) {
  const attributes = Object.entries(headers).flatMap(([name, value]) => {
    const attribute = /^ce[-_]([a-z0-9]{1,20})$/i.exec(name)?.[1]
    return attribute !== undefined && typeof value === 'string'
      ? [[attribute.toLowerCase(), value] as const]
      : []
  })
  const envelope = Object.fromEntries(attributes) as Readonly<Record<string, Json>>
  return envelope.id !== undefined && envelope.source !== undefined ? envelope : undefined
}
