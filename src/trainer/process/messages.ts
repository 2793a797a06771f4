/** The messages between the server and a trainer process, over Node's channel between parent and child. Plain JSON. */
import { type Json, CodedError, settles, type Clock } from '../../contracts/core.ts'
import type { TrainerCalls, TrainerStatus } from '../contract.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import type { Routing } from '../../versions/contract.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import { PendingCalls } from '../../platform/pending-calls.ts'

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
  /** The answer has the same number. */
  | ({
      readonly kind: 'question'
      readonly number: number
      readonly model: string
    } & LoopQuestion)
  | { readonly kind: 'stop' }

export type FromTrainer =
  | { readonly kind: 'status'; readonly status: TrainerStatus }
  | { readonly kind: 'pointer'; readonly model: string; readonly pointer: Routing }
  /** The version will be live in a moment. */
  | { readonly kind: 'coming'; readonly model: string; readonly version: string }
  /** The server sends it on: a daemon has one exporter. */
  | { readonly kind: 'span'; readonly span: Span }
  | {
      readonly kind: 'answer'
      readonly number: number
      readonly found?: unknown
      readonly fault?: {
        readonly code: string
        readonly message: string
        readonly details: Readonly<Record<string, Json>>
      }
    }
  /** The process ends now, and why; `model` if it was the trainer of one. */
  | {
      readonly kind: 'fatal'
      readonly code: string
      readonly message: string
      readonly model?: string
    }

type Answer = Extract<FromTrainer, { readonly kind: 'answer' }>

/** One call of `TrainerCalls`. */
export interface LoopQuestion {
  readonly call: keyof TrainerCalls
  readonly asked: unknown
}

/** Longer than most updates; the trainer answers between them. */
const DEADLINE_MS = 30_000

/** Questions of the server to a trainer process, each with a number and a deadline. */
export class TrainerQuestions {
  readonly #clock: Clock
  readonly #say: (message: ToTrainer) => void
  readonly #calls = new PendingCalls<unknown>()

  constructor(clock: Clock, say: (message: ToTrainer) => void) {
    this.#clock = clock
    this.#say = say
  }

  async ask(model: string, question: LoopQuestion): Promise<unknown> {
    let call = 0
    const answer = this.#calls.call((number) => {
      call = number
      this.#say({ kind: 'question', number, model, ...question })
    })
    if (!(await settles(answer, DEADLINE_MS, this.#clock))) {
      const why = `the trainer of ${model} has not answered for ${DEADLINE_MS / 1000} s`
      this.#calls.refuse(call, failure('TRAINER_BUSY', why))
    }
    return answer
  }

  /** An answer after the deadline is dropped. */
  answered({ number, found, fault }: Answer): void {
    if (fault === undefined) {
      this.#calls.answer(number, found)
      return
    }
    const { code, message, details } = fault
    const retriable = entryOf(code).retriable === true
    this.#calls.refuse(number, new CodedError(code, message, { retriable, details }))
  }
}
