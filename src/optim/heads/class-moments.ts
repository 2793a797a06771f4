/**
 * The sums of a closed form in floating point, for embeddings without a greatest length (features), and for sums that fade;
 * those of other embeddings are exact (exact-sums.ts).
 *
 *   n_c += r_c      s_c += r_c·x      G += w·x·xᵀ      r the row's weight w, divided among the classes
 *
 * Single precision alone would round a sum of a million equal terms by a percent, and stop at 2²⁴ ones. So what it rounds
 * away is kept beside it, except of a G that no means are taken out of. The order of the stream affects only what is
 * rounded away even so.
 *
 * After a subtraction the rounding errors of larger sums are left in smaller ones, and G may no longer be positive. The
 * largest value p_i that G_ii had is kept, and G is read with more on its diagonal than these errors are:
 *
 *   G_ii + u·√(T·width)·(p_i − G_ii)      u the rounding error of 1, T = 2²⁰ terms
 *
 * Kahan (1965), "Further remarks on reducing truncation errors", CACM 8(1).
 */
import { startOf } from '../../adapters/closed-form/cholesky.ts'
import type { ClassSums, ClosedForm } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'

const names = {
  ...{ counts: 'sums/counts', sums: 'sums/classes', moments: 'sums/moments' },
  // Only after a subtraction.
  ...{ mostCounts: 'sums/counts_peak', mostMoments: 'sums/moments_peak' },
}
/** A checkpoint from before these were kept has none. */
const REST = '_rest'

const ONE = Float32Array.of(1)
/** A column with less than this part of the largest count that it had is empty: what is left is rounding. */
const LEAST_PART = 1e-6
/** u of sums with and without what is rounded away, and √T. */
const ROUNDING = { withRest: 2 ** -48, alone: 2 ** -24 }
const TERMS = 2 ** 10

export interface SharedExample {
  readonly x: Float32Array
  /** How much of the example each column gets. */
  readonly shares: ReadonlyMap<number, number>
  /** Its class is not known, only one that is wrong. */
  readonly isDivided?: boolean
}

/** The value of each is sum + rest. */
interface Totals {
  readonly sum: Float32Array
  /** Empty if it is not kept. */
  readonly rest: Float32Array
}

export class ClassMoments {
  readonly width: number
  readonly #needsMoments: boolean
  #counts: Totals
  #sums: Totals
  #moments: Totals
  /** The largest values before a subtraction: of each count, and of the diagonal of G. */
  #mostCounts: Float32Array
  #mostMoments: Float32Array

  constructor(
    width: number,
    classes: number,
    { needsMoments, subtractsMeans }: Pick<ClosedForm, 'needsMoments' | 'subtractsMeans'>,
  ) {
    this.width = width
    this.#needsMoments = needsMoments
    this.#counts = zeros(classes)
    this.#sums = zeros(classes * width)
    this.#moments = zeros(needsMoments ? startOf(width) : 0, subtractsMeans === true)
    this.#mostCounts = new Float32Array(classes)
    this.#mostMoments = new Float32Array(needsMoments ? width : 0)
  }

