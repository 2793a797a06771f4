/**
 * A list of whole totals, exact to 2⁶³. Doubles hold whole numbers to 2⁵³; what a total has beyond is carried over in units of 2⁴⁸.
 *
 *   total = low + 2⁴⁸·high
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'

const EXACT = 2 ** 53
const CARRIED = 2 ** 48
/** Single precision holds whole numbers to 2²⁴: a checkpoint keeps three of them for a total. */
const LIMB = 2 ** 24
const [SECOND, THIRD] = ['.1', '.2']
const WORD = 2 ** 32

export class WholeTotals {
  /** What may be added to, within what was reserved. */
  readonly low: Float64Array
  #high: Float64Array | undefined
  /** No low part is greater. */
  #greatest = 0

  constructor(length: number) {
    this.low = new Float64Array(length)
  }

  get length(): number {
    return this.low.length
  }

  /** Call it before totals are changed, by up to `most` each. */
  reserve(most: number): void {
    if (this.#greatest + most >= EXACT) this.#carry()
    this.#greatest += most
  }

  /** += number, at one place. */
  addOne(at: number, number: number): void {
    this.low[at] = (this.low[at] ?? 0) + number
  }

  /** += factor · numbers, from `start` on. */
  add(start: number, numbers: Int16Array, factor: number): void {
    const { low } = this
    for (let at = 0; at < numbers.length; at += 1)
      low[start + at] = (low[start + at] ?? 0) + factor * (numbers[at] ?? 0)
  }

  /** += the totals of another list from one place up to another, from `start` on. */
  addTotals(other: WholeTotals, start = 0, from = 0, to = other.length): void {
    other.#carry()
    this.reserve(CARRIED)
    const [low, high] = [other.low.subarray(from, to), other.#high?.subarray(from, to)]
    for (const [at, total] of low.entries()) this.addOne(start + at, total)
    if (high === undefined) return
    const own = (this.#high ??= new Float64Array(this.length))
    for (const [at, part] of high.entries()) own[start + at] = (own[start + at] ?? 0) + part
  }

  /** factor · total, each rounded once. */
  values(factor = 1, from = 0, to = this.length): Float64Array {
    const [values, high] = [this.low.slice(from, to), this.#high]
    if (high !== undefined)
      for (let at = 0; at < values.length; at += 1)
        values[at] = (values[at] ?? 0) + CARRIED * (high[from + at] ?? 0)
    for (let at = 0; at < values.length; at += 1) values[at] = factor * (values[at] ?? 0)
    return values
  }

  /** The same, and zeros behind it. */
  grown(length: number): WholeTotals {
    const more = new WholeTotals(length)
    more.low.set(this.low)
    more.#greatest = this.#greatest
    if (this.#high !== undefined) (more.#high = new Float64Array(length)).set(this.#high)
    return more
  }

  /** Equal totals give equal tensors, whatever they went through. Limbs that are all zero are left out, but not the first. */
  tensors(name: string, shape: readonly number[]): Tensors {
    this.#carry()
    const { low } = this
    const [first, second] = [new Float32Array(this.length), new Float32Array(this.length)]
    let isLong = false
    for (let at = 0; at < low.length; at += 1) {
      const total = low[at] ?? 0
      const rest = Math.trunc(total / LIMB)
      // No −0: it is another number to the bit.
      first[at] = total - rest * LIMB + 0
      second[at] = rest + 0
      isLong ||= rest !== 0
    }
    const isLongest = this.#high?.some((part) => part !== 0) === true
    return new Map([
      [name, { shape, data: first }],
      ...(isLong ? [[name + SECOND, { shape, data: second }] as const] : []),
      ...(isLongest
        ? [[name + THIRD, { shape, data: new Float32Array(this.#high ?? []) }] as const]
        : []),
    ])
  }

  /** Undefined if they are of another length. */
  static from(tensors: Tensors, name: string, length: number): WholeTotals | undefined {
    const first = tensors.get(name)
    const [second, third] = [tensors.get(name + SECOND), tensors.get(name + THIRD)]
    if (!hasLength(first, length)) return undefined
    const totals = new WholeTotals(length)
    for (let at = 0; at < length; at += 1)
      totals.low[at] = (first.data[at] ?? 0) + LIMB * (second?.data[at] ?? 0)
    if (third !== undefined) totals.#high = Float64Array.from(third.data)
    totals.#greatest = CARRIED - 1
    return totals
  }

  /** Of numbers that are rounded to whole ones. */
  static rounded(numbers: ArrayLike<number>, factor: number): WholeTotals {
    const totals = new WholeTotals(numbers.length)
    for (let at = 0; at < numbers.length; at += 1)
      totals.low[at] = Math.round(factor * (numbers[at] ?? 0))
    totals.#greatest = EXACT
    return totals
  }

  /** As 64-bit whole numbers, the low word first. */
  words(from = 0, to = this.length): Uint32Array {
    const words = new Uint32Array(2 * (to - from))
    const [low, high] = [this.low, this.#high]
    // A word keeps what a number is modulo 2³².
    for (let at = from, word = 0; at < to; at += 1, word += 2) {
      const total = low[at] ?? 0
      words[word] = total
      words[word + 1] = Math.floor(total / WORD)
    }
    if (high !== undefined)
      for (let at = from, word = 1; at < to; at += 1, word += 2)
        words[word] = (words[word] ?? 0) + (CARRIED / WORD) * (high[at] ?? 0)
    return words
  }

  /** Leaves less than 2⁴⁸ in each low part, with the sign of its total. */
  #carry(): void {
    if (this.#high === undefined && this.#greatest < CARRIED) return
    const { low } = this
    const high = (this.#high ??= new Float64Array(this.length))
    for (let at = 0; at < low.length; at += 1) {
      const carried = Math.trunc((low[at] ?? 0) / CARRIED)
      let [upper, rest] = [(high[at] ?? 0) + carried, (low[at] ?? 0) - carried * CARRIED]
      const isMixed = upper * rest < 0
      if (isMixed) [upper, rest] = [upper - Math.sign(upper), rest + Math.sign(upper) * CARRIED]
      ;[high[at], low[at]] = [upper + 0, rest + 0]
    }
    this.#greatest = CARRIED - 1
  }
}

function hasLength(tensor: Tensor | undefined, length: number): tensor is Tensor {
  return tensor?.data.length === length
}
