/**
 * The sums of a closed form in whole numbers: they do not depend on the order of the examples, the blocks they came in, or
 * what was added and taken out again in between.
 *
 *   n_c += r_c      s_c += r_c·q      G += r·q·qᵀ
 *
 * q is the embedding (whole-features.ts), r the weight of the example in units of 2⁻¹⁰, divided among the classes.
 */
import { createHash } from 'node:crypto'
import { startOf } from '../../adapters/closed-form/cholesky.ts'
import type { ClassSums } from '../../contracts/adapter.ts'
import type { Tensors } from '../../contracts/core.ts'
import { addGram } from '../../nn/js/wasm/whole-products.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import type { SharedExample } from './class-moments.ts'
import { GREATEST, type WholeRow } from './whole-features.ts'
import { WholeTotals } from './whole-totals.ts'

const WEIGHT_UNITS = 2 ** 10
/** With more weight than this, 537 million examples, a total could reach 2⁶³. */
const MOST_WEIGHT = 2 ** 63 / (GREATEST ** 2 * WEIGHT_UNITS)
/** Names in a checkpoint. */
const names = {
  ...{ counts: 'exact/counts', sums: 'exact/classes', moments: 'exact/moments' },
  facts: 'exact/facts',
}
const FORMAT = 'antikythera-sums-1'

/** An example whose embedding is in whole numbers. */
export interface WholeExample extends Pick<SharedExample, 'shares' | 'isDivided'> {
  readonly whole: WholeRow
  /** What it counts for in the moments; absent = the sum of its shares. */
  readonly weight?: number | undefined
}

/** What is counted beside the sums: examples, those without a class of their own, and numbers, those that were clipped. */
const counted = ['examples', 'divided', 'numbers', 'clipped', 'rounded'] as const
type SumFacts = Readonly<Record<(typeof counted)[number], number>>

export interface SumsShape {
  readonly width: number
  /** `WholeFeatures`. */
  readonly unit: number
  readonly identity: string
  readonly needsMoments: boolean
}

export class ExactSums {
  readonly #shape: SumsShape
  #counts: WholeTotals
  #sums: WholeTotals
  #moments: WholeTotals
  #facts = new WholeTotals(counted.length)

  constructor(shape: SumsShape, classes: number) {
    const { width, needsMoments } = shape
    this.#shape = shape
    this.#counts = new WholeTotals(classes)
    this.#sums = new WholeTotals(classes * width)
    this.#moments = new WholeTotals(needsMoments ? startOf(width) : 0)
  }

  /** Columns of the classes that have been seen. */
  get seen(): readonly number[] {
    const counts = this.#counts.values()
    return [...counts.keys()].filter((column) => (counts[column] ?? 0) > 0)
  }

  get facts(): SumFacts {
    const values = this.#facts.values()
    return Object.fromEntries(counted.map((name, at) => [name, values[at]])) as SumFacts
  }

  /** Whether so much weight can be added. */
  hasRoom(weight: number): boolean {
    const all = this.#counts.values(1 / WEIGHT_UNITS)
    return all.reduce((sum, count) => sum + count, weight) < MOST_WEIGHT
  }

  addAll(examples: readonly WholeExample[]): void {
    this.#change(examples, 1)
  }

  /** Takes out what was added: the totals are as if it had never been. */
  subtractAll(examples: readonly WholeExample[]): void {
    this.#change(examples, -1)
  }

