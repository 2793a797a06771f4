/**
 * The head that answers some embeddings best: multinomial logistic regression, found by L-BFGS in plain memory. The loss is
 * convex, and strictly so but for a number that all biases share, which stays 0 from the zeros that the search begins with.
 *
 *   min over W, b of  Σᵢ aᵢ · −log softmax(s·xᵢ·W + b)[yᵢ] + ½λ‖s·W‖²
 *
 * Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45.
 */
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { EmbeddedRow } from '../contracts/policy.ts'
import { minimise } from './lbfgs.ts'

export interface LogisticShape {
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