  get counts(): Float32Array {
    return this.#counts.sum
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
  subtractAll(examples: readonly SharedExample[]): void {
    for (const { x, shares } of examples)
      for (const [column, share] of shares) this.#subtract(x, column, share)
  }

  #subtract(x: Float32Array, column: number, weight: number): void {
    raise(this.#mostCounts, column, this.counts[column])
    for (let row = 0; row < this.#mostMoments.length; row += 1)
      raise(this.#mostMoments, row, this.#moments.sum[startOf(row + 1) - 1])
    this.add(x, new Map([[column, -weight]]))
    if ((this.counts[column] ?? 0) > LEAST_PART * (this.#mostCounts[column] ?? 0)) return
    this.#forget(column)
    if (this.seen.length > 0) return
    fill(this.#moments, 0)
    this.#mostMoments.fill(0)
  }

  /** Multiplies all sums; a class with less than `least` of an example left is forgotten. */
  fade(factor: number, least: number): void {
    for (const totals of [this.#counts, this.#sums, this.#moments]) scale(totals, factor)
    for (const most of [this.#mostCounts, this.#mostMoments])
      for (let at = 0; at < most.length; at += 1) most[at] = factor * (most[at] ?? 0)
    for (let column = 0; column < this.counts.length; column += 1) {
      const count = this.counts[column] ?? 0
      if (count !== 0 && count < least) this.#forget(column)
    }
  }

  grow(classes: number): void {
    this.#counts = grown(this.#counts, classes)
    this.#sums = grown(this.#sums, classes * this.width)
    const most = this.#mostCounts
    this.#mostCounts = new Float32Array(classes)
    this.#mostCounts.set(most)
  }

  /** Those classes alone that have been seen, by their place. */
  get seen(): readonly number[] {
    const seen: number[] = []
    for (let column = 0; column < this.counts.length; column += 1)
      if ((this.counts[column] ?? 0) > 0) seen.push(column)
    return seen
  }

  of(classes: readonly number[]): ClassSums {
    const { width } = this
    const counts = new Float64Array(classes.length)
    const sums = new Float64Array(classes.length * width)
    for (const [at, column] of classes.entries()) {
      counts.set(valuesOf(this.#counts, column, column + 1), at)
      sums.set(valuesOf(this.#sums, column * width, (column + 1) * width), at * width)
    }
    return { width, counts, sums, moments: this.#repaired() }
  }

  /** G, with the rounding errors that subtractions have left in it made harmless. */
  #repaired(): Float32Array | Float64Array {
    const moments = valuesOf(this.#moments)
    if (!this.#mostMoments.some((most) => most > 0)) return moments
    const { withRest, alone } = ROUNDING
    const rounding = this.#moments.rest.length > 0 ? withRest : alone
    const part = rounding * TERMS * Math.sqrt(this.width)
    const repaired = moments.slice()
    for (let row = 0; row < this.width; row += 1) {
      const at = startOf(row + 1) - 1
      const left = moments[at] ?? 0
      repaired[at] = Math.max(0, left) + part * Math.max(0, (this.#mostMoments[row] ?? 0) - left)
    }
    return repaired
  }

  snapshot(): Tensors {
    const { length } = this.counts
    return new Map([
      ...tensorsOf(names.counts, [length], this.#counts),
      ...tensorsOf(names.sums, [length, this.width], this.#sums),
      ...tensorsOf(names.moments, [this.#moments.sum.length], this.#moments),
      ...peaksOf(names.mostCounts, this.#mostCounts),
      ...peaksOf(names.mostMoments, this.#mostMoments),
    ])
  }

  restore(tensors: Tensors, classes: number): boolean {
    const counts = restored(tensors, names.counts, zeros(classes))
    const sums = restored(tensors, names.sums, zeros(classes * this.width))
    const { sum, rest } = this.#moments
    const moments = restored(tensors, names.moments, zeros(sum.length, rest.length > 0))
    if (counts === undefined || sums === undefined || moments === undefined) return false
    this.#counts = counts
    this.#sums = sums
    this.#moments = moments
    this.#mostCounts = peaksIn(tensors, names.mostCounts, classes)
    this.#mostMoments = peaksIn(tensors, names.mostMoments, this.#mostMoments.length)
    return true
  }

  #forget(column: number): void {
    fill(this.#counts, column, column + 1)
    fill(this.#sums, column * this.width, (column + 1) * this.width)
    this.#mostCounts[column] = 0
  }

  #addToClass(x: Float32Array, column: number, share: number): void {
    addTo(this.#counts, column, ONE, share)
    addTo(this.#sums, column * this.width, x, share)
  }

  /** Row by row of G, each for all examples while it lies in the cache: thousands of features take megabytes. */
  #addMoments(examples: readonly SharedExample[]): void {
    const weights = examples.map(({ shares }) => {
      let weight = 0
      for (const share of shares.values()) weight += share
      return weight
    })
    for (let row = 0; row < this.width; row += 1)
      for (const [at, { x }] of examples.entries()) {
        const scaled = (weights[at] ?? 0) * (x[row] ?? 0)
        // Half of the outputs of a ReLU are zero.
        if (scaled !== 0) addTo(this.#moments, startOf(row), x, scaled, row + 1)
      }
  }
}

function zeros(length: number, keepsRest = true): Totals {
  return { sum: new Float32Array(length), rest: new Float32Array(keepsRest ? length : 0) }
}

/** += factor · the first `count` of the values, from `start` on. */
function addTo(
  { sum, rest }: Totals,
  start: number,
  values: Float32Array,
  factor: number,
  count = values.length,
): void {
  if (rest.length === 0)
    for (let at = 0; at < count; at += 1)
      sum[start + at] = (sum[start + at] ?? NaN) + factor * (values[at] ?? 0)
  else
    for (let at = 0; at < count; at += 1) {
      const total = (sum[start + at] ?? NaN) + (rest[start + at] ?? 0) + factor * (values[at] ?? 0)
      sum[start + at] = total
      rest[start + at] = total - (sum[start + at] ?? 0)
    }
}

function scale({ sum, rest }: Totals, factor: number): void {
  for (let at = 0; at < sum.length; at += 1) {
    const total = factor * ((sum[at] ?? 0) + (rest.length === 0 ? 0 : (rest[at] ?? 0)))
    sum[at] = total
    if (rest.length > 0) rest[at] = total - (sum[at] ?? 0)
  }
}

function fill({ sum, rest }: Totals, from: number, to?: number): void {
  sum.fill(0, from, to)
  rest.fill(0, from, to)
}

function grown({ sum, rest }: Totals, length: number): Totals {
  const more = zeros(length)
  more.sum.set(sum)
  more.rest.set(rest)
  return more
}

function valuesOf({ sum, rest }: Totals, from = 0, to = sum.length): Float32Array | Float64Array {
  if (rest.length === 0) return sum.subarray(from, to)
  const values = new Float64Array(to - from)
  for (let at = 0; at < values.length; at += 1)
    values[at] = (sum[from + at] ?? 0) + (rest[from + at] ?? 0)
  return values
}

function tensorsOf(
  name: string,
  shape: readonly number[],
  { sum, rest }: Totals,
): readonly (readonly [string, Tensor])[] {
  const tensor = { shape, data: sum.slice() }
  return rest.length === 0
    ? [[name, tensor]]
    : [
        [name, tensor],
        [name + REST, { shape, data: rest.slice() }],
      ]
}

/** Undefined if the tensors are of other sizes. */
function restored(tensors: Tensors, name: string, { sum, rest }: Totals): Totals | undefined {
  const [stored, kept] = [tensors.get(name), tensors.get(name + REST)]
  if (stored?.data.length !== sum.length) return undefined
  sum.set(stored.data)
  if (kept?.data.length === rest.length) rest.set(kept.data)
  return { sum, rest }
}

function raise(most: Float32Array, at: number, value = 0): void {
  most[at] = Math.max(most[at] ?? 0, value)
}

function peaksOf(name: string, data: Float32Array): readonly (readonly [string, Tensor])[] {
  return data.some((most) => most > 0) ? [[name, { shape: [data.length], data: data.slice() }]] : []
}

/** Zeros if nothing was subtracted. */
function peaksIn(tensors: Tensors, name: string, length: number): Float32Array {
  const stored = tensors.get(name)?.data
  return stored?.length === length ? stored.slice() : new Float32Array(length)
}
