/**
 * Latent replay: the frozen trunk computes each example once, and training, scoring and replay start from the cached
 * activations at the cut. A cache, bounded in bytes, with least-recently-used eviction: an evicted latent is recomputed
 * with the same bytes, so the cache is not part of the checkpoint. In half precision twice as many fit; then every latent
 * is rounded before its first use, so that it does not matter whether it comes from the cache (law 2).
 *
 * Pellegrini et al. (2020), "Latent replay for real-time continual learning", IROS.
 */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { type ExampleKey, CodedError } from '../../contracts/core.ts'
import type { TrunkEngine } from '../../contracts/base.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import type { Example } from '../../contracts/example.ts'
import { isSameRow } from '../../payloads/rows.ts'
import { fromHalves, toHalves } from '../../nn/containers/floats.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { LatentMap, LatentRequests } from '../../learner/learner-types.ts'
import { isRetriable, type RetryPolicy } from '../../platform/retry.ts'

/** A row with a number that f16 does not have stays in f32. */
export type LatentPrecision = 'f32' | 'f16'

export class LatentCache {
  readonly #trunk: TrunkEngine
  readonly #maxBytes: number
  readonly #precision: LatentPrecision
  /** In order of use: a Map keeps insertion order, and a hit is inserted again. */
  readonly #kept = new Map<ExampleKey, CachedLatent>()
  #bytes = 0

  constructor(trunk: TrunkEngine, maxBytes: number, precision: LatentPrecision = 'f32') {
    this.#trunk = trunk
    this.#maxBytes = maxBytes
    this.#precision = precision
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Without waiting: computed if that is cheap, otherwise from the cache. */
  now(example: Example): Latent | undefined {
    return this.#trunk.encodeNow?.(example.encoded) ?? this.#use(example)
  }

  /** Whether there is never anything to wait for. */
  get isImmediate(): boolean {
    return this.#trunk.encodeNow !== undefined
  }

  /** The latent of a row that becomes an example later, or never: it is not cached. */
  async ahead(encoded: EncodedRow): Promise<Latent> {
    const [latent] = await this.#trunk.encode([encoded])
    invariant(latent !== undefined, 'the trunk returns one latent per row')
    return unpacked(this.#packed(latent))
  }

  /** The latent of each example, by key, all of them or a coded error of the engine. */
  async of(examples: readonly Example[]): Promise<Map<ExampleKey, Latent>> {
    const found = new Map<ExampleKey, Latent>()
    if (this.isImmediate) {
      for (const example of examples) {
        const latent = this.now(example)
        if (latent !== undefined) found.set(example.key, latent)
      }
      return found
    }
    const missing = new Map<ExampleKey, Example>()
    for (const example of examples) {
      const latent = this.#use(example)
      if (latent === undefined) missing.set(example.key, example)
      else found.set(example.key, latent)
    }
    if (missing.size > 0) await this.#compute([...missing.values()], found)
    return found
  }

  /** Whether the engine works, apart from the cache. */
  async canCompute({ encoded }: Example): Promise<boolean> {
    try {
      await this.ahead(encoded)
      return true
    } catch {
      return false
    }
  }

  /** Drops latents of examples outside `wanted`: they will not be requested again. */
  keepOnly(wanted: readonly Example[]): void {
    if (this.#kept.size <= wanted.length) return
    const keys = new Set(wanted.map(({ key }) => key))
    for (const key of this.#kept.keys()) if (!keys.has(key)) this.forget(key)
  }

  forget(key: ExampleKey): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#bytes -= kept.data.byteLength
  }

  async #compute(missing: readonly Example[], found: Map<ExampleKey, Latent>): Promise<void> {
    const latents = await this.#trunk.encode(missing.map((example) => example.encoded))
    missing.forEach((example, index) => {
      const latent = latents[index]
      invariant(latent !== undefined, 'the trunk returns one latent per row')
      const packed = this.#packed(latent)
      found.set(example.key, unpacked(packed))
      this.#keep(example, packed)
    })
  }

  #packed({ data, ...latent }: Latent): PackedLatent {
    return { latent, data: (this.#precision === 'f16' ? toHalves(data) : undefined) ?? data }
  }

  /** A key may come again with another input after it was refused. */
  #use({ key, encoded }: Example): Latent | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined || !isSameRow(kept.encoded, encoded)) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return unpacked(kept)
  }

  keep(example: Example, latent: Latent): void {
    this.#keep(example, this.#packed(latent))
  }

  #keep({ key, encoded }: Example, packed: PackedLatent): void {
    this.forget(key)
    this.#kept.set(key, { ...packed, encoded })
    this.#bytes += packed.data.byteLength
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.forget(oldest)
    }
  }
}

