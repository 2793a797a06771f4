/**
 * Worker threads that run ONNX graphs, so that no run blocks the main thread. Every thread has every session and every
 * loaded adapter; a run goes to the least busy one.
 *
 * A thread that dies is replaced and gets all of that again. Its runs are retried once on another; a second death is
 * `ENGINE_FAILED`. One that died without ever answering is not restarted before it is needed.
 */
import { failure } from '../../platform/errors.ts'
import { type OnnxModel, recordGraph } from '../record.ts'
import type { Feeds } from './session.ts'
import type { TokenTable } from '../structured/token-masks.ts'
import {
  OrtThread,
  ThreadGone,
  type AdapterTensors,
  type OrtRequest,
  type OrtRun,
  type SequenceRequest,
} from './thread.ts'

export interface OrtPool {
  /** Resolves when every thread has built it. Adding an id again only waits. `record` is called again after a crash. */
  addSession(id: string, record: () => OnnxModel): Promise<void>
  /** Resolves when every thread has it. */
  hold(key: string, tensors: Feeds, alone?: boolean): Promise<void>
  /** Runs that were sent before still find it. */
  drop(key: string): void
  run(run: OrtRun): Promise<Feeds>
  /** What the tokens of the base write, for texts that a schema bounds. */
  readTokens(table: TokenTable): Promise<void>
  /** What is done with texts, all of one thread. */
  texts(request: SequenceRequest): Promise<Feeds>
  /** The same run on every thread. */
  warm(run: OrtRun): Promise<void>
  /** Refuses new calls, waits for those in flight, and ends the threads. */
  close(): Promise<void>
}

export interface OrtPoolOptions {
  readonly workers: number
  /** Threads within one run; absent = 1. */
  readonly threads?: number
  /** Called for each thread that died, before it is replaced. */
  readonly onCrash?: (fault: Error) => void
  /** Called for each thread that was started. */
  readonly onStart?: (thread: OrtThread) => void
}

export function openOrtPool(options: OrtPoolOptions): OrtPool {
  return new ThreadPool(options)
}

class ThreadPool implements OrtPool {
  readonly #options: OrtPoolOptions
  /** A slot is empty between the death of a thread that never answered and the next call. */
  readonly #slots: (OrtThread | undefined)[] = []
  /** How to record each again, rather than the models: those are as big as the base. */
  readonly #sessions = new Map<
    string,
    { readonly record: () => OnnxModel; readonly ready: Promise<void> }
  >()
  readonly #held = new Map<string, AdapterTensors>()
  #tokens: TokenTable | undefined
  readonly #inFlight = new Set<Promise<unknown>>()
  #closed = false

  constructor(options: OrtPoolOptions) {
    this.#options = options
    for (let at = 0; at < Math.max(1, options.workers); at += 1) this.#start(at)
  }

  async addSession(id: string, record: () => OnnxModel): Promise<void> {
    const known = this.#sessions.get(id)
    if (known) return known.ready
    const ready = this.#everywhere(this.#added(id, record))
    this.#sessions.set(id, { record, ready })
    await ready.catch((error: unknown) => {
      this.#sessions.delete(id)
      throw error
    })
  }

  async hold(key: string, tensors: Feeds, alone = false): Promise<void> {
    const held = { tensors, alone }
    this.#held.set(key, held)
    await this.#everywhere({ kind: 'hold', key, ...held })
  }

