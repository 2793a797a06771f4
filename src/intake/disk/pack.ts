/** Transfers events and errors between threads. */
import { CodedError } from '../../contracts/core.ts'
import type { IncomingEvent } from '../inbox/inbox.ts'
import { UNKNOWN_SIGNAL } from '../events/signal-digest.ts'
import type { PackedEvents, PlainFault } from './protocol.ts'

export function packEvents(events: readonly IncomingEvent[]): PackedEvents {
  const size = events.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const bytes = new Uint8Array(size)
  let at = 0
  for (const event of events) {
    bytes.set(event.bytes, at)
    at += event.bytes.length
  }
  const rows = events.map(
    ({ source, id, digest = UNKNOWN_SIGNAL, isRepeatable = false, bytes, traceparent }) => ({
      ...{ source, id, digest, isRepeatable },
      size: bytes.length,
      ...(traceparent !== undefined && { traceparent }),
    }),
  )
  return { rows, bytes }
}

export function unpackEvents({ rows, bytes }: PackedEvents): readonly IncomingEvent[] {
  let at = 0
  return rows.map(({ size, ...event }) => {
    const from = at
    at += size
    return { ...event, bytes: bytes.subarray(from, at) }
  })
}

export function plainFault(error: unknown): PlainFault {
  if (error instanceof CodedError) {
    const { code, message, retriable, details } = error
    return { code, message, retriable, details }
  }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

export function errorOf({ code, message, retriable = false, details = {} }: PlainFault): Error {
  if (code === undefined) return new Error(`in the disk thread: ${message}`)
  return new CodedError(code, message, { retriable, details })
}
