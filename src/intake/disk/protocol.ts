/**
 * The messages between the server and its disk thread. Every request is answered; appends that wait together share a
 * commit.
 */
import { CodedError } from '../../contracts/core.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import type { DeadLetterLimits } from '../dead-letters/dead-letters.ts'
import type { PredictionRow } from '../predictions/table.ts'
import type { IncomingEvent } from '../inbox/inbox.ts'
import { UNKNOWN_SIGNAL } from '../events/event-key.ts'

export interface InboxBounds {
  readonly unreadEvents: number
  readonly bytes?: number
  readonly seenEvents: number
  readonly retentionMs: number
}

export interface PredictionBounds {
  readonly count: number
  readonly bytes?: number
  readonly retentionMs: number
}

/** A file is opened once, under its path, and again by a replacement thread. */
export type OpenRequest =
  | { readonly kind: 'open-inbox'; readonly path: string; readonly bounds: InboxBounds }
  | { readonly kind: 'open-predictions'; readonly path: string; readonly bounds: PredictionBounds }
  | { readonly kind: 'open-letters'; readonly path: string; readonly bounds: DeadLetterLimits }

export type WriteRequest =
  | {
      readonly kind: 'append'
      readonly path: string
      readonly events: PackedEvents
      readonly undone: number
    }
  | { readonly kind: 'consumed'; readonly path: string; readonly offset: number }
  | { readonly kind: 'refuse'; readonly path: string; readonly hashes: readonly Uint8Array[] }
  | {
      readonly kind: 'predictions'
      readonly path: string
      readonly rows: readonly PredictionRow[]
    }
  | { readonly kind: 'letters'; readonly path: string; readonly letters: readonly DeadLetter[] }
  | { readonly kind: 'drop'; readonly path: string; readonly numbers: readonly number[] }
  | {
      readonly kind: 'sent'
      readonly path: string
      readonly number: number
      readonly letters: number
    }

export type DiskRequest = OpenRequest | WriteRequest | { readonly kind: 'end' }

/** The bytes of all events concatenated, so that they are transferred without a copy. */
interface PackedEvents {
  readonly rows: readonly {
    readonly source: string
    readonly id: string
    readonly digest: number
    readonly isRepeatable: boolean
    readonly size: number
    readonly traceparent?: string
  }[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface DiskCall {
  readonly call: number
  readonly request: DiskRequest
}

export type DiskReply =
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly fault: PlainFault }

/** An error on its way between threads, which lose classes. `code` is absent for a bug of ours. */
interface PlainFault {
  readonly code?: string
  readonly message: string
  readonly retriable?: boolean
  readonly details?: CodedError['details']
}

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
