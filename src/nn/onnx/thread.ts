/** One worker thread with its calls in flight. When the thread ends, for whatever reason, every call fails with ThreadGone. */
import { Worker } from 'node:worker_threads'
import { entryUrl } from '../../platform/entry.ts'
import { failure } from '../../platform/errors.ts'
import { PendingCalls } from '../../platform/pending-calls.ts'
import type { OnnxModel } from '../record.ts'
import type { Feeds } from './session.ts'
import type { DecodeRun, EndedTexts, PrefixReuse } from './decoding/decode-run.ts'
import type { TokenTable } from '../structured/token-masks.ts'

/** The thread died before it answered: the same call may succeed on another. */
export class ThreadGone extends Error {}

export class OrtThread {
  readonly worker = new Worker(entryUrl('src/nn/onnx/worker.ts'))
  readonly #calls = new PendingCalls<Feeds>()
  readonly #gone: Promise<void>
  #answered = false
  #fault: Error | undefined

  /** `onGone` is called once, after the calls in flight have failed. */
  constructor(onGone: (fault: Error) => void) {
    this.worker.on('message', (reply: OrtReply) => {
      this.#answered = true
      if ('outputs' in reply) this.#calls.answer(reply.call, reply.outputs)
      else this.#calls.refuse(reply.call, failure('ENGINE_FAILED', `ONNX Runtime: ${reply.error}`))
    })
    this.worker.on('error', (fault: Error) => (this.#fault = fault))
    this.#gone = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        const fault = this.#fault ?? new Error(`the thread ended with code ${code}`)
        this.#calls.refuseAll(new ThreadGone(fault.message, { cause: fault }))
        onGone(fault)
        resolve()
      })
    })
  }

  /** Calls that are not answered yet. */
  get load(): number {
    return this.#calls.size
  }

  /** Whether it ever answered: one that never did would die again at once. */
  get proven(): boolean {
    return this.#answered
  }

  call(request: OrtRequest): Promise<Feeds> {
    return this.#calls.call((call) => this.#send({ call, request }))
  }

  /** After all that it was sent. Not `terminate()`: a thread that is stopped inside the runtime aborts the whole process. */
  async end(): Promise<void> {
    this.#send({ call: 0, request: { kind: 'end' } })
    await this.#gone
  }

  #send(message: OrtCall): void {
    this.worker.postMessage(message)
  }
}

/**
 * The messages between a pool and its worker threads. Every request is answered, in order, except the last one, `end`.
 */
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
  /** Before the first text that a schema bounds. */
  | { readonly kind: 'tokens'; readonly table: TokenTable }
  | SequenceRequest
  /** After all that was sent before it, the thread ends by itself. */
  | { readonly kind: 'end' }

export type SequenceRequest =
  /** A step of texts that are continued. */
  | ({ readonly kind: 'decode' } & DecodeRun)
  | ({ readonly kind: 'reuse' } & PrefixReuse)
  /** Release the caches of texts. */
  | ({ readonly kind: 'forget' } & EndedTexts)

export interface AdapterTensors {
  readonly tensors: Feeds
  /** It shares no run with another, and so no stack. */
  readonly alone?: boolean
}

export interface OrtRun {
  readonly session: string
  readonly feeds: Feeds
  /** Those that are copied out of the runtime; absent = all. */
  readonly outputs?: readonly string[]
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
