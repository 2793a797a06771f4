/** One worker thread with its calls in flight. When the thread ends, for whatever reason, every call fails with ThreadGone. */
import { Worker } from 'node:worker_threads'
import { entryUrl } from '../../platform/entry.ts'
import { failure } from '../../platform/errors.ts'
import type { Feeds } from './session.ts'
import type { OrtCall, OrtReply, OrtRequest } from './protocol.ts'

/** The thread died before it answered: the same call may succeed on another. */
export class ThreadGone extends Error {}

interface WaitingRun {
  readonly resolve: (outputs: Feeds) => void
  readonly reject: (error: Error) => void
}

export class OrtThread {
  readonly worker = new Worker(entryUrl('./worker.ts', import.meta.url))
  readonly #waiting = new Map<number, WaitingRun>()
  readonly #gone: Promise<void>
  #calls = 0
  #answered = false
  #fault: Error | undefined

  /** `onGone` is called once, after the calls in flight have failed. */
  constructor(onGone: (fault: Error) => void) {
    this.worker.on('message', (reply: OrtReply) => this.#settle(reply))
    this.worker.on('error', (fault: Error) => (this.#fault = fault))
    this.#gone = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        const fault = this.#fault ?? new Error(`the thread ended with code ${code}`)
        for (const { reject } of this.#waiting.values())
          reject(new ThreadGone(fault.message, { cause: fault }))
        this.#waiting.clear()
        onGone(fault)
        resolve()
      })
    })
  }

  /** Calls that are not answered yet. */
  get load(): number {
    return this.#waiting.size
  }

  /** Whether it ever answered: one that never did would die again at once. */
  get proven(): boolean {
    return this.#answered
  }

  call(request: OrtRequest): Promise<Feeds> {
    const call = (this.#calls += 1)
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#send({ call, request })
    })
  }

  /** After all that it was sent. Not `terminate()`: a thread that is stopped inside the runtime aborts the whole process. */
  async end(): Promise<void> {
    this.#send({ call: 0, request: { kind: 'end' } })
    await this.#gone
  }

  #send(message: OrtCall): void {
    this.worker.postMessage(message)
  }

  #settle(reply: OrtReply): void {
    this.#answered = true
    const waiting = this.#waiting.get(reply.call)
    this.#waiting.delete(reply.call)
    if ('outputs' in reply) waiting?.resolve(reply.outputs)
    else waiting?.reject(failure('ENGINE_FAILED', `ONNX Runtime: ${reply.error}`))
  }
}
