/**
 * From a picture to the row that a network reads: decoded in libuv's threads, through the frozen graph in worker threads. So a
 * picture is work of milliseconds before `encode`, and `encode` takes what was prepared for the same object.
 *
 * Few pictures are files or pixels at once; the others wait as the base64 that came. More of them than there are threads, because the
 * event loop, which hands them on, may be busy with a training step while a thread finishes several.
 */
import { availableParallelism } from 'node:os'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import { isOf } from '../../contracts/payload.ts'
import { IdleThreads } from '../../nn/onnx/idle-threads.ts'
import { openOrtPool, type OrtPool } from '../../nn/onnx/pool.ts'
import type { OnnxModel } from '../../nn/record.ts'
import { image } from '../../payloads/inputs/image.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { PreparedInputs } from '../prepared-inputs.ts'
import { openPixels, type PictureFit, type PixelReader } from './pixels.ts'

export interface PictureGraph {
  /** Input `pixels` [1, side, side, 3] of bytes, output `values` [1, positions, width]. */
  readonly graph: () => OnnxModel
  readonly side: number
  readonly positions: number
  readonly fit: PictureFit
}

export function openPictureReader(parts: PictureGraph): PictureReader {
  return new PictureReader(parts, openPixels())
}

const SESSION = 'pictures'
const WORKERS = Math.min(2, availableParallelism())
/** Files: no more than twice libuv's threads, whose other work waits behind them. */
const DECODED_AT_ONCE = 4 * WORKERS
/** Those that are pixels among them: 150 KB each. */
const AT_ONCE = 32 * WORKERS

export class PictureReader {
  readonly #parts: PictureGraph
  readonly #pixels: PixelReader
  readonly #rows = new PreparedInputs((input, _maxTokens, signal) =>
    this.#all(async () => this.#threads.during(async () => this.#rowOf(input, signal))),
  )
  readonly #all = openTurns(AT_ONCE)
  readonly #decoding = openTurns(DECODED_AT_ONCE)
  readonly #threads = new IdleThreads()
  #pool: Promise<OrtPool> | undefined

  constructor(parts: PictureGraph, pixels: PixelReader) {
    this.#parts = parts
    this.#pixels = pixels
  }

  async prepare(input: Input, maxTokens: number, signal?: AbortSignal): Promise<void> {
    return this.#rows.prepare(input, maxTokens, signal)
  }

  encode(input: Input): EncodedRow {
    const row = this.#rows.of(input)
    if (row !== undefined) return row
    checkKind(input)
    invariant(row, 'a picture is prepared before it is encoded')
    return row
  }

  async #rowOf(input: Input, signal: AbortSignal): Promise<EncodedRow> {
    checkKind(input)
    signal.throwIfAborted()
    const { side, positions, fit } = this.#parts
    const data = await this.#decoding(async () => {
      signal.throwIfAborted()
      return this.#pixels(Buffer.from(input.image, 'base64'), side, fit)
    })
    const pool = await this.#opened()
    signal.throwIfAborted()
    const feeds = { pixels: { shape: [1, side, side, 3], data } }
    const { values } = await pool.run({ session: SESSION, feeds })
    invariant(values?.data instanceof Float32Array, 'a graph of pictures without values')
    return { data: values.data, positions }
  }

  async #opened(): Promise<OrtPool> {
    this.#pool ??= this.#open()
    return this.#pool
  }

  /** A base is never closed: idle threads do not keep the process. */
  async #open(): Promise<OrtPool> {
    const pool = openOrtPool({
      workers: WORKERS,
      onStart: (thread) => this.#threads.add(thread),
    })
    try {
      await pool.addSession(SESSION, this.#parts.graph)
      return pool
    } catch (error) {
      this.#pool = undefined
      await pool.close()
      throw error
    }
  }
}

/** A bound on how many pieces of work run at once; the others wait in the order of their calls. */
function openTurns(atOnce: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

function checkKind(input: Input): asserts input is Input & { readonly image: string } {
  if (!isOf(input, image))
    throw failure('INPUT_WRONG_KIND', `the base reads image, the input holds ${input.kind}`)
}
