/**
 * The head that answers some embeddings best: multinomial logistic regression, found by L-BFGS in plain memory. The loss is
 * convex, and strictly so but for a number that all biases share, which stays 0 from the zeros that the search begins with.
 *
 *   min over W, b of  Σᵢ aᵢ · −log softmax(s·xᵢ·W + b)[yᵢ] + ½λ‖s·W‖²
 *
 * Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { EmbeddedRow } from '../../contracts/policy.ts'

interface LogisticShape {
  readonly width: number
  readonly outputs: number
  /** s: the task's factor on embedding · weight. */
  readonly scale: number
  /** λ; absent = 1. */
  readonly penalty?: number
}

/** The bias of an output that no row names: it is never the answer. */
const UNSEEN = -10

/** `head.weight` [width, outputs] and `head.bias` [outputs]. */
export function logisticHead(rows: readonly EmbeddedRow[], shape: LogisticShape): Tensors {
  const { width, outputs, scale, penalty = 1 } = shape
  const seen = [...new Set(rows.map(({ column }) => column))].sort((a, b) => a - b)
  const strength = penalty * scale ** 2
  const problem = {
    rows,
    width,
    scale,
    strength,
    places: new Map(seen.map((column, at) => [column, at])),
  }
  const solved = minimise((at) => lossAt(at, problem), new Float64Array(seen.length * (width + 1)))
  const weight = new Float32Array(width * outputs)
  const bias = new Float32Array(outputs).fill(UNSEEN)
  for (const [at, column] of seen.entries()) {
    const from = at * (width + 1)
    bias[column] = solved[from + width] ?? 0
    for (let row = 0; row < width; row += 1)
      weight[row * outputs + column] = solved[from + row] ?? 0
  }
  return new Map<string, Tensor>([
    ['head.weight', { shape: [width, outputs], data: weight }],
    ['head.bias', { shape: [outputs], data: bias }],
  ])
}

interface Problem {
  readonly rows: readonly EmbeddedRow[]
  readonly width: number
  readonly scale: number
  /** λ·s² */
  readonly strength: number
  /** Output → its place among the outputs that rows name. */
  readonly places: ReadonlyMap<number, number>
}

/** Class after class: its column of W, then its bias. */
function lossAt(parameters: Float64Array, { rows, width, scale, strength, places }: Problem) {
  const size = width + 1
  const gradient = new Float64Array(parameters.length)
  let value = 0
  for (let at = 0; at < parameters.length; at += 1) {
    if (at % size === width) continue
    gradient[at] = strength * (parameters[at] ?? 0)
    value += (strength * (parameters[at] ?? 0) ** 2) / 2
  }
  const logits = new Float64Array(places.size)
  for (const { embedding, column, weight } of rows) {
    for (let place = 0; place < logits.length; place += 1)
      logits[place] = logitOf(parameters, place * size, embedding, scale)
    const log = logSumOf(logits)
    const right = places.get(column) ?? 0
    value += weight * (log - (logits[right] ?? 0))
    for (const [place, logit] of logits.entries()) {
      const slope = weight * (Math.exp(logit - log) - (place === right ? 1 : 0))
      const from = place * size
      for (let row = 0; row < width; row += 1)
        gradient[from + row] = (gradient[from + row] ?? 0) + slope * scale * (embedding[row] ?? 0)
      gradient[from + width] = (gradient[from + width] ?? 0) + slope
    }
  }
  return { value, gradient }
}

function logitOf(
  parameters: Float64Array,
  from: number,
  embedding: Float32Array,
  scale: number,
): number {
  let sum = 0
  for (let row = 0; row < embedding.length; row += 1)
    sum += (parameters[from + row] ?? 0) * (embedding[row] ?? 0)
  return scale * sum + (parameters[from + embedding.length] ?? 0)
}

function logSumOf(values: Float64Array): number {
  const most = Math.max(...values)
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0))
}

interface Slope {
  readonly value: number
  readonly gradient: Float64Array
}

interface Difference {
  readonly s: Float64Array
  readonly y: Float64Array
  /** 1 / (s·y) */
  readonly rho: number
}

const MOST_STEPS = 100
const MEMORY = 10
const HALVINGS = 20
/** c: the part of the fall along the slope that a step must bring. */
const ENOUGH = 1e-4
/** Stops at this fraction of the largest element of the first gradient. */
const TOLERANCE = 1e-4

/**
 * L-BFGS with backtracking: the minimum of a smooth convex function of some thousand numbers, in plain memory.
 *
 *   θ ← θ − t·H·g,   H from the last differences of θ and g;   t = the first of 1, ½, ¼, … with f(θ − t·H·g) ≤ f(θ) − c·t·gᵀHg
 *
 * Nocedal & Wright (2006), "Numerical optimization", algorithms 7.4 and 3.1.
 */
function minimise(of: (at: Float64Array) => Slope, start: Float64Array): Float64Array {
  let at = start
  let here = of(at)
  const small = TOLERANCE * largest(here.gradient)
  const differences: Difference[] = []
  for (let step = 0; step < MOST_STEPS && largest(here.gradient) > small; step += 1) {
    const direction = directionOf(here.gradient, differences)
    // The first step knows nothing of the curvature.
    const length = step === 0 ? 1 / Math.max(1, Math.sqrt(dot(direction, direction))) : 1
    const next = search({ of, at, here, direction, length })
    if (next === undefined) break
    const s = minus(next.at, at)
    const y = minus(next.slope.gradient, here.gradient)
    const curvature = dot(s, y)
    if (curvature > 1e-12) differences.push({ s, y, rho: 1 / curvature })
    if (differences.length > MEMORY) differences.shift()
    at = next.at
    here = next.slope
  }
  return at
}

/** H·g by two loops over the differences. */
function directionOf(gradient: Float64Array, differences: readonly Difference[]): Float64Array {
  const direction = gradient.slice()
  const factors = new Float64Array(differences.length)
  for (const [back, { s, y, rho }] of [...differences.entries()].reverse()) {
    factors[back] = rho * dot(s, direction)
    add(direction, y, -(factors[back] ?? 0))
  }
  const last = differences.at(-1)
  if (last !== undefined) {
    const factor = 1 / (last.rho * dot(last.y, last.y))
    for (let i = 0; i < direction.length; i += 1) direction[i] = factor * (direction[i] ?? 0)
  }
  for (const [place, { s, y, rho }] of differences.entries())
    add(direction, s, (factors[place] ?? 0) - rho * dot(y, direction))
  return direction
}

interface Search {
  readonly of: (at: Float64Array) => Slope
  readonly at: Float64Array
  readonly here: Slope
  readonly direction: Float64Array
  readonly length: number
}

/** Undefined if no step is long enough to matter and short enough to help. */
function search({ of, at, here, direction, length: first }: Search) {
  const fall = dot(here.gradient, direction)
  let length = first
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const next = at.slice()
    add(next, direction, -length)
    const slope = of(next)
    if (slope.value <= here.value - ENOUGH * length * fall) return { at: next, slope }
    length /= 2
  }
  return undefined
}

function minus(one: Float64Array, other: Float64Array): Float64Array {
  return one.map((value, i) => value - (other[i] ?? 0))
}

function add(to: Float64Array, what: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i += 1) to[i] = (to[i] ?? 0) + factor * (what[i] ?? 0)
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let i = 0; i < one.length; i += 1) sum += (one[i] ?? 0) * (other[i] ?? 0)
  return sum
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}
