/**
 * kNN memory on the engine: the embedding of an example, and the combination of its votes with the head's logits.
 * Leaves no tensor (law 8).
 */
import { memoryEmbedding, withMemory } from '../nn/memory.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Base } from '../contracts/base.ts'
import type { Latent } from '../contracts/network.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../nn/tfjs/ops.ts'
import type { BaseTensors } from '../optim/engines/eager-pass.ts'
import { padded } from '../optim/engines/batch.ts'

export interface KnnEngine {
  /** The embedding, of length 1. One row at a time, so that it does not depend on its company. */
  embed(latent: Latent): Float32Array
  /** The logits of a version with this head and memory. */
  mix(memory: Tensors, logits: Float32Array, embedding: Float32Array): Float32Array
}

export interface KnnEngineParts {
  readonly tf: TensorFlow
  /** As it was published. */
  readonly base: Base
  readonly baseTensors: BaseTensors
  readonly cut: number
}

export function openKnnEngine(parts: KnnEngineParts): KnnEngine {
  const { tf, baseTensors } = parts
  return {
    embed(latent) {
      let embedding = new Float32Array()
      tf.tidy(() => {
        const { hidden, mask } = padded([latent])
        const ops = tfjsOps(tf, baseTensors, new Map())
        const upload = ({ data, shape }: typeof hidden) => tf.tensor(data, [...shape])
        const found = memoryEmbedding(ops, parts, upload(hidden), upload(mask))
        embedding = Float32Array.from(found.dataSync<'float32'>())
      })
      return embedding
    },
    mix(memory, logits, embedding) {
      let mixed = new Float32Array()
      tf.tidy(() => {
        const uploaded = [...memory].map(
          ([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const,
        )
        const ops = tfjsOps(tf, new Map(), new Map(uploaded))
        const row = (data: Float32Array) => tf.tensor(data, [1, 1, data.length])
        const found = withMemory(ops, row(logits), row(embedding))
        mixed = Float32Array.from(found.dataSync<'float32'>())
      })
      return mixed
    },
  }
}
