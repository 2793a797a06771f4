/** Latents → embeddings in plain memory, through the tail of a method without parameters. Leaves no tensor on the engine (law 8). */
import { embeddingOf } from '../nn/head-input.ts'
import { sitesOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Base } from '../contracts/base.ts'
import type { Latent } from '../contracts/network.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../nn/tfjs/ops.ts'
import type { BaseTensors } from './base-tensors.ts'
import { lengthGroups, packedGroups } from './length-groups.ts'
import { batchOf } from './packed-batch.ts'

export interface EmbedderParts {
  readonly tf: TensorFlow
  readonly base: Base
  readonly method: MethodPlugin
  readonly baseTensors: BaseTensors
  readonly config: AdapterConfig
}

/** One embedding a row, in the order of the rows. */
export function embed(parts: EmbedderParts, rows: readonly Latent[]): readonly Float32Array[] {
  const embeddings = rows.map((): Float32Array => new Float32Array())
  const groupsOf = parts.base.network.packs ? packedGroups : lengthGroups
  for (const group of groupsOf(rows.map(({ positions }) => positions))) {
    const latents = group.flatMap((row) => rows[row] ?? [])
    // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
    parts.tf.tidy(() => {
      const data = forward(parts, latents)
      const width = data.length / group.length
      for (const [at, row] of group.entries())
        embeddings[row] = data.slice(at * width, (at + 1) * width)
    })
  }
  return embeddings
}

function forward(parts: EmbedderParts, latents: readonly Latent[]) {
  const { tf, base, method, baseTensors, config } = parts
  const { network } = base
  const plain = tfjsOps(tf, baseTensors, new Map())
  const { ops, hidden, mask } = batchOf(tf, plain, latents, network.packs === true)
  const cut = cutOf(config.tail_layers, network.layers)
  const adaptation = method.open(config).adaptation(ops, sitesOf(parts), false)
  return embeddingOf(ops, network, { hidden, mask, cut, adaptation }).dataSync<'float32'>()
}
