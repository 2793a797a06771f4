/**
 * A Mondrian tree for classes: it grows with the stream, and answers by all its prunings together.
 *
 *   E ~ Exp(Σ eⱼ/σⱼ)      split above a node if its time + E < the time of its children, along j ~ eⱼ/σⱼ, uniformly in eⱼ
 *   p = β·p_node + (1 − β)·p_child      log β/(1 − β) ← log β/(1 − β) + log p_node(y) − log p_child(y)
 *
 * e is how far an example lies outside the box of a node's examples, σ the scale of a feature. β weighs each node against what
 * lies below it as context tree weighting does, so no depth has to be chosen: the answer is the mean over all prunings, each by how
 * probable it found the stream. Three things differ from the paper. Where the answer is known already, a node is split in the
 * early part of time alone: that saves leaves, and in the early part it keeps boxes from joining places that lie far apart,
 * which nothing could split later. β is bounded, so that a change of concept is followed. And where there is no more room, the
 * leaves go that say least beyond the node above them.
 *
 * Mourtada, Gaïffas & Scornet (2021), "AMF: Aggregated Mondrian forests for online learning", JRSS-B 83(3); Lakshminarayanan, Roy &
 * Teh (2014), "Mondrian forests: efficient online random forests", NIPS.
 */
import type { Tensor } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'

/** Numbers of a node, before the lower and upper corner of its box and the weight of each class. LEFT is 0 in a leaf. */
const [FEATURE, THRESHOLD, LEFT, TIME, ODDS, TOTAL, BOX] = [0, 1, 2, 3, 4, 5, 6] as const

/** Weight of each class before there are examples. */
const PRIOR = 0.05
/** A node is split until this time even where the answer is known. */
const KNOWN_UNTIL = 0.5
/** The probability of the right class from which on the answer is known. */
const SURE = 0.6
/** The bound of log β/(1 − β). */
const MOST_ODDS = 30
/** The part of the leaves that is taken away where there is no more room. */
const TRIMMED = 1 / 32

export function numbersOfNode(width: number, classes: number): number {
  return BOX + 2 * width + classes
}

export interface TreeGrowth {
  /** A number in (0, 1), another with each call. */
  readonly draw: () => number
  /** σ */
  readonly scale: ArrayLike<number>
  /** The most leaves. */
  readonly leaves: number
}

/** Where the answer of a tree is the same. */
export interface TreeLeaf {
  /** It holds each x with low < x ≤ high. */
  readonly low: Float32Array
  readonly high: Float32Array
  /** The probability of each class. */
  readonly shares: Float64Array
}

interface TreeSplit {
  readonly time: number
  readonly feature: number
  readonly threshold: number
  /** The example lies above the box. */
  readonly isAbove: boolean
}

export class MondrianTree {
  readonly #width: number
  #classes = 0
  #nodes = 0
  /** [nodes][stride], the root first; the right child lies behind the left one. */
  #data: Float32Array = new Float32Array()
  /** A snapshot holds the same numbers: they are copied before the next change. */
  #isShared = false

  constructor(width: number) {
    this.#width = width
  }

  get leafCount(): number {
    return this.#nodes === 0 ? 0 : (this.#nodes + 1) / 2
  }