  drop(key: string): void {
    this.#held.delete(key)
    if (!this.#closed) this.#everywhere({ kind: 'drop', key }).catch(() => undefined)
  }

  run(run: OrtRun): Promise<Feeds> {
    return this.#tracked(this.#retried(() => this.#leastBusy(), { kind: 'run', ...run }))
  }

  async readTokens(table: TokenTable): Promise<void> {
    this.#tokens = table
    await this.#everywhere({ kind: 'tokens', table })
  }

  /** Not retried: a thread that died has lost the caches of its texts. */
  texts(request: SequenceRequest): Promise<Feeds> {
    const call = async () => {
      try {
        return await this.#call(() => this.#threadAt(0), request)
      } catch (error) {
        if (!(error instanceof ThreadGone)) throw error
        throw failure('ENGINE_FAILED', `the thread died: ${error.message}`, { cause: error })
      }
    }
    return this.#tracked(call())
  }

  warm(run: OrtRun): Promise<void> {
    return this.#everywhere({ kind: 'run', ...run })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#inFlight)
    await Promise.all(this.#slots.map(async (thread) => thread?.end()))
  }

  /** One thread after the other, so that the rest go on serving meanwhile. */
  #everywhere(request: OrtRequest): Promise<void> {
    const inTurn = async () => {
      for (const at of this.#slots.keys()) await this.#retried(() => this.#threadAt(at), request)
    }
    return this.#tracked(inTurn())
  }

  async #retried(pick: () => OrtThread, request: OrtRequest): Promise<Feeds> {
    try {
      return await this.#call(pick, request)
    } catch (error) {
      if (!(error instanceof ThreadGone)) throw error
    }
    return this.#call(pick, request).catch((error: unknown) => {
      if (!(error instanceof ThreadGone)) throw error
      throw failure('ENGINE_FAILED', `two threads died over one call: ${error.message}`, {
        cause: error,
      })
    })
  }

  async #call(pick: () => OrtThread, request: OrtRequest): Promise<Feeds> {
    if (this.#closed) throw failure('SHUTTING_DOWN', 'the engine is closed')
    return pick().call(request)
  }

  async #tracked<Result>(work: Promise<Result>): Promise<Result> {
    this.#inFlight.add(work)
    try {
      return await work
    } finally {
      this.#inFlight.delete(work)
    }
  }

  #threadAt(at: number): OrtThread {
    return this.#slots[at] ?? this.#start(at)
  }

  #leastBusy(): OrtThread {
    const threads = [...this.#slots.keys()].map((at) => this.#threadAt(at))
    return threads.reduce((best, thread) => (thread.load < best.load ? thread : best))
  }

  #added(session: string, record: () => OnnxModel) {
    const { threads = 1 } = this.#options
    return { kind: 'session' as const, session, model: record(), threads }
  }

  /** Starts a thread. It handles messages in order, so it has its sessions and adapters before its first run. */
  #start(at: number): OrtThread {
    const thread = new OrtThread((fault) => this.#replace(at, thread, fault))
    this.#slots[at] = thread
    const known = [
      ...[...this.#sessions].map(([session, { record }]) => this.#added(session, record)),
      ...[...this.#held].map(([key, held]) => ({ kind: 'hold' as const, key, ...held })),
      ...(this.#tokens === undefined ? [] : [{ kind: 'tokens' as const, table: this.#tokens }]),
    ]
    // A later call that needs what failed here fails with the reason.
    for (const request of known) thread.call(request).catch(() => undefined)
    this.#options.onStart?.(thread)
    return thread
  }

  #replace(at: number, thread: OrtThread, fault: Error): void {
    if (this.#closed) return
    this.#options.onCrash?.(fault)
    this.#slots[at] = undefined
    if (thread.proven) this.#start(at)
  }
}

/**
 * Whether 8-bit products are exact here. Some kernels add two products in 16 bits, which the range of the weights allows for
 * (quantized-matrix.ts); one that cut off more would let the trainer and the server of a fleet disagree, silently.
 */
const SESSION = 'int8'
const WIDTH = 64

/** Throws `BASE_UNSUPPORTED`. The largest steps there are: a row and a column of ones. */
export async function proveInt8(pool: OrtPool): Promise<void> {
  const ones = new Float32Array(WIDTH * WIDTH).fill(1)
  await pool.addSession(SESSION, () =>
    recordGraph({
      weights: new Map([['ones', { shape: [WIDTH, WIDTH], data: ones }]]),
      quantize: 'int8',
      build: (ops, graph, trunkOps) => ({
        sums: trunkOps.matMul(
          graph.input('x', 'float32', ['batch', 'positions', WIDTH]),
          ops.weight('ones'),
        ),
      }),
    }),
  )
  const x = { shape: [1, 4, WIDTH], data: ones.subarray(0, 4 * WIDTH) }
  const { sums } = await pool.run({ session: SESSION, feeds: { x } })
  if (sums?.data.every((sum) => Math.abs(sum - WIDTH) < 1e-3) === true) return
  throw failure(
    'BASE_UNSUPPORTED',
    'quantize: int8 needs exact 8-bit products, which ONNX Runtime does not compute on this processor',
    { details: { setting: 'quantize' } },
  )
}
