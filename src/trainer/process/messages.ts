/** The messages between the server and a trainer process, over Node's channel between parent and child. Plain JSON. */
import type { Json } from '../../contracts/core.ts'
import type { TrainerStatus } from '../contract.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import type { ForgetForecast } from '../forgetting/forecast.ts'
import type { ForgetRequest, Routing } from '../../versions/contract.ts'

/** `start` is the first message, and comes once. */
export type ToTrainer =
  | {
      readonly kind: 'start'
      readonly program: string
      readonly config: Json
      /** Models of the config that are not trained: they have ended the process too often. */
      readonly without: readonly string[]
    }
  /** There may be new feedback, or the live pointer moved. */
  | { readonly kind: 'wake'; readonly model: string }
  /** The config of `start` as it is now: what needs no restart is taken over. */
  | { readonly kind: 'reload'; readonly config: Json }
  /** Asks what a request to forget would do; the answer has the same number. */
  | {
      readonly kind: 'forecast'
      readonly number: number
      readonly model: string
      readonly asked: ForgetRequest
    }
  | { readonly kind: 'stop' }

export type FromTrainer =
  | { readonly kind: 'status'; readonly status: TrainerStatus }
  | { readonly kind: 'pointer'; readonly model: string; readonly pointer: Routing }
  /** The version will be live in a moment. */
  | { readonly kind: 'coming'; readonly model: string; readonly version: string }
  /** The server sends it on: a daemon has one exporter. */
  | { readonly kind: 'span'; readonly span: Span }
  | {
      readonly kind: 'forecast'
      readonly number: number
      readonly forecast?: ForgetForecast
      readonly fault?: { readonly code: string; readonly message: string }
    }
  /** The process ends now, and why; `model` if it was the trainer of one. */
  | {
      readonly kind: 'fatal'
      readonly code: string
      readonly message: string
      readonly model?: string
    }
