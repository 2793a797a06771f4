/** The messages between a pool and its worker threads. Every request is answered, in order, except the last one, `end`. */
import type { Feeds } from './session.ts'
import type { OnnxModel } from '../record.ts'
import type { DecodeRun } from './decoding/decode-run.ts'

export type OrtRequest =
  | {
      readonly kind: 'session'
      readonly session: string
      readonly model: OnnxModel
      readonly threads: number
    }
  /** Keeps an adapter's tensors in the worker, so that runs name it instead of sending it. */
  | ({ readonly kind: 'hold'; readonly key: string } & AdapterTensors)
  | { readonly kind: 'drop'; readonly key: string }
  | ({ readonly kind: 'run' } & OrtRun)
  /** A step of texts that are continued. */
  | ({ readonly kind: 'decode' } & DecodeRun)
  /** These texts have ended: release their caches. */
  | { readonly kind: 'forget'; readonly sequences: readonly number[] }
  /** After all that was sent before it, the thread ends by itself. */
  | { readonly kind: 'end' }

export interface AdapterTensors {
  readonly tensors: Feeds
  /** It shares no run with another, and so no stack. */
  readonly alone?: boolean
}

export interface OrtRun {
  readonly session: string
  readonly feeds: Feeds
  /** The adapters of the run, all held; the feed `row_adapter` names one for each row, by its place in this list. */
  readonly held?: readonly string[]
}

export interface OrtCall {
  readonly call: number
  readonly request: OrtRequest
}

export type OrtReply =
  | { readonly call: number; readonly outputs: Feeds }
  | { readonly call: number; readonly error: string }
