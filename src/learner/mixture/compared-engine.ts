/**
 * The vectors by which a mixture compares examples: for a base with statistics the numbers of the input, standardised
 * by the statistics of the moment; for any other base the embedding, which nothing changes.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Latent } from '../../contracts/network.ts'
import { openTape } from '../../nn/js/ops.ts'
import { comparedWidth } from '../../nn/mixture.ts'
import type { KnnEngine } from '../knn-engine.ts'

export interface ComparedEngine {
  readonly width: number
  /** The usual |x|² of the compared vectors. */
  readonly squareLength: number
  /** The vector that is stored of an example. */
  keep(latent: Latent): Float32Array
  /** The places of stored vectors, by these statistics. */
  place(kept: readonly Float32Array[], statistics: Tensors): readonly Float32Array[]
  /** The statistics that places depend on; zeros before there are any. */
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
      keep: onceFor(embed),
      place: (kept) => kept,
      statisticsOf: () => new Map(),
    }
  let tape: ReturnType<typeof placing> | undefined
  let placed: readonly PlacedVector[] = []
  const specs = counted?.parameters ?? []
  const zeros = new Map<string, Tensor>()
  const statisticsOf = (statistics: Tensors): Tensors =>
    new Map(
      specs.map(({ name, shape }) => {
        const known = statistics.get(name) ?? zeros.get(name)
        const size = shape.reduce((product, each) => product * each, 1)
        const tensor = known ?? { shape, data: new Float32Array(size) }
        if (known === undefined) zeros.set(name, tensor)
        return [name, tensor]
      }),
    )
  return {
    ...{ width, squareLength: width },
    keep: ({ data }) => data.slice(0, compared.numbers),
    place(kept, statistics) {
      let counted: Tensors | undefined
      return kept.map((vector) => {
        const known = placed.find((one) => isSame(one, vector, statistics))
        if (known !== undefined) return known.place
        counted ??= statisticsOf(statistics)
        if (tape?.isValid() === true) tape.again(counted, vector)
        else tape = placing(base, compared, counted, vector)
        const place = tape.placed.data.slice()
        placed = [{ vector, statistics, place }, ...placed.slice(0, REMEMBERED - 1)]
        return place
      })
    },
    statisticsOf,
  }
}

/** An example is tested and then learned, and an embedding is a forward pass of the tail. */
function onceFor(embed: KnnEngine['embed']): KnnEngine['embed'] {
  const known = new WeakMap<Latent, Float32Array>()
  return (latent) => {
    const found = known.get(latent) ?? embed(latent)
    known.set(latent, found)
    return found
  }
}

interface PlacedVector {
  readonly vector: Float32Array
  readonly statistics: Tensors
  readonly place: Float32Array
}

/** An example is placed when it is tested, when it is learned, and when the next one is compared with it. */
const REMEMBERED = 2

function isSame({ vector, statistics }: PlacedVector, other: Float32Array, by: Tensors): boolean {
  if (statistics !== by || vector.length !== other.length) return false
  for (let at = 0; at < other.length; at += 1) if (!Object.is(vector[at], other[at])) return false
  return true
}

/** One vector on a tape, which places the next ones too. */
function placing(
  base: Base,
  compared: NonNullable<Base['network']['compared']>,
  statistics: Tensors,
  first: Float32Array,
) {
  const tape = openTape(base.weights, statistics)
  const input = tape.input({ shape: [1, 1, compared.numbers], data: first })
  const placed = compared.of(tape.ops, input)
  return {
    placed,
    isValid: () => tape.isValid,
    again(others: Tensors, vector: Float32Array) {
      input.data.set(vector)
      tape.again(others)
    },
  }
}
