/**
 * An expert of a mixture that forgets nothing: Mondrian trees on the numbers of a table as they were sent. Where a stream comes back
 * to a region, it knows what was right there, however many other examples came between. Its trees lie in a version as their leaves
 * (nn/mixture.ts).
 *
 *   p = mean over trees of p_tree(x)      σ = mean |x − mean| of each feature
 *
 * A tree cannot subtract an example: what was retracted stays in its counts until the experts start again, as in the weights of
 * the adapter. All its random numbers come from the number of examples so far, so that its state needs no generator.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { ForestLeaf } from '../../nn/mixture.ts'
import { MondrianTree, numbersOfNode } from './mondrian-tree.ts'

const TREES = 6
/** The most leaves of a tree. */
const MOST_LEAVES = 512
/** The most numbers in all trees: 4 bytes each, in the checkpoint of each update. */
const MOST_NUMBERS = 131_072
/** Each example moves the scale of a feature by at least this fraction of the difference. */
const FOLLOWING = 0.002
/** An example moves the scale by no more than so many scales. */
const FAR = 8
/** Examples from which on a far one is bound. */
const SCALED = 16

const COUNT = 'count'
const SCALE = 'scale'
const DIGIT = 2 ** 20

export class MondrianForest {
  readonly width: number
  readonly #trees: readonly MondrianTree[]
  /** How many examples it has learned. */
  #count = 0
  #mean: Float32Array
  #scale: Float32Array

  constructor(width: number) {
    this.width = width
    this.#trees = Array.from({ length: TREES }, () => new MondrianTree(width))
    this.#mean = new Float32Array(width)
    this.#scale = new Float32Array(width)
  }

  /** The probability of each output, of those that may answer; undefined before it has learned something. */
  shares(
    x: Float32Array,
    answering: readonly number[],
    outputs: number,
  ): readonly number[] | undefined {
    if (this.#count === 0) return undefined
    const shares = new Array<number>(outputs).fill(0)
    for (const tree of this.#trees) {
      const all = new Float64Array(outputs)
      tree.addShares(x, all)
      for (const [column, share] of sharesAmong(all, answering, outputs).entries())
        shares[column] = (shares[column] ?? 0) + share / TREES
    }
    return shares
  }

  learn(x: Float32Array, column: number, weight: number, outputs: number): void {
    if (!x.every(Number.isFinite)) return
    this.#count += 1
    this.#follow(x)
    const room = Math.floor(MOST_NUMBERS / (2 * TREES * numbersOfNode(this.width, outputs)))
    const growth = { scale: this.#scale, leaves: Math.min(MOST_LEAVES, room) }
    for (const [at, tree] of this.#trees.entries()) {
      tree.grow(outputs)
      tree.learn(x, column, weight, { ...growth, draw: drawing(this.#count * TREES + at) })
    }
  }

  get leafCount(): number {
    return this.#trees.reduce((sum, { leafCount }) => sum + leafCount, 0)
  }

  /** As a version has them: those that hold x, one of each tree, add up to the answer. */
  leaves(answering: readonly number[], outputs: number): readonly ForestLeaf[] {
    const all = this.#trees.flatMap((tree) => tree.leaves())
    return all.map(({ low, high, shares }) => ({
      ...{ low, high },
      shares: sharesAmong(shares, answering, outputs).map((share) => share / TREES),
    }))
  }

  snapshot(): Tensors {
    const count = Float32Array.of(Math.floor(this.#count / DIGIT), this.#count % DIGIT)
    const scale = new Float32Array(2 * this.width)
    scale.set(this.#mean)
    scale.set(this.#scale, this.width)
    return new Map<string, Tensor>([
      [COUNT, { shape: [2], data: count }],
      [SCALE, { shape: [2, this.width], data: scale }],
      ...this.#trees.map((tree, at) => [String(at), tree.snapshot()] as const),
    ])
  }

  /** Without its tensors, as in the state of an earlier release, it starts again. */
  restore(tensors: Tensors): void {
    const [count, scale] = [tensors.get(COUNT)?.data, tensors.get(SCALE)?.data]
    const fits =
      scale?.length === 2 * this.width &&
      this.#trees.every((tree, at) => {
        const own = tensors.get(String(at))
        return own !== undefined && tree.restore(own)
      })
    if (!fits) {
      this.reset()
      return
    }
    this.#count = (count?.[0] ?? 0) * DIGIT + (count?.[1] ?? 0)
    this.#mean = scale.slice(0, this.width)
    this.#scale = scale.slice(this.width)
  }

  reset(): void {
    this.#count = 0
    this.#mean.fill(0)
    this.#scale.fill(0)
    for (const tree of this.#trees) tree.reset()
  }

  /** The scale of each feature follows the stream; single far values hardly move it. */
  #follow(x: Float32Array): void {
    const rate = Math.max(FOLLOWING, 1 / this.#count)
    for (let feature = 0; feature < this.width; feature += 1) {
      const scale = this.#scale[feature] ?? 0
      const offset = (x[feature] ?? 0) - (this.#mean[feature] ?? 0)
      const most = this.#count > SCALED && scale > 0 ? FAR * scale : Infinity
      const bound = Math.max(-most, Math.min(most, offset))
      this.#mean[feature] = (this.#mean[feature] ?? 0) + rate * bound
      if (this.#count > 1) this.#scale[feature] = scale + rate * (Math.abs(bound) - scale)
    }
  }
}

/** Uniform in (0, 1), a sequence for each seed: SplitMix of Steele, Lea & Flood (2014), in 32 bits. */
function drawing(seed: number): () => number {
  let state = mixed(seed)
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    return (mixed(state) + 0.5) / 2 ** 32
  }
}

function mixed(word: number): number {
  let z = word >>> 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

function sharesAmong(all: ArrayLike<number>, answering: readonly number[], outputs: number) {
  const shares = new Array<number>(outputs).fill(0)
  let sum = 0
  for (const column of answering) sum += all[column] ?? 0
  for (const column of answering)
    if (column < outputs) shares[column] = sum > 0 ? (all[column] ?? 0) / sum : 0
  return shares
}
