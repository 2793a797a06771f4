/**
 * A base that another one reads with, such as that of a field or of the parts of a document: an input goes through all its layers,
 * in worker threads, to one vector of unit length. Nothing of it is trained, so that an example goes through it once, and a row
 * keeps what came out.
 */
import type { Base, TrunkEngine } from '../contracts/base.ts'
import type { Input } from '../contracts/event.ts'
import type { EncodedRow, Network, NetworkInput } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import { embeddingOf, unadapted } from '../nn/head-input.ts'
import { IdleThreads } from '../nn/onnx/idle-threads.ts'
import { openTrunkEngine } from '../nn/onnx/trunk-engine.ts'
import { invariant } from '../platform/errors.ts'

export interface FrozenEmbedding {
  readonly vector: Float32Array
  /** Tokens of a text that was cut. */
  readonly tokens?: { readonly kept: number; readonly dropped: number }
}

export class FrozenEncoder {
  readonly base: Base
  readonly #threads = new IdleThreads()
  #engine: Promise<TrunkEngine> | undefined

  constructor(base: Base) {
    this.base = base
  }

  /** Throws what the base throws. */
  async embed(input: Input, maxTokens: number, signal?: AbortSignal): Promise<FrozenEmbedding> {
    await this.base.prepare?.(input, maxTokens, signal)
    signal?.throwIfAborted()
    const row = this.base.encode(input, maxTokens)
    const [vector] = await this.embedRows([row])
    invariant(vector !== undefined, 'an embedding of the one row')
    const { kept = row.data.length, dropped } = row
    return {
      vector,
      ...(dropped !== undefined && { tokens: { kept, dropped } }),
    }
  }

  async embedRows(rows: readonly EncodedRow[]): Promise<readonly Float32Array[]> {
    const latents = await this.#threads.during(async () => (await this.#opened()).encode(rows))
    return latents.map(({ data }) => unitOf(data))
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
export function unitOf(data: Float32Array): Float32Array {
  const length = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0))
  return length === 0 ? data : data.map((x) => x / length)
}
