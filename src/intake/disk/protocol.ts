/**
 * The messages between the server and its disk thread. Every request is answered; appends that wait together share a
 * commit.
 */
import type { CodedError } from '../../contracts/core.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import type { DeadLetterLimits } from '../dead-letters/dead-letters.ts'
import type { PredictionRow } from '../predictions/table.ts'

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
export interface PackedEvents {
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
export interface PlainFault {
  readonly code?: string
  readonly message: string
  readonly retriable?: boolean
  readonly details?: CodedError['details']
}
