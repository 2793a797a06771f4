/**
 * Sums of products of whole numbers by TensorFlow, in double precision inside the graph: exact below 2⁴⁸, because a double adds
 * whole numbers without rounding and what a single rounds away of the sum is a whole number that another single holds.
 *
 *   G = Σ w·q·qᵀ      high = single(G)      low = single(G − high)
 */
import type { Tensor } from '@tensorflow/tfjs-core'
import type { TensorFlow } from '../tfjs/tensorflow.ts'
import { type CompiledGraph, openCompiledGraph } from './compiled-graph.ts'
import { type NodeDef, savedModel } from './graph-def.ts'
import { input, node, T, toDouble } from './ridge-solver.ts'

/** Below these, loops take no longer than reading G does. */
const LEAST = { width: 256, rows: 64 }
const WHOLE = 2 ** 24
/** With a sign. */
const EXACT = 2 ** 47

export interface WeighedRows {
  readonly rows: readonly Float64Array[]
  /** Whole numbers. */
  readonly weights: readonly number[]
  /** The greatest whole number of a row. */
  readonly greatest: number
}

/** [width, width], row by row, or undefined where loops are as fast, or a sum might be rounded. */
export type Gram = (of: WeighedRows) => readonly [high: Float32Array, low: Float32Array] | undefined

const opened = new WeakMap<TensorFlow, Gram>()

/** One graph per engine, opened on first use. */
export function gramOf(tf: TensorFlow): Gram {
  const known = opened.get(tf)
  if (known !== undefined) return known
  let graph: CompiledGraph | undefined
  const gram: Gram = ({ rows, weights, greatest }) => {
    const width = rows[0]?.length ?? 0
    const all = weights.reduce((sum, weight) => sum + Math.abs(weight), 0)
    const isSmall = width < LEAST.width || rows.length < LEAST.rows
    if (isSmall || all >= WHOLE || all * greatest ** 2 >= EXACT) return undefined
    if (tf.getBackend() !== 'tensorflow') return undefined
    const data = new Float32Array(rows.length * width)
    for (const [at, row] of rows.entries()) data.set(row, at * width)
    graph ??= openCompiledGraph(tf, savedModel(nodes))
    const running = graph
    let sums: ReturnType<Gram>
    // Tidy walks what its function returns, number by number where that is an array: it must not see these.
    tf.tidy(() => {
      const feeds = new Map<string, Tensor>([
        ['rows', tf.tensor2d(data, [rows.length, width])],
        ['weights', tf.tensor2d(Float32Array.from(weights), [rows.length, 1])],
      ])
      const [high, low] = running.run(feeds, ['high', 'low'])
      if (high && low) sums = [high.dataSync<'float32'>(), low.dataSync<'float32'>()]
    })
    return sums
  }
  opened.set(tf, gram)
  return gram
}

const nodes: readonly NodeDef[] = [
  input('rows', [-1, -1]),
  input('weights', [-1, 1]),
  toDouble('numbers', 'rows'),
  toDouble('factors', 'weights'),
  node('weighed', 'Mul', ['numbers', 'factors'], T),
  node('sums', 'MatMul', ['weighed', 'numbers'], { ...T, transpose_a: { isSet: true } }),
  toSingle('high', 'sums'),
  toDouble('rounded', 'high'),
  node('rest', 'Sub', ['sums', 'rounded'], T),
  toSingle('low', 'rest'),
]

function toSingle(name: string, of: string): NodeDef {
  return node(name, 'Cast', [of], { SrcT: { type: 'float64' }, DstT: { type: 'float32' } })
}
