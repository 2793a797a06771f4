/**
 * Micro-batching: rows of concurrent requests, over all models of one base, share a run of the engine.
 *
 * No row waits for others to arrive: a row that finds a free lane runs immediately, and rows that arrive while all
 * lanes are busy form the next run. Models take turns row by row, and so do the requests of a model, so that neither a
 * flood on one nor a large request delays a small one for long. Bounded in size (rows and positions per run), in time
 * (the maximum wait of a row) and in queue length (then `QUEUE_FULL`).
 */
import type { Clock } from '../../contracts/core.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import { MOST_POSITIONS, type ServingEngine } from './engine.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { paddedPositions } from '../../nn/rows.ts'
import { FairQueue } from './fair-queue.ts'

export interface BatchRequest {
  readonly model: string
  /** The engine's key of the adapter. */
  readonly adapter: string
  readonly rows: readonly EncodedRow[]
  readonly signal?: AbortSignal | undefined
}

export interface BatcherOptions {
  readonly engine: Pick<ServingEngine, 'run'>
  /** Maximum concurrent runs: the number of workers of the engine. */
  readonly lanes: number
  readonly rowsPerRun: number
  readonly queue: number
  /** The most bytes of waiting rows, unless a single request has more. */
  readonly queueBytes: number
  /** The longest that a row may wait for its run. */
  readonly waitMs: number
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'observe'>
}

interface Row {
  readonly model: string
  readonly adapter: string
  readonly encoded: EncodedRow
  readonly arrivedMs: number
  readonly index: number
  readonly pending: PendingRequest
}

export class Batcher {
  readonly #options: BatcherOptions
  readonly #turns = new FairQueue<Row>(({ encoded }) => encoded.data.byteLength)
  readonly #runs = new Set<Promise<void>>()
  /** Bytes of inputs that are prepared. */
  #preparedBytes = 0
  #closed = false

  constructor(options: BatcherOptions) {
    invariant(options.lanes > 0 && options.rowsPerRun > 0, 'a batcher without lanes or rows')
    this.#options = options
  }

  /** Rows of a model that wait for a run; those inside a run are not counted. */
  waiting(model: string): number {
    return this.#turns.sizeOf(model)
  }

  /**
   * Logits of each row, in order. Settles only when the engine no longer works on any of the rows, so that the adapter
   * may be unloaded afterwards; waiting rows of an aborted request are dropped immediately.
   */
  async run(request: BatchRequest): Promise<readonly Float32Array[]> {
    const { rows, signal } = request
    signal?.throwIfAborted()
    this.#admit(rows)
    if (rows.length === 0) return []
    const pending = openPending(rows.length)
    const abort = () => this.#fail({ model: request.model, pending }, signal?.reason)
    signal?.addEventListener('abort', abort)
    this.#enqueue(request, pending)
    return pending.settled.finally(() => signal?.removeEventListener('abort', abort))
  }

