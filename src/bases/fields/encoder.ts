/**
 * One field by the base that reads it: its input through all layers of that base, in worker threads, to one vector of unit
 * length. Nothing of it is trained, so that an example goes through the base once, and a row keeps what came out.
 */
import type { Base, TrunkEngine } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { Network, NetworkInput } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { embeddingOf, unadapted } from '../../nn/head-input.ts'
import { IdleThreads } from '../../nn/onnx/idle-threads.ts'
import { openTrunkEngine } from '../../nn/onnx/trunk-engine.ts'
import { invariant } from '../../platform/errors.ts'

export interface FieldEmbedding {
  readonly vector: Float32Array
  /** Tokens of a text that was cut. */
  readonly tokens?: { readonly kept: number; readonly dropped: number }
}

export class FieldEncoder {
  readonly base: Base
  readonly #threads = new IdleThreads()
  #engine: Promise<TrunkEngine> | undefined

  constructor(base: Base) {
    this.base = base
  }

  /** Throws what the base throws. */
  async embed(input: Input, maxTokens: number): Promise<FieldEmbedding> {
    await this.base.prepare?.(input, maxTokens)
    const row = this.base.encode(input, maxTokens)
    const latent = await this.#threads.during(async () => {
      const engine = await this.#opened()
      const [only] = await engine.encode([row])
      return only
    })
    invariant(latent !== undefined, 'an embedding of the one row')
    const { dropped } = row
    return {
      vector: unitOf(latent.data),
      ...(dropped !== undefined && { tokens: { kept: row.data.length, dropped } }),
    }
  }

  async #opened(): Promise<TrunkEngine> {
    this.#engine ??= openTrunkEngine(wholeNetwork(this.base), 0, {
      onStart: (thread) => this.#threads.add(thread),
    })
    try {
      return await this.#engine
    } catch (error) {
      this.#engine = undefined
      throw error
    }
  }
}

/** Its trunk ends at the embedding. */
function wholeNetwork(base: Base): Base {
  const { network } = base
  const { layers, width } = network
  const whole: Network = {
    ...network,
    latentWidth: () => width,
    trunk<T>(ops: Ops<T>, input: NetworkInput<T>): T {
      const hidden = network.trunk(ops, input, layers)
      const place = { hidden, mask: input.mask, cut: layers, adaptation: unadapted<T>() }
      return embeddingOf(ops, network, place)
    },
  }
  return { ...base, network: whole }
}

/** A vector of zeros has no direction, and stays. */
function unitOf(data: Float32Array): Float32Array {
  const length = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0))
  return length === 0 ? data : data.map((x) => x / length)
}
