/**
 * A closed form that can forget: linear discriminants from class means and one covariance, as in `slda`, with sums that
 * fade, and with the shares of the classes in them as prior.
 *
 *   n, s, G ← λ·(n, s, G) + the example      Λ = ((1 − ε)·Σ + max(ε·tr(Σ)/d, δ·tr(G)/n)·I)⁻¹      ε = d / (n + d)
 *   z_c = β·(w_c·x − ½ μ_c·Λ·μ_c + log n_c)      w_c = Λ·μ_c
 *
 * λ = 1 keeps everything. δ is above the rounding error of the sums: Σ is what is left of G after the means, which is
 * little where embeddings are nearly equal. β is fitted to answers on examples that were not learned yet (nn/softmax.ts).
 */
import { solve, startOf, classMeans, halfNorms } from '../../adapters/closed-form/cholesky.ts'
import type { Tensors } from '../../contracts/core.ts'
import { ClassMoments } from './class-moments.ts'
import { Temperature } from '../../nn/softmax.ts'

const TEMPERATURE = 'temperature'
const MOMENTS = { needsMoments: true, subtractsMeans: true } as const
/** Logits of a discriminant are near probabilities already. */
const FIRST = { inverse: 1, memory: 1000 }
/** The bias of a class that the sums have not met or have forgotten: it is never the answer. */
const UNSEEN = -1e4
const FORGOTTEN = 1e-4
/** δ, as a part of the usual |x|². */
const ROUNDING = 1e-5

interface SolvedHead {
  /** [outputs][width] and [outputs], at the present temperature. */
  readonly weight: Float64Array
  readonly bias: Float64Array
}

export class Discriminant {
  readonly #width: number
  readonly #fading: number
  #moments: ClassMoments
  #temperature = new Temperature(FIRST)
  #solved: SolvedHead | undefined

  /** `window`: examples after which one has faded; 0 = never. */
  constructor(width: number, window: number) {
    this.#width = width
    this.#fading = window === 0 ? 1 : 1 - 1 / window
    this.#moments = new ClassMoments(width, 0, MOMENTS)
  }

  /** Undefined before it has learned something. */
  head(outputs: number): SolvedHead | undefined {
    if (this.#moments.counts.length < outputs) this.#moments.grow(outputs)
    if (this.#moments.seen.length === 0) return undefined
    if (this.#solved?.bias.length !== outputs) this.#solved = this.#solve(outputs)
    return this.#solved
  }

  /** `logits`: those of `head` for x, where it had answered. */
  learn(x: Float32Array, column: number, weight: number, logits?: Float32Array): void {
    if ((this.#moments.counts[column] ?? 0) > FORGOTTEN && logits !== undefined)
      this.#calibrate(logits, column, weight)
    if (this.#fading < 1) this.#moments.fade(this.#fading, FORGOTTEN)
    this.#moments.add(x, new Map([[column, weight]]))
    this.#solved = undefined
  }

  snapshot(): Tensors {
    return new Map([...this.#moments.snapshot(), [TEMPERATURE, this.#temperature.snapshot()]])
  }

  /** Whether the tensors are of this width. */
  restore(tensors: Tensors): boolean {
    const [counts, temperature] = [tensors.get('sums/counts'), tensors.get(TEMPERATURE)]
    this.#solved = undefined
    if (counts === undefined || temperature === undefined) return false
    if (!this.#moments.restore(tensors, counts.data.length)) return false
    this.#temperature.restore(temperature)
    return true
  }

  reset(): void {
    this.#moments = new ClassMoments(this.#width, 0, MOMENTS)
    this.#temperature = new Temperature(FIRST)
    this.#solved = undefined
  }

  #calibrate(logits: Float32Array, column: number, weight: number): void {
    const known = this.#moments.seen
    const right = known.indexOf(column)
    if (known.length < 2 || right < 0) return
    const among = Float32Array.from(known, (each) => logits[each] ?? 0)
    this.#temperature.observe(among, right, weight)
  }

  #solve(outputs: number): SolvedHead {
    const known = this.#moments.seen
    const sums = this.#moments.of(known)
    const width = this.#width
    const total = sums.counts.reduce((sum, count) => sum + count, 0)
    const means = classMeans(sums)
    const least = (ROUNDING * trace(sums.moments, width)) / total
    const within = covariance(sums, means, total)
    shrink(within, width, { epsilon: width / (total + width), least })
    const own = means.slice()
    solve(within, width, own)
    const halves = halfNorms(own, means, width)
    const beta = this.#temperature.inverse
    const weight = new Float64Array(outputs * width)
    const bias = new Float64Array(outputs).fill(UNSEEN)
    for (const [at, column] of known.entries()) {
      if (column >= outputs) continue
      bias[column] = beta * ((halves[at] ?? 0) + Math.log((sums.counts[at] ?? 0) / total))
      for (let row = 0; row < width; row += 1)
        weight[column * width + row] = beta * (own[at * width + row] ?? 0)
    }
    return { weight, bias }
  }
}

/** Within the classes: the lower triangle, row by row. */
function covariance(
  { width, counts, moments }: ReturnType<ClassMoments['of']>,
  means: Float64Array,
  total: number,
): Float64Array {
  const triangle = new Float64Array(startOf(width))
  for (let at = 0; at < triangle.length; at += 1) triangle[at] = (moments[at] ?? 0) / total
  for (const [place, count] of counts.entries())
    for (let row = 0, at = 0; row < width; row += 1) {
      const scaled = (count / total) * (means[place * width + row] ?? 0)
      for (let column = 0; column <= row; column += 1, at += 1)
        triangle[at] = (triangle[at] ?? 0) - scaled * (means[place * width + column] ?? 0)
    }
  return triangle
}

/** (1 − ε)·Σ + max(ε·tr(Σ)/d, least)·I, in place. */
function shrink(
  triangle: Float64Array,
  width: number,
  { epsilon, least }: { readonly epsilon: number; readonly least: number },
): void {
  const mean = Math.max(trace(triangle, width) / width, 1e-6)
  const added = Math.max(epsilon * mean, least)
  for (let at = 0; at < triangle.length; at += 1) triangle[at] = (1 - epsilon) * (triangle[at] ?? 0)
  for (let row = 0; row < width; row += 1) {
    const at = startOf(row + 1) - 1
    triangle[at] = (triangle[at] ?? 0) + added
  }
}

/** Of a lower triangle, packed row by row. */
function trace(triangle: ArrayLike<number>, width: number): number {
  let sum = 0
  for (let row = 0; row < width; row += 1) sum += triangle[startOf(row + 1) - 1] ?? 0
  return sum
}
