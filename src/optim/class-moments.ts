/**
 * The sums of a closed form, in plain memory: they only grow, by examples and by classes.
 *
 *   n_c += r_c      s_c += r_c·x      G += w·x·xᵀ      r the row's weight w, divided among the classes
 *
 * Single precision, in which a sum of n similar terms is off by about √n parts in 10⁷; after a billion events it stops
 * growing. The order of the stream affects only that rounding.
 */
import type { ClassSums } from '../contracts/adapter.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import { startOf } from '../adapters/closed-form/cholesky.ts'
import { invariant } from '../platform/errors.ts'

const names = { counts: 'sums/counts', sums: 'sums/classes', moments: 'sums/moments' }

/** The least count of a column; anything less is rounding. */
const LEAST_COUNT = 1e-3

export interface SharedExample {
  readonly x: Float32Array
  /** How much of the example each column gets. */
  readonly shares: ReadonlyMap<number, number>
}

export class ClassMoments implements ClassSums {
  readonly width: number
  readonly #needsMoments: boolean
  counts: Float32Array
  sums: Float32Array
  moments: Float32Array

  constructor(width: number, classes: number, needsMoments: boolean) {
    this.width = width
    this.#needsMoments = needsMoments
    this.counts = new Float32Array(classes)
    this.sums = new Float32Array(classes * width)
    this.moments = new Float32Array(needsMoments ? startOf(width) : 0)
  }

  add(x: Float32Array, shares: ReadonlyMap<number, number>): void {
    this.addAll([{ x, shares }])
  }

  addAll(examples: readonly SharedExample[]): void {
    for (const { x, shares } of examples) {
      invariant(x.length === this.width, 'an embedding of another width')
      for (const [column, share] of shares) this.#addToClass(x, column, share)
    }
    if (this.#needsMoments) this.#addMoments(examples)
  }

  /** Subtracts what was added; an emptied column becomes exactly zero, without rounding errors. */
  subtract(x: Float32Array, column: number, weight: number): void {
    this.add(x, new Map([[column, -weight]]))
    if ((this.counts[column] ?? 0) > LEAST_COUNT) return
    this.counts[column] = 0
    this.sums.fill(0, column * this.width, (column + 1) * this.width)
  }

  /** Multiplies all sums; a class with less than `least` of an example left is forgotten. */
  fade(factor: number, least: number): void {
    for (const sums of [this.counts, this.sums, this.moments])
      for (let at = 0; at < sums.length; at += 1) sums[at] = factor * (sums[at] ?? 0)
    for (let column = 0; column < this.counts.length; column += 1) {
      const count = this.counts[column] ?? 0
      if (count === 0 || count >= least) continue
      this.counts[column] = 0
      this.sums.fill(0, column * this.width, (column + 1) * this.width)
    }
  }

  grow(classes: number): void {
    const [counts, sums] = [new Float32Array(classes), new Float32Array(classes * this.width)]
    counts.set(this.counts)
    sums.set(this.sums)
    this.counts = counts
    this.sums = sums
  }

  /** Those classes alone that have been seen, by their place. */
  get seen(): readonly number[] {
    const seen: number[] = []
    for (let column = 0; column < this.counts.length; column += 1)
      if ((this.counts[column] ?? 0) > 0) seen.push(column)
    return seen
  }

  of(classes: readonly number[]): ClassSums {
    const counts = Float32Array.from(classes, (column) => this.counts[column] ?? 0)
    const sums = new Float32Array(classes.length * this.width)
    for (const [at, column] of classes.entries())
      sums.set(this.sums.subarray(column * this.width, (column + 1) * this.width), at * this.width)
    return { width: this.width, counts, sums, moments: this.moments }
  }

  snapshot(): Tensors {
    const { width, counts, sums, moments } = this
    const tensors: [string, Tensor][] = [
      [names.counts, { shape: [counts.length], data: counts.slice() }],
      [names.sums, { shape: [counts.length, width], data: sums.slice() }],
      [names.moments, { shape: [moments.length], data: moments.slice() }],
    ]
    return new Map(tensors)
  }

  restore(tensors: Tensors, classes: number): boolean {
    const [counts, sums, moments] = [names.counts, names.sums, names.moments].map(
      (name) => tensors.get(name)?.data,
    )
    if (counts?.length !== classes || sums?.length !== classes * this.width) return false
    if (moments?.length !== this.moments.length) return false
    this.counts = counts.slice()
    this.sums = sums.slice()
    this.moments = moments.slice()
    return true
  }

  #addToClass(x: Float32Array, column: number, share: number): void {
    this.counts[column] = (this.counts[column] ?? NaN) + share
    const start = column * this.width
    for (let at = 0; at < x.length; at += 1)
      this.sums[start + at] = (this.sums[start + at] ?? NaN) + share * (x[at] ?? 0)
  }

  /** Row by row of G, each for all examples while it lies in the cache: thousands of features take megabytes. */
  #addMoments(examples: readonly SharedExample[]): void {
    const { moments, width } = this
    const weights = examples.map(({ shares }) => {
      let weight = 0
      for (const share of shares.values()) weight += share
      return weight
    })
    for (let row = 0; row < width; row += 1) {
      const start = startOf(row)
      for (const [at, { x }] of examples.entries()) {
        const scaled = (weights[at] ?? 0) * (x[row] ?? 0)
        // Half of the outputs of a ReLU are zero.
        if (scaled === 0) continue
        for (let column = 0; column <= row; column += 1)
          moments[start + column] = (moments[start + column] ?? 0) + scaled * (x[column] ?? 0)
      }
    }
  }
}
