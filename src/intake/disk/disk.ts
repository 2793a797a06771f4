/**
 * The disk thread: commits everything that the server writes while it answers, so that no prediction waits for a flush.
 * Requests that arrive while the disk is busy share the next commit.
 *
 * If the thread dies, requests in flight fail with `STORE_FAILED` (an event that was stored anyway is a duplicate when
 * it is sent again), and the next request starts another thread, which opens the same files.
 */
import { Worker } from 'node:worker_threads'
import type { Logger } from '../../contracts/core.ts'
import { entryUrl } from '../../platform/entry.ts'
import { failure } from '../../platform/errors.ts'
import { PendingCalls } from '../../platform/pending-calls.ts'
import {
  type DiskCall,
  type DiskReply,
  type DiskRequest,
  type OpenRequest,
  type WriteRequest,
  errorOf,
} from './protocol.ts'

export interface Disk {
  /** Resolves when the file is open; rejects with the code of its problem. */
  open(request: OpenRequest): Promise<void>
  /** Resolves when it is written. */
  write(request: WriteRequest): Promise<unknown>
  /** Requests without an answer yet. */
  waiting(): number
  /** After all earlier requests. Idempotent. */
  close(): Promise<void>
}

/** The first request starts the thread. */
export function openDisk(options: DiskOptions): Disk {
  return new DiskThread(options)
}

export interface DiskOptions {
  readonly log: Logger
  /** Called for each thread that was started. */
  readonly onStart?: (worker: Worker) => void
}

class DiskThread implements Disk {
  readonly #options: DiskOptions
  readonly #files: OpenRequest[] = []
  readonly #calls = new PendingCalls<unknown>()
  #worker: Worker | undefined
  #ended: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: DiskOptions) {
    this.#options = options
  }

  async open(request: OpenRequest): Promise<void> {
    await this.#call(request)
    this.#files.push(request)
  }

  write(request: WriteRequest): Promise<unknown> {
    return this.#call(request)
  }

  waiting(): number {
    return this.#calls.size
  }

  async close(): Promise<void> {
    if (!this.#closed && this.#worker !== undefined) {
      const end = this.#call({ kind: 'end' })
      this.#closed = true
      await end
    }
    this.#closed = true
    await this.#ended
  }

  async #call(request: DiskRequest): Promise<unknown> {
    if (this.#closed) throw failure('SHUTTING_DOWN', 'the disk thread has ended')
    const worker = this.#worker ?? this.#start()
    return this.#ask(worker, request)
  }

  #ask(worker: Worker, request: DiskRequest): Promise<unknown> {
    return this.#calls.call((call) => {
      const transfer = request.kind === 'append' ? [request.events.bytes.buffer] : []
      worker.postMessage({ call, request } satisfies DiskCall, transfer)
    })
  }

  #start(): Worker {
    const worker = new Worker(entryUrl('src/intake/disk/disk-worker.ts'))
    this.#worker = worker
    worker.on('message', (reply: DiskReply) => {
      if ('result' in reply) this.#calls.answer(reply.call, reply.result)
      else this.#calls.refuse(reply.call, errorOf(reply.fault))
    })
    let fault: Error | undefined
    worker.on('error', (error: Error) => (fault = error))
    this.#ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#gone(fault ?? new Error(`it exited with code ${code}`))
        resolve()
      })
    })
    this.#options.onStart?.(worker)
    // Requests for a file that cannot be opened again fail on their own.
    for (const file of this.#files) this.#ask(worker, file).catch(() => undefined)
    return worker
  }

  #gone(fault: Error): void {
    this.#worker = undefined
    const waiting = this.waiting()
    if (!this.#closed || waiting > 0)
      this.#options.log.error({ err: fault, waiting }, 'the disk thread died')
    const why = `the disk thread died: ${fault.message}`
    this.#calls.refuseAll(failure('STORE_FAILED', why, { cause: fault }))
  }
}
