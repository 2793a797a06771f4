/**
 * Converts a dead letter to a message to send again. Data from outside the value is merged into it: the envelope of a
 * CloudEvent in binary mode, and the source, which is part of the event's identity.
 */
import type { Json } from '../../contracts/core.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import { attributesIn } from '../events/cloud-event.ts'
import { isObject, type JsonObject } from '../../payloads/reading.ts'

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

function envelopeIn(headers: NonNullable<DeadLetter['headers']>): JsonObject | undefined {
  const envelope = attributesIn(headers)
  return envelope.id !== undefined && envelope.source !== undefined ? envelope : undefined
}
