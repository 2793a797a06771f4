/**
 * A text base with an embedding that also includes the lower layers. The top layer is specialised for the base's training
 * objective; the layers below still hold information that it discarded, and a closed-form head can use it.
 *
 *   x = [ e, u(h_(L−1)), …, u(h_(L−n+1)) ]      u(h) = mean of h over the real tokens, at unit length
 *
 * All of it is frozen, so it belongs to the trunk: an example's latent is this one vector.
 *
 * Tenney et al. (2019), "BERT rediscovers the classical NLP pipeline", ACL.
 */
import { embeddingOf, unadapted } from '../nn/head-input.ts'
import type { Base } from '../contracts/base.ts'
import type { Adaptation, Network, NetworkInput } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import type { Setting } from '../contracts/core.ts'
import { memoized, embedded } from './view.ts'

const viewed = memoized(viewOfLayers)

/** A setting of closed forms. */
export const depthSetting = {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  default: 2,
  description: 'for text: the layers that form the embedding with their outputs, uppermost first',
} as const satisfies Setting

/** The base with `layers` layers in total, or as many as it has. Equal arguments give the same object. */
export function withLowerLayers(base: Base, layers: number): Base {
  const count = Math.min(layers, base.network.layers + 1)
  if (base.trunk !== undefined) return base
  if (base.rows !== 'ids') return embedded(base)
  if (count <= 1) return embedded(base)
  return viewed(base, count)
}

function viewOfLayers(base: Base, count: number): Base {
  const network = networkOfLayers(base.network, count)
  const view = { ...base, trunk: `${count} layers` }
  return { ...view, network, published: { ...view, network: firstOf(network, base.network) } }
}

function networkOfLayers(network: Network, count: number): Network {
  const lowest = network.layers + 1 - count
  const cuts = Array.from({ length: count - 1 }, (_, index) => lowest + index)
  const width = cuts.reduce((sum, cut) => sum + network.latentWidth(cut), network.width)
  return {
    layers: network.layers,
    width,
    unit: false,
    ...(network.unit && { longest: Math.sqrt(count) }),
    latentWidth: () => width,
    sites: (cut) => network.sites(cut),
    trunk<T>(ops: Ops<T>, input: NetworkInput<T>): T {
      const hidden = network.trunk(ops, input, lowest)
      const outputs = [hidden]
      const embedding = embeddingOf(ops, network, {
        hidden,
        mask: input.mask,
        cut: lowest,
        adaptation: noting(outputs),
      })
      // The embedding is made from the last of them.
      const lower = outputs.slice(0, -1).map((h) => ops.unit(ops.maskedMean(h, input.mask)))
      return ops.concat([embedding, ...lower])
    },
    tail: (_ops, hidden) => hidden,
    pool: (_ops, embedding) => embedding,
  }
}

/** The base's own embedding, computed from the trunk of all layers. */
function firstOf({ longest: _, ...all }: Network, { width, unit }: Network): Network {
  return { ...all, width, unit, tail: (ops, hidden) => ops.columns(hidden, 0, width) }
}

/** Records each layer's output. */
function noting<T>(outputs: T[]): Adaptation<T> {
  return {
    ...unadapted<T>(),
    output(_site, hidden) {
      outputs.push(hidden)
      return hidden
    },
  }
}