  /**
   * Room for inputs that are prepared before they are rows, as large as that of waiting rows. Call what it returns when they no longer
   * wait. Throws `QUEUE_FULL`; a single request always has room.
   */
  reserve(bytes: number): () => void {
    const waiting = this.#preparedBytes
    if (waiting > 0 && waiting + bytes > this.#options.queueBytes)
      throw failure('QUEUE_FULL', `inputs of ${waiting} bytes are prepared already`)
    this.#preparedBytes += bytes
    return () => {
      this.#preparedBytes -= bytes
    }
  }

  /** Refuses new rows, fails waiting ones, and resolves when the runs in flight have ended. */
  async close(): Promise<void> {
    this.#closed = true
    for (let row = this.#turns.take(); row !== undefined; row = this.#turns.take()) {
      this.#fail(row, failure('SHUTTING_DOWN', 'the server stopped before this request ran'))
    }
    await Promise.all(this.#runs)
  }

  #admit(rows: readonly EncodedRow[]): void {
    if (this.#closed) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const { queue, queueBytes } = this.#options
    const { size, weight } = this.#turns
    const bytes = rows.reduce((sum, { data }) => sum + data.byteLength, weight)
    const isRoom = size === 0 || bytes <= queueBytes
    if (size + rows.length <= queue && isRoom) return
    const waiting = isRoom ? `${size} of ${queue} rows` : `${size} rows of ${weight} bytes`
    throw failure('QUEUE_FULL', `${waiting} wait for the engine already`, {
      details: { waiting: size, queue },
    })
  }

  #enqueue(request: BatchRequest, pending: PendingRequest): void {
    const arrivedMs = this.#options.clock.monotonicMs()
    const { model, adapter } = request
    for (const [index, encoded] of request.rows.entries()) {
      this.#turns.push(model, pending, { model, adapter, encoded, arrivedMs, index, pending })
    }
    this.#fillLanes()
  }

  #fillLanes(): void {
    while (this.#runs.size < this.#options.lanes) {
      const rows = this.#nextRun()
      if (rows.length === 0) return
      const run: Promise<void> = this.#execute(rows).finally(() => {
        this.#runs.delete(run)
        this.#fillLanes()
      })
      this.#runs.add(run)
    }
  }

  #nextRun(): readonly Row[] {
    const oldestMs = this.#options.clock.monotonicMs() - this.#options.waitMs
    const rows: Row[] = []
    let positions = 0
    while (rows.length < this.#options.rowsPerRun && positions < MOST_POSITIONS) {
      const row = this.#turns.take()
      if (row === undefined) break
      if (row.arrivedMs < oldestMs) {
        this.#fail(row, tooLate(this.#options.waitMs))
        continue
      }
      rows.push(row)
      positions += paddedPositions(row.encoded)
    }
    return rows
  }

  async #execute(rows: readonly Row[]): Promise<void> {
    for (const { pending } of rows) pending.enter()
    try {
      const logits = await this.#options.engine.run(
        rows.map(({ adapter, encoded }) => ({ adapter, encoded })),
      )
      invariant(logits.length === rows.length, `${logits.length} answers for ${rows.length} rows`)
      this.#measure(rows)
      for (const [at, { pending, index }] of rows.entries()) pending.keep(index, logits[at])
    } catch (error) {
      for (const row of rows) this.#fail(row, error)
    }
    for (const { pending } of rows) pending.leave()
  }

  #measure(rows: readonly Row[]): void {
    const counts = new Map<string, number>()
    for (const { model } of rows) counts.set(model, (counts.get(model) ?? 0) + 1)
    for (const [model, count] of counts)
      this.#options.metrics.observe('batchRows', { model }, count)
  }

  /** Its other rows are no longer needed. The first reason counts. */
  #fail({ model, pending }: Pick<Row, 'model' | 'pending'>, reason: unknown): void {
    this.#turns.remove(model, pending)
    pending.fail(reason)
  }
}

function tooLate(waitMs: number): Error {
  return failure('DEADLINE_EXCEEDED', `the request waited ${waitMs} ms for the engine`)
}

/**
 * A request with rows in several runs. It settles when all rows are answered, or, after a failure, when
 * the last of its rows has left the engine: the caller may then unload the adapter.
 */
interface PendingRequest {
  readonly settled: Promise<readonly Float32Array[]>
  /** A row of it goes into a run … */
  enter(): void
  /** … has its answer … */
  keep(index: number, logits: Float32Array | undefined): void
  /** … and leaves the run. */
  leave(): void
  /** The first reason counts. */
  fail(reason: unknown): void
}

function openPending(rows: number): PendingRequest {
  const answers = new Map<number, Float32Array>()
  let running = 0
  let failed: { readonly reason: unknown } | undefined
  let resolve: (answers: readonly Float32Array[]) => void
  let reject: (reason: unknown) => void
  const settled = new Promise<readonly Float32Array[]>((onAnswers, onReason) => {
    resolve = onAnswers
    reject = onReason
  })

  function settle(): void {
    if (running > 0) return
    if (failed !== undefined) reject(failed.reason)
    else if (answers.size === rows) resolve(inOrder(answers))
  }

  return {
    settled,
    enter: () => {
      running += 1
    },
    keep: (index, logits) => {
      invariant(logits !== undefined, 'a row without an answer')
      answers.set(index, logits)
    },
    leave: () => {
      running -= 1
      settle()
    },
    fail: (reason) => {
      failed ??= { reason }
      settle()
    },
  }
}

function inOrder(answers: ReadonlyMap<number, Float32Array>): readonly Float32Array[] {
  return [...answers].sort(([a], [b]) => a - b).map(([, logits]) => logits)
}
