/**
 * Provides latents to the learner in spite of engine failures.
 *
 * An example is computed once when it is admitted: if its row fails while another one succeeds, it is refused, so that
 * one bad input does not stop the stream. If even a row that succeeded before fails, the engine is down: wait for it.
 * Once an example is admitted its latent is needed, so a later failure is always waited out.
 */
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import type { Example } from '../../contracts/example.ts'
import type { LatentCache } from './latent-cache.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { isRetriable, type RetryPolicy } from '../../platform/retry.ts'

const triesOfOne = 3

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

  /** The precomputed latent of this example. */
  keep(example: Example, latent: Latent): LatentMap {
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

function final(error: unknown): unknown {
  if (!(error instanceof CodedError)) return error
  const { code, message, details } = error
  return new CodedError(code, message, { details, cause: error })
}
