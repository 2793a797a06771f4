/**
 * Embeddings of inputs for every surface: of the base with the adapter of the live version, or of one by name, as the head of that
 * version reads them. Nothing is stored: there is no answer that feedback could be about.
 */
import { wholeLength } from '../../payloads/rows.ts'
import type { Base } from '../../contracts/base.ts'
import type { Registry } from '../../versions/contract.ts'
import type { Manifest } from '../../versions/contract.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { EngineOfBase } from '../engine/engine-set.ts'
import { AdapterCache } from '../live/adapter-cache.ts'
import type { LiveModel } from '../live/contract.ts'
import { prepared, type PredictRequest } from '../live/predict.ts'

export interface EmbeddingAnswer {
  readonly manifest: Pick<Manifest, 'version' | 'digest'>
  /** One for each input, of unit length. */
  readonly vectors: readonly Float32Array[]
  /** Tokens of all inputs, those that were cut off among them. */
  readonly tokens: number
}

export interface EmbeddingService {
  embed(request: Omit<PredictRequest, 'traceparent'>): Promise<EmbeddingAnswer>
}

export interface EmbeddingOptions {
  readonly model: string
  readonly base: Pick<Base, 'encode' | 'prepare'>
  readonly maxTokens: number
  /** Opens the engine at the first call. */
  readonly engine: () => Promise<Pick<EngineOfBase, 'engine' | 'batcher'>>
  readonly live: Pick<LiveModel, 'hold'>
  readonly registry: Pick<Registry, 'load' | 'find'>
}

/** How many adapters stay loaded, and how many may be: the live one, and those that requests name. */
const [IDLE, MOST] = [2, 8]

export function openEmbeddingService(options: EmbeddingOptions): EmbeddingService {
  const { model, base, maxTokens, live, registry } = options
  let adapters: AdapterCache | undefined
  return {
    async embed({ inputs, version, key, signal }) {
      const { engine, batcher } = await options.engine()
      await prepared({ base, maxTokens }, inputs, { room: batcher, signal })
      const rows = await eventLoop.each(inputs, (input) => base.encode(input, maxTokens))
      const held = await live.hold({ version, key })
      try {
        adapters ??= new AdapterCache({ registry, engine, idle: IDLE, most: MOST })
        const loaded = await adapters.hold(held.manifest.version, 'bounded')
        try {
          const adapter = held.manifest.digest
          const vectors = await batcher.run({ model, adapter, rows, signal })
          return {
            manifest: held.manifest,
            vectors: vectors.map((vector) => unit(vector)),
            tokens: rows.reduce((sum, row) => sum + wholeLength(row), 0),
          }
        } finally {
          loaded.release()
        }
      } finally {
        held.release()
      }
    },
  }
}

/** x / ‖x‖; of `dimensions` leading numbers, if fewer are asked for. */
export function unit(vector: Float32Array, dimensions: number = vector.length): Float32Array {
  const part = vector.slice(0, dimensions)
  const length = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0))
  return length > 0 ? part.map((value) => value / length) : part
}
