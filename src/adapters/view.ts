/** The base as the head of a method sees it. */
import type { AdapterConfig, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Base } from '../contracts/base.ts'
import { embeddingOf, unadapted } from '../nn/head-input.ts'
import type { Network, NetworkInput } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import type { TaskHead } from '../contracts/task.ts'

/** `reads`: what the head of its task reads. */
export function viewOf(
  base: Base,
  method: MethodPlugin,
  config: AdapterConfig,
  reads: TaskHead['reads'] = 'pooled',
): Base {
  return method.open(config).view?.(base, reads) ?? base
}

/** One view per base and key, created on first use: creation takes time, and engines keep its results. */
export function memoized<Key>(
  make: (base: Base, key: Key) => Base,
): (base: Base, key: Key) => Base {
  const made = new WeakMap<Base, Map<Key, Base>>()
  return (base, key) => {
    const views = made.get(base) ?? new Map<Key, Base>()
    made.set(base, views)
    const view = views.get(key) ?? make(base, key)
    views.set(key, view)
    return view
  }
}

/**
 * A base of texts or pictures that is frozen up to its embedding. A method that learns only the head needs just that one vector of an
 * example: its latent has one position where the text has many tokens, or the picture many places, and a step starts at the head.
 */
const viewed = memoized<'embedding'>((base, trunk) => {
  const view: Base = { ...base, trunk, network: embedding(base.network) }
  return { ...view, published: view }
})

/** Equal arguments give the same object. A features base keeps its tail for its numbers. */
export function embedded(base: Base): Base {
  const { rows, places, trunk } = base
  const isLong = rows === 'ids' || places !== undefined
  return isLong && trunk === undefined ? viewed(base, 'embedding') : base
}

/** Whether nothing of the network is left for a step: the head reads what the trunk answers. */
export function isEmbedded({ trunk }: Pick<Base, 'trunk'>): boolean {
  return trunk === 'embedding'
}

function embedding(network: Network): Network {
  const { layers, width } = network
  return {
    ...network,
    latentWidth: () => width,
    trunk<T>(ops: Ops<T>, input: NetworkInput<T>): T {
      const hidden = network.trunk(ops, input, layers)
      return embeddingOf(ops, network, {
        hidden,
        mask: input.mask,
        cut: layers,
        adaptation: unadapted(),
      })
    },
    tail: (_ops, hidden) => hidden,
    pool: (_ops, embedding) => embedding,
  }
}

/** Its embedding is that of the base: only a head learns. */
export function isFrozen({ adaptation }: Pick<Method, 'adaptation'>): boolean {
  return adaptation === unadapted
}