  grow(classes: number): void {
    if (classes <= this.#classes) return
    const [before, old] = [this.#stride, this.#data]
    this.#classes = classes
    this.#data = new Float32Array((old.length / before) * this.#stride)
    for (let node = 0; node < this.#nodes; node += 1)
      this.#data.set(old.subarray(node * before, (node + 1) * before), node * this.#stride)
    this.#isShared = false
  }

  learn(x: Float32Array, column: number, weight: number, growth: TreeGrowth): void {
    this.#makeRoom()
    if (this.#isFull(growth)) this.#trim(growth)
    if (this.#nodes === 0) {
      this.#nodes = 1
      this.#begin(0, x, 0)
      this.#count(0, x, column, weight)
      return
    }
    const path: number[] = []
    let at = 0
    let moved: number | undefined
    while (moved === undefined) {
      const split = this.#splitOf(at, x, column, growth)
      if (split !== undefined) moved = this.#splitAbove(at, split, { x, column, weight })
      else if (this.#left(at) === 0) {
        moved = weight * Math.log(this.#share(at, column))
        this.#count(at, x, column, weight)
      } else {
        path.push(at)
        at = this.#childOf(at, x)
      }
    }
    for (const node of path.reverse()) {
      moved = this.#weigh(node, weight * Math.log(this.#share(node, column)), moved)
      this.#count(node, x, column, weight)
    }
  }

  /** Adds the probability of each class at x. */
  addShares(x: Float32Array, into: Float64Array): void {
    if (this.#nodes === 0) return
    let rest = 1
    for (let at = 0; ; at = this.#childOf(at, x)) {
      rest = this.#addShares(at, rest, into)
      if (this.#left(at) === 0) return
    }
  }

  leaves(): readonly TreeLeaf[] {
    if (this.#nodes === 0) return []
    const found: TreeLeaf[] = []
    const all = (value: number) => new Float32Array(this.#width).fill(value)
    const walk = (at: number, rest: number, box: Omit<TreeLeaf, 'shares'>, above: Float64Array) => {
      const own = above.slice()
      const below = this.#addShares(at, rest, own)
      const left = this.#left(at)
      if (left === 0) {
        found.push({ ...box, shares: own })
        return
      }
      const [feature, threshold] = [this.#data[at + FEATURE] ?? 0, this.#data[at + THRESHOLD] ?? 0]
      const { low, high } = box
      walk(left, below, { low, high: high.with(feature, threshold) }, own)
      walk(left + this.#stride, below, { low: low.with(feature, threshold), high }, own)
    }
    walk(0, 1, { low: all(-Infinity), high: all(Infinity) }, new Float64Array(this.#classes))
    return found
  }

  snapshot(): Tensor {
    if (!this.#isShared) this.#data = this.#data.slice(0, this.#nodes * this.#stride)
    this.#isShared = true
    return { shape: [this.#nodes, this.#stride], data: this.#data }
  }

  /** Whether it is of this width. */
  restore({ shape: [nodes = 0, stride = 0], data }: Tensor): boolean {
    const classes = stride - BOX - 2 * this.#width
    if (classes < 0) return false
    ;[this.#nodes, this.#classes, this.#data] = [nodes, classes, data]
    this.#isShared = true
    return true
  }

  reset(): void {
    ;[this.#nodes, this.#classes, this.#data] = [0, 0, new Float32Array()]
    this.#isShared = false
  }

  get #stride(): number {
    return numbersOfNode(this.#width, this.#classes)
  }

  /** There is no room for another leaf. */
  #isFull({ leaves }: TreeGrowth): boolean {
    return this.#nodes + 1 >= 2 * leaves
  }

  /** Where its left child lies; 0 in a leaf. */
  #left(at: number): number {
    return (this.#data[at + LEFT] ?? 0) * this.#stride
  }

  #childOf(at: number, x: Float32Array): number {
    const isAbove = (x[this.#data[at + FEATURE] ?? 0] ?? 0) > (this.#data[at + THRESHOLD] ?? 0)
    return this.#left(at) + (isAbove ? this.#stride : 0)
  }

  #countOf(at: number, column: number): number {
    return this.#data[at + BOX + 2 * this.#width + column] ?? 0
  }

  #share(at: number, column: number): number {
    const total = this.#data[at + TOTAL] ?? 0
    return (this.#countOf(at, column) + PRIOR) / (total + PRIOR * this.#classes)
  }

  /** Adds what a node itself says; the part that is left for what lies below it. */
  #addShares(at: number, rest: number, into: Float64Array): number {
    const own = this.#ownPart(at, rest)
    for (let column = 0; column < this.#classes; column += 1)
      into[column] = (into[column] ?? 0) + own * this.#share(at, column)
    return rest - own
  }

  #ownPart(at: number, rest: number): number {
    return this.#left(at) === 0 ? rest : rest * chance(this.#data[at + ODDS] ?? 0)
  }

  /** How far x lies outside the box along a feature: below it negative. */
  #outside(at: number, x: Float32Array, feature: number): number {
    const value = x[feature] ?? 0
    const low = this.#data[at + BOX + feature] ?? 0
    const high = this.#data[at + BOX + this.#width + feature] ?? 0
    return value > high ? value - high : Math.min(0, value - low)
  }

  #splitOf(at: number, x: Float32Array, column: number, growth: TreeGrowth): TreeSplit | undefined {
    if (this.#isFull(growth)) return undefined
    const extension = (feature: number) => {
      const scale = growth.scale[feature] ?? 0
      return scale > 0 ? Math.abs(this.#outside(at, x, feature)) / scale : 0
    }
    let sum = 0
    for (let feature = 0; feature < this.#width; feature += 1) sum += extension(feature)
    if (sum === 0) return undefined
    const time = Math.fround((this.#data[at + TIME] ?? 0) - Math.log(growth.draw()) / sum)
    if (time >= KNOWN_UNTIL && this.#answer(at, x, column) >= SURE) return undefined
    const left = this.#left(at)
    if (left > 0 && time >= (this.#data[left + TIME] ?? 0)) return undefined
    let place = growth.draw() * sum
    let feature = -1
    for (let each = 0; each < this.#width && place >= 0; each += 1) {
      const own = extension(each)
      if (own === 0) continue
      feature = each
      place -= own
    }
    const value = x[feature] ?? 0
    const isAbove = this.#outside(at, x, feature) > 0
    const edge = this.#data[at + BOX + (isAbove ? this.#width : 0) + feature] ?? 0
    const [low, high] = isAbove ? [edge, value] : [value, edge]
    const threshold = Math.fround(low + growth.draw() * (high - low))
    return { time, feature, threshold: threshold < high ? threshold : low, isAbove }
  }

  /** The node moves one down, beside a leaf of the example; how far the log of their probability of the stream moves. */
  #splitAbove(
    at: number,
    { time, feature, threshold, isAbove }: TreeSplit,
    { x, column, weight }: { x: Float32Array; column: number; weight: number },
  ): number {
    const [data, stride] = [this.#data, this.#stride]
    const left = this.#nodes * stride
    const [moved, leaf] = isAbove ? [left, left + stride] : [left + stride, left]
    const odds = this.#left(at) === 0 ? 0 : Math.LN2 - Math.log1p(Math.exp(-(data[at + ODDS] ?? 0)))
    data.copyWithin(moved, at, at + stride)
    data[moved + TIME] = time
    data[at + FEATURE] = feature
    data[at + THRESHOLD] = threshold
    data[at + LEFT] = this.#nodes
    data[at + ODDS] = odds
    this.#nodes += 2
    this.#begin(leaf, x, time)
    this.#count(leaf, x, column, weight)
    const change = this.#weigh(at, weight * Math.log(this.#share(at, column)), 0)
    this.#count(at, x, column, weight)
    return change
  }

  /** By how probable a node and what lies below it have found an example; the log of both together. */
  #weigh(at: number, own: number, below: number): number {
    const odds = this.#data[at + ODDS] ?? 0
    const share = chance(odds)
    this.#data[at + ODDS] = Math.max(-MOST_ODDS, Math.min(MOST_ODDS, odds + own - below))
    return Math.log(share * Math.exp(own) + (1 - share) * Math.exp(below))
  }

  /** The probability of a class by the nodes from this one down. */
  #answer(at: number, x: Float32Array, column: number): number {
    if (this.#countOf(at, column) === this.#data[at + TOTAL]) return 1
    let [rest, sum] = [1, 0]
    for (let node = at; ; node = this.#childOf(node, x)) {
      const own = this.#ownPart(node, rest)
      sum += own * this.#share(node, column)
      if (this.#left(node) === 0) return sum
      rest -= own
    }
  }

  #begin(at: number, x: Float32Array, time: number): void {
    this.#data.fill(0, at, at + this.#stride)
    this.#data[at + TIME] = time
    this.#data.set(x, at + BOX)
    this.#data.set(x, at + BOX + this.#width)
  }

  #count(at: number, x: Float32Array, column: number, weight: number): void {
    const data = this.#data
    for (let feature = 0; feature < this.#width; feature += 1) {
      const outside = this.#outside(at, x, feature)
      if (outside < 0) data[at + BOX + feature] = x[feature] ?? 0
      if (outside > 0) data[at + BOX + this.#width + feature] = x[feature] ?? 0
    }
    const place = at + BOX + 2 * this.#width + column
    data[place] = (data[place] ?? 0) + weight
    data[at + TOTAL] = (data[at + TOTAL] ?? 0) + weight
  }

  #makeRoom(): void {
    const stride = this.#stride
    if (!this.#isShared && (this.#nodes + 2) * stride <= this.#data.length) return
    const data = new Float32Array(2 * (this.#nodes + 2) * stride)
    data.set(this.#data.subarray(0, this.#nodes * stride))
    this.#data = data
    this.#isShared = false
  }

  /** Takes away the leaves that say least beyond the node above them. */
  #trim(growth: TreeGrowth): void {
    const [data, stride] = [this.#data, this.#stride]
    const isPair = (left: number) =>
      left > 0 && this.#left(left) === 0 && this.#left(left + stride) === 0
    const parents: number[] = []
    for (let at = 0; at < this.#nodes * stride; at += stride)
      if (isPair(this.#left(at))) parents.push(at)
    const oddsOf = (at: number) => data[at + ODDS] ?? 0
    parents.sort((one, other) => oddsOf(other) - oddsOf(one) || one - other)
    for (const at of parents.slice(0, Math.max(1, Math.floor(TRIMMED * growth.leaves))))
      data[at + LEFT] = data[at + ODDS] = 0
    this.#compact()
    if (this.#isFull(growth) && this.#nodes > 1) this.#trim(growth)
  }

  /** The nodes that are reached, the root first. */
  #compact(): void {
    const stride = this.#stride
    const data = new Float32Array(this.#data.length)
    data.set(this.#data.subarray(0, stride))
    let nodes = 1
    const places: (readonly [from: number, to: number])[] = [[0, 0]]
    for (const [from, to] of places) {
      const left = this.#left(from)
      if (left === 0) continue
      const next = nodes * stride
      data[to + LEFT] = nodes
      data.set(this.#data.subarray(left, left + 2 * stride), next)
      places.push([left, next], [left + stride, next + stride])
      nodes += 2
    }
    invariant(nodes <= this.#nodes, 'a tree shrinks')
    ;[this.#data, this.#nodes] = [data, nodes]
  }
}

function chance(odds: number): number {
  return 1 / (1 + Math.exp(-odds))
}
