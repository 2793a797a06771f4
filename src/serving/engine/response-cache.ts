/**
 * Logits of inputs that were answered before, by the digest of version and row: the same version gives the same bits for
 * the same row, so a hit is exactly what the engine would answer. A swap needs no invalidation, because the next version
 * has another digest.
 *
 * Off unless `limits.response_cache_bytes` is above 0; the least recently used answer is evicted first. Only logits are
 * kept: each request still gets its own prediction ids.
 */
import { createHash } from 'node:crypto'
import type { Encoded } from '../../contracts/network.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Batcher, BatchRequest } from './batcher.ts'

export interface ResponseCache {
  /** The batcher of one base, with answers from the cache where it has them. */
  over(batcher: Batcher, baseHash: string): Batcher
}

export interface ResponseCacheOptions {
  readonly bytes: number
  readonly metrics: Pick<Metrics, 'count' | 'gauge'>
}

/** A key, its place in the map, and the object of an array. */
const ENTRY_BYTES = 256

export function openResponseCache(options: ResponseCacheOptions): ResponseCache {
  const entries = new BoundedEntries(options)
  return {
    over: (batcher, baseHash) => ({
      waiting: (model) => batcher.waiting(model),
      close: () => batcher.close(),
      run: (request) => run(entries, batcher, baseHash, request),
    }),
  }
}

async function run(
  entries: BoundedEntries,
  batcher: Batcher,
  baseHash: string,
  request: BatchRequest,
): Promise<readonly Float32Array[]> {
  request.signal?.throwIfAborted()
  const keys = request.rows.map((row) => keyOf(baseHash, request.adapter, row))
  const answers = keys.map((key) => entries.get(key))
  const missing = answers.flatMap((answer, at) => (answer === undefined ? [at] : []))
  entries.count(request.model, keys.length - missing.length, missing.length)
  if (missing.length === 0) return answers as readonly Float32Array[]
  const rows = missing.flatMap((at) => request.rows[at] ?? [])
  const computed = await batcher.run({ ...request, rows })
  for (const [place, at] of missing.entries()) {
    const logits = computed[place]
    answers[at] = logits
    if (logits?.every((value) => Number.isFinite(value)) === true)
      entries.put(keys[at] ?? '', logits)
  }
  return answers as readonly Float32Array[]
}

function keyOf(baseHash: string, adapter: string, row: Encoded): string {
  const { buffer, byteOffset, byteLength } = row.kind === 'tokens' ? row.ids : row.values
  return createHash('sha256')
    .update(`${baseHash} ${adapter} ${row.kind} `)
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('base64')
}

class BoundedEntries {
  readonly #options: ResponseCacheOptions
  /** The least recently used first. */
  readonly #logits = new Map<string, Float32Array>()
  #bytes = 0

  constructor(options: ResponseCacheOptions) {
    this.#options = options
  }

  /** A copy, as the engine returns one. */
  get(key: string): Float32Array | undefined {
    const logits = this.#logits.get(key)
    if (logits === undefined) return undefined
    this.#logits.delete(key)
    this.#logits.set(key, logits)
    return logits.slice()
  }

  put(key: string, logits: Float32Array): void {
    this.#remove(key)
    this.#logits.set(key, logits.slice())
    this.#bytes += sizeOf(logits)
    for (const oldest of this.#logits.keys()) {
      if (this.#bytes <= this.#options.bytes) break
      this.#remove(oldest)
    }
    this.#options.metrics.gauge('responseCacheBytes', {}, this.#bytes)
  }

  count(model: string, hits: number, misses: number): void {
    const { metrics } = this.#options
    metrics.count('responseCache', { model, result: 'hit' }, hits)
    metrics.count('responseCache', { model, result: 'miss' }, misses)
  }

  #remove(key: string): void {
    const logits = this.#logits.get(key)
    if (logits === undefined) return
    this.#logits.delete(key)
    this.#bytes -= sizeOf(logits)
  }
}

function sizeOf(logits: Float32Array): number {
  return logits.byteLength + ENTRY_BYTES
}