  /** The same totals; both change apart from then on. */
  copy(): ExactSums {
    const copied = new ExactSums(this.#shape, 0)
    copied.#counts = this.#counts.grown(this.#counts.length)
    copied.#sums = this.#sums.grown(this.#sums.length)
    copied.#moments = this.#moments.grown(this.#moments.length)
    copied.#facts = this.#facts.grown(this.#facts.length)
    return copied
  }

  /** As if nothing had been added. */
  clear(): void {
    this.#counts = new WholeTotals(this.#counts.length)
    this.#sums = new WholeTotals(this.#sums.length)
    this.#moments = new WholeTotals(this.#moments.length)
    this.#facts = new WholeTotals(counted.length)
  }

  /** Adds sums of the same shape over other examples. `columns`: the place here of each column there; −1 = one without examples. */
  merge(other: ExactSums, columns: readonly number[]): void {
    const { width } = this.#shape
    for (const [from, column] of columns.entries()) {
      if (column < 0) continue
      this.#counts.addTotals(other.#counts, column, from, from + 1)
      this.#sums.addTotals(other.#sums, column * width, from * width, (from + 1) * width)
    }
    this.#moments.addTotals(other.#moments)
    this.#facts.addTotals(other.#facts)
  }

  grow(classes: number): void {
    this.#counts = this.#counts.grown(classes)
    this.#sums = this.#sums.grown(classes * this.#shape.width)
  }

  /** Of these columns, in their order. */
  of(columns: readonly number[]): ClassSums {
    const { width, unit } = this.#shape
    const counts = new Float64Array(columns.length)
    const sums = new Float64Array(columns.length * width)
    for (const [at, column] of columns.entries()) {
      const [from, to] = [column * width, (column + 1) * width]
      counts.set(this.#counts.values(1 / WEIGHT_UNITS, column, column + 1), at)
      sums.set(this.#sums.values(unit / WEIGHT_UNITS, from, to), at * width)
    }
    return { width, counts, sums, moments: this.#moments.values((unit * unit) / WEIGHT_UNITS) }
  }

  /**
   * sha256 over the totals, whatever the order of the columns. `columnNames`: one for each column. The format is described in
   * deploy/verify.md.
   */
  digest(columnNames: readonly string[]): string {
    const { width, identity, needsMoments } = this.#shape
    const named = this.seen.map((column) => ({ column, name: columnNames[column] ?? '' }))
    const sorted = named.toSorted((a, b) =>
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    )
    const header = canonicalJson({
      ...{ format: FORMAT, identity, width, moments: needsMoments },
      columns: sorted.map(({ name }) => name),
    })
    const digest = createHash('sha256').update(`${header}\n`)
    for (const { column } of sorted) digest.update(this.#counts.words(column, column + 1))
    for (const { column } of sorted)
      digest.update(this.#sums.words(column * width, (column + 1) * width))
    return digest.update(this.#moments.words()).digest('hex')
  }

  snapshot(): Tensors {
    const { length } = this.#counts
    return new Map([
      ...this.#counts.tensors(names.counts, [length]),
      ...this.#sums.tensors(names.sums, [length, this.#shape.width]),
      ...this.#moments.tensors(names.moments, [this.#moments.length]),
      ...this.#facts.tensors(names.facts, [counted.length]),
    ])
  }

  /** Whether the tensors are of this shape; if not, nothing changes. */
  restore(tensors: Tensors, classes: number): boolean {
    const counts = WholeTotals.from(tensors, names.counts, classes)
    const sums = WholeTotals.from(tensors, names.sums, classes * this.#shape.width)
    const moments = WholeTotals.from(tensors, names.moments, this.#moments.length)
    const facts = WholeTotals.from(tensors, names.facts, counted.length)
    if (!counts || !sums || !moments || !facts) return false
    this.#counts = counts
    this.#sums = sums
    this.#moments = moments
    this.#facts = facts
    return true
  }

  /** From sums in floating point, of an earlier release: of no digest, because what they had rounded away is lost. */
  restoreRounded({ counts, sums, moments }: ClassSums): void {
    const { unit } = this.#shape
    this.#counts = WholeTotals.rounded(counts, WEIGHT_UNITS)
    this.#sums = WholeTotals.rounded(sums, WEIGHT_UNITS / unit)
    this.#moments = WholeTotals.rounded(moments, WEIGHT_UNITS / unit ** 2)
    this.#facts = WholeTotals.rounded([0, 0, 0, 0, 1], 1)
  }

  #change(examples: readonly WholeExample[], sign: 1 | -1): void {
    const { width } = this.#shape
    const weights = examples.map(({ shares, weight }) => {
      const whole = [...shares].map(([column, share]) => [column, units(share)] as const)
      const sum = whole.reduce((total, [, share]) => total + share, 0)
      return { whole, weight: weight === undefined ? sum : units(weight) }
    })
    const all = weights.reduce((sum, { weight }) => sum + weight, 0)
    this.#counts.reserve(all)
    this.#sums.reserve(all * GREATEST)
    const facts = [examples.length, 0, 0, 0] as [number, number, number, number]
    for (const [at, { whole, isDivided = false }] of examples.entries()) {
      const { numbers, clipped } = whole
      for (const [column, share] of weights[at]?.whole ?? []) {
        this.#counts.addOne(column, sign * share)
        this.#sums.add(column * width, numbers, sign * share)
      }
      facts[1] += Number(isDivided)
      facts[2] += numbers.length
      facts[3] += clipped
    }
    this.#facts.reserve(facts[2])
    for (const [at, fact] of facts.entries()) this.#facts.addOne(at, sign * fact)
    if (!this.#shape.needsMoments) return
    this.#moments.reserve(all * GREATEST ** 2)
    addGram(
      this.#moments.low,
      examples.map(({ whole }) => whole.numbers),
      weights.map(({ weight }) => sign * weight),
    )
  }
}

/** In units of a weight. */
function units(share: number): number {
  return Math.round(share * WEIGHT_UNITS)
}
