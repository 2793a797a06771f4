/** The vectors by which stored examples are compared, and their vote together with the head. */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Latent } from '../../contracts/network.ts'
import { openTape } from '../../nn/js/ops.ts'
import { comparedWidth, forestWidth } from '../../nn/mixture.ts'
import { memoryEmbedding, withMemory } from '../../nn/memory.ts'
import type { TensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../../nn/tfjs/ops.ts'
import type { BaseTensors } from '../../optim/engines/eager-pass.ts'
import { padded } from '../../optim/engines/batch.ts'

/**
 * The vectors by which a mixture compares examples: for a base with statistics the numbers of the input, standardised
 * by the statistics of the moment; for any other base the embedding, which nothing changes.
 */
export interface ComparedEngine {
  readonly width: number
  /** The usual |x|² of the compared vectors. */
  readonly squareLength: number
  /** How many of the numbers that it keeps a forest reads; undefined if there is no forest. */
  readonly forestWidth?: number | undefined
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
  const numbers = forestWidth(base)
  if (compared === undefined)
    return {
      ...{ width, squareLength: 1, forestWidth: numbers },
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
    ...{ width, squareLength: width, forestWidth: numbers },
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

/** An example is tested, learned and asked again with each candidate, and an embedding is a forward pass of the tail. */
export function onceFor(embed: KnnEngine['embed']): KnnEngine['embed'] {
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

/**
 * kNN memory on the engine: the embedding of an example, and the combination of its votes with the head's logits.
 * Leaves no tensor (law 8).
 */
export interface KnnEngine {
  /** The embedding, of length 1. One row at a time, so that it does not depend on its company. */
  embed(latent: Latent): Float32Array
  /** The logits of a version with this head and memory. */
  mix(memory: Tensors, logits: Float32Array, embedding: Float32Array): Float32Array
}

export interface KnnEngineParts {
  readonly tf: TensorFlow
  /** As it was published, up to where inputs are compared. */
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