interface PackedLatent {
  readonly latent: Omit<Latent, 'data'>
  readonly data: Float32Array | Uint16Array
}

interface CachedLatent extends PackedLatent {
  readonly encoded: EncodedRow
}

function unpacked({ latent, data }: PackedLatent): Latent {
  return { ...latent, data: data instanceof Uint16Array ? fromHalves(data) : data }
}

const triesOfOne = 3

/**
 * Provides latents to the learner in spite of engine failures.
 *
 * An example is computed once when it is admitted: if its row fails while another one succeeds, it is refused, so that
 * one bad input does not stop the stream. If even a row that succeeded before fails, the engine is down: wait for it.
 * Once an example is admitted its latent is needed, so a later failure is always waited out.
 */
export class LatentProvider {
  readonly #latents: LatentCache
  readonly #retry: RetryPolicy
  /** An example that the engine has computed: proof that it can. */
  #proof: Example | undefined

  constructor(latents: LatentCache, retry: RetryPolicy) {
    this.#latents = latents
    this.#retry = retry
  }

  /** The bytes of the cached latents. */
  get bytes(): number {
    return this.#latents.bytes
  }

  /** Whether there is never anything to wait for. */
  get isImmediate(): boolean {
    return this.#latents.isImmediate
  }

  /** The latents of one example, if they need no waiting. */
  now(example: Example): LatentMap | undefined {
    const latent = this.#latents.now(example)
    return latent && new Map([[example.key, latent]])
  }

  /** Computed before its example's turn; rejects when the engine fails, without blaming an example yet. */
  async ahead(encoded: EncodedRow): Promise<Latent> {
    return this.#latents.ahead(encoded)
  }

  /** The precomputed latent of this example. Throws as `first` does. */
  keep(example: Example, latent: Latent): LatentMap {
    checkFinite(latent)
    this.#latents.keep(example, latent)
    this.#proof = example
    return new Map([[example.key, latent]])
  }

  /** The latents of a new example. Throws a coded error that is not retriable if they cannot be computed. */
  async first(example: Example, signal: AbortSignal): Promise<LatentMap> {
    let failures = 0
    const work = async () => {
      try {
        return await this.#latents.of([example])
      } catch (error) {
        if (isRetriable(error) && (await this.#works())) failures += 1
        throw failures < triesOfOne ? error : final(error)
      }
    }
    const found = await this.#retry.run('computing a latent', work, signal)
    for (const latent of found.values()) checkFinite(latent)
    this.#proof = example
    return found
  }

  async all(examples: readonly Example[], signal: AbortSignal): Promise<LatentMap> {
    const work = () => this.#latents.of(examples)
    return this.#retry.run('computing latents', work, signal)
  }

  /** After an update: learned examples that are not stored will not be requested again. */
  keepOnly(wanted: readonly Example[]): void {
    this.#latents.keepOnly(wanted)
  }

  forget(keys: readonly ExampleKey[]): void {
    for (const key of keys) this.#latents.forget(key)
  }

  async #works(): Promise<boolean> {
    return this.#proof !== undefined && (await this.#latents.canCompute(this.#proof))
  }
}

/** In a step one such example would take all others with it. */
function checkFinite({ data }: Latent): void {
  const at = data.findIndex((value) => !Number.isFinite(value))
  if (at >= 0)
    throw failure('EMBEDDING_NOT_FINITE', `the base computes ${data[at]} for it, at place ${at}`)
}

function final(error: unknown): unknown {
  if (!(error instanceof CodedError)) return error
  const { code, message, details } = error
  return new CodedError(code, message, { details, cause: error })
}

/**
 * Supplies a generator of the learner with the latents that it requests. Between two steps the process answers messages and can
 * be stopped.
 */
export async function drive<Result>(
  requests: LatentRequests<Result>,
  latents: LatentProvider,
  signal: AbortSignal,
): Promise<Result> {
  let next = requests.next()
  while (next.done !== true) {
    await yieldToEventLoop()
    signal.throwIfAborted()
    next = requests.next(await latents.all(next.value, signal))
  }
  return next.value
}
