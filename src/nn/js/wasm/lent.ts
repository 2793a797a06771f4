/**
 * Kernels over arrays that lie elsewhere, such as the memory that TensorFlow shares: a block of each is copied into a small memory
 * that never grows, changed there and copied back. A block stays in the processor's cache, so the copies cost little.
 */
import { doubleUpdates } from './double-updates.ts'
import { exponential } from './exponentials.ts'
import { openInstance, openMemory } from './assembler.ts'

type Words = (...words: number[]) => void

/** Numbers of an array at a time. */
export const BLOCK = 4096
const PLACES = 4
const BYTES = 4 * BLOCK

const pages = { first: 2, most: 2, isShared: false }
const memory = openMemory(pages)

type Rule = 'sgd' | 'momentum' | 'adam' | 'decay' | 'average' | 'squares' | 'zeros' | 'exponential'

export const lent = openInstance([...doubleUpdates, exponential], pages, memory) as Readonly<
  Record<Rule, Words>
>

const places = Array.from(
  { length: PLACES },
  (_, place) => new Float32Array(memory.buffer, place * BYTES, BLOCK),
)
const SUMS_AT = PLACES * BYTES
const sums = new Float64Array(memory.buffer, SUMS_AT, 4)
const products = new Float32Array(memory.buffer, SUMS_AT, 4)
/** Over the last two places. */
const EXPONENTIALS_AT = 2 * BYTES
/** The last exponentials, until something else is lent. */
export const lentExponentials = new Float64Array(memory.buffer, EXPONENTIALS_AT, BLOCK)

/** Copies at most a block of numbers to a place; its address. Without numbers, `count` zeros. */
export function lend(place: number, numbers: Float32Array | undefined, count: number): number {
  if (numbers === undefined) places[place]?.fill(0, 0, count)
  else places[place]?.set(numbers)
  return place * BYTES
}

/** Copies what lies at a place now. */
export function giveBack(place: number, into: Float32Array | undefined): void {
  const all = places[place]
  if (all !== undefined) into?.set(into.length === BLOCK ? all : all.subarray(0, into.length))
}

/** Σ x² of every fourth number, from the first, the second, the third and the fourth on, of the first `count`, a multiple of four. */
export function sumsOfSquares(values: Float32Array, count: number): Float64Array {
  sums.fill(0)
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(count, from + BLOCK)
    lent.squares(SUMS_AT, lend(0, values.subarray(from, to), to - from), to - from)
  }
  return sums
}

/** exp(zᵢ − top) of at most a block of logits, none of them above `top`; the sum of these in the order of the logits. */
export function exponentiateLent(logits: Float32Array, top: number): number {
  const own = places[0]
  const { length } = logits
  own?.set(logits)
  if (length % 2 === 1 && own !== undefined) own[length] = -Infinity
  lent.exponential(EXPONENTIALS_AT, 0, SUMS_AT, length + (length % 2), top)
  return sums[0] ?? 0
}

/** Of at most a block of numbers. */
export function isFiniteBlock(values: Float32Array): boolean {
  const whole = values.length - (values.length % 4)
  products.fill(0)
  lent.zeros(SUMS_AT, lend(0, values, whole), whole)
  const [a = 0, b = 0, c = 0, d = 0] = products
  let rest = 0
  for (let at = whole; at < values.length; at += 1) rest += (values[at] ?? 0) * 0
  return a + b + c + d + rest === 0
}
