/**
 * What the examples of a mixture are compared by. A base with statistics keeps the numbers of an input, and places them
 * by the statistics of the moment; any other keeps its embedding, which nothing changes.
 */
import type { Tensors } from '../contracts/core.ts'
import type { Base, Latent } from '../contracts/network.ts'
import { openTape } from '../nn/js/ops.ts'
import { comparedWidth } from '../nn/mixture.ts'
import type { KnnEngine } from './knn-engine.ts'

export interface ComparedEngine {
  readonly width: number
  /** Of what is compared, as it usually is. */
  readonly squareLength: number
  /** What is stored of an example. */
  keep(latent: Latent): Float32Array
  /** Where stored examples lie. */
  place(kept: readonly Float32Array[], statistics: Tensors): readonly Float32Array[]
  /** Those of the statistics that the place depends on; zeros before there are any. */
  statisticsOf(statistics: Tensors): Tensors
}

export function openComparedEngine(
  base: Base,
  { embed }: Pick<KnnEngine, 'embed'>,
): ComparedEngine {
  const { network, statistics: counted } = base
  const { compared } = network
  const width = comparedWidth(base)
  if (compared === undefined)
    return {
      ...{ width, squareLength: 1 },
      keep: embed,
      place: (kept) => kept,
      statisticsOf: () => new Map(),
    }
  const specs = counted?.parameters ?? []
  const statisticsOf = (statistics: Tensors): Tensors =>
    new Map(
      specs.map(({ name, shape }) => {
        const size = shape.reduce((product, each) => product * each, 1)
        return [name, statistics.get(name) ?? { shape, data: new Float32Array(size) }]
      }),
    )
  return {
    ...{ width, squareLength: width },
    keep: ({ data }) => data.slice(0, compared.numbers),
    place(kept, statistics) {
      if (kept.length === 0) return []
      const { numbers } = compared
      const data = new Float32Array(kept.length * numbers)
      for (const [row, vector] of kept.entries()) data.set(vector, row * numbers)
      const { ops } = openTape(base.weights, statisticsOf(statistics))
      const placed = compared.of(ops, { shape: [kept.length, 1, numbers], data, fixed: true })
      return kept.map((_, row) => placed.data.slice(row * width, (row + 1) * width))
    },
    statisticsOf,
  }
}
