/**
 * Ridge regression by TensorFlow: L·Lᵀ = G + λ·I, then L·(Lᵀ·X) = S, in double precision inside the graph, where the engine
 * itself knows only single precision. Factors of thousands of features take it a fraction of the time of plain loops, and so do
 * products of the rows of very many labels. One matrix is factorized on one thread, and sums run along a row, so every run gives the same bits.
 */
import type { Tensor } from '@tensorflow/tfjs-core'
import type { ClassSums, RidgeSolver } from '../../contracts/adapter.ts'
import { invariant } from '../../platform/errors.ts'
import type { TensorFlow } from '../tfjs/tensorflow.ts'
import { type CompiledGraph, type Feeds, openCompiledGraph } from './compiled-graph.ts'
import { type Attributes, type Constant, type NodeDef, savedModel } from './graph-def.ts'

/** Below it, plain loops take milliseconds too. */
const LEAST_WIDTH = 512
/** Multiplications below which products of rows are left to plain loops: those of about a hundred labels. */
const LEAST_PRODUCTS = 2 ** 25

/** TensorFlow's message for a matrix that has no factor because of rounding; any other error is a fault. */
const NO_FACTOR = 'Cholesky decomposition was not successful'

const solvers = new WeakMap<TensorFlow, RidgeSolver>()

/** One graph per engine, opened on first use. */
export function ridgeSolverOf(tf: TensorFlow): RidgeSolver {
  const known = solvers.get(tf)
  if (known !== undefined) return known
  let graph: CompiledGraph | undefined
  let multiplying: CompiledGraph | undefined
  const isNative = () => tf.getBackend() === 'tensorflow'
  const solve = (sums: ClassSums, lambda: number) => {
    if (sums.width < LEAST_WIDTH || !isNative()) return undefined
    graph ??= openCompiledGraph(tf, savedModel(nodes))
    return solved(tf, graph, sums, lambda)
  }
  const solver: RidgeSolver = Object.assign(solve, {
    products(a: Float64Array, b: Float64Array, width: number) {
      if ((a.length / width) * b.length < LEAST_PRODUCTS || !isNative()) return undefined
      multiplying ??= openCompiledGraph(tf, savedModel(productNodes))
      return multiplied(tf, multiplying, [a, b], width)
    },
  })
  solvers.set(tf, solver)
  return solver
}

/** Undefined if rounding has left G + λ·I without a factor. */
function solved(
  tf: TensorFlow,
  graph: CompiledGraph,
  { width, counts, moments, sums }: Parameters<RidgeSolver>[0],
  lambda: number,
): Float64Array | undefined {
  // Not returned by `tidy`, which looks for tensors in whatever it is given, number by number.
  let result: Float32Array | undefined
  tf.tidy(() => {
    const feeds: Feeds = new Map<string, Tensor>([
      ['moments', tf.tensor2d(lowerOf(moments, width), [width, width])],
      ['lambda', tf.scalar(lambda)],
      ['sums', tf.tensor2d(Float32Array.from(sums), [counts.length, width])],
    ])
    try {
      result = graph.run(feeds, ['solved'])[0]?.dataSync<'float32'>()
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(NO_FACTOR))) throw error
    }
  })
  return result?.every(Number.isFinite) === true ? Float64Array.from(result) : undefined
}

function multiplied(
  tf: TensorFlow,
  graph: CompiledGraph,
  sides: readonly [Float64Array, Float64Array],
  width: number,
): Float64Array {
  let result = new Float64Array()
  tf.tidy(() => {
    const [a, b] = sides.map((rows) =>
      tf.tensor2d(Float32Array.from(rows), [rows.length / width, width]),
    )
    invariant(a !== undefined && b !== undefined, 'two sides')
    const [found] = graph.run(new Map([['a', a] as const, ['b', b] as const]), ['product'])
    result = Float64Array.from(found?.dataSync<'float32'>() ?? [])
  })
  return result
}

/** Zeros above the diagonal, which the factorization does not read. */
function lowerOf(moments: Float32Array | Float64Array, width: number): Float32Array {
  const matrix = new Float32Array(width * width)
  for (let row = 0, from = 0; row < width; row += 1, from += row)
    matrix.set(moments.subarray(from, from + row + 1), row * width)
  return matrix
}

const T: Attributes = { T: { type: 'float64' } }
const nodes: readonly NodeDef[] = [
  input('moments', [-1, -1]),
  input('lambda', []),
  input('sums', [-1, -1]),
  constant('swapped', [1, 0]),
  toDouble('gram', 'moments'),
  toDouble('added', 'lambda'),
  node('diagonal', 'MatrixDiagPart', ['gram'], T),
  node('raised', 'AddV2', ['diagonal', 'added'], T),
  node('regular', 'MatrixSetDiag', ['gram', 'raised'], T),
  node('factor', 'Cholesky', ['regular'], T),
  toDouble('rows', 'sums'),
  transposed('columns', 'rows'),
  triangular('forward', 'columns', { adjoint: false }),
  triangular('back', 'forward', { adjoint: true }),
  transposed('answer', 'back'),
  node('solved', 'Cast', ['answer'], { SrcT: { type: 'float64' }, DstT: { type: 'float32' } }),
]

const productNodes: readonly NodeDef[] = [
  input('a', [-1, -1]),
  input('b', [-1, -1]),
  toDouble('left', 'a'),
  toDouble('right', 'b'),
  node('products', 'MatMul', ['left', 'right'], {
    ...T,
    ...{ transpose_a: { isSet: false }, transpose_b: { isSet: true } },
  }),
  node('product', 'Cast', ['products'], { SrcT: { type: 'float64' }, DstT: { type: 'float32' } }),
]

function node(
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: Attributes,
): NodeDef {
  return { name, op, inputs, attributes }
}

function input(name: string, shape: readonly number[]): NodeDef {
  return node(name, 'Placeholder', [], { dtype: { type: 'float32' }, shape: { shape } })
}

function constant(name: string, values: readonly number[]): NodeDef {
  const raw = new Uint8Array(Int32Array.from(values).buffer)
  const value: Constant = { type: 'int32', shape: [values.length], raw }
  return node(name, 'Const', [], { dtype: { type: 'int32' }, value: { value } })
}

function toDouble(name: string, of: string): NodeDef {
  return node(name, 'Cast', [of], { SrcT: { type: 'float32' }, DstT: { type: 'float64' } })
}

function transposed(name: string, of: string): NodeDef {
  return node(name, 'Transpose', [of, 'swapped'], { ...T, Tperm: { type: 'int32' } })
}

function triangular(name: string, of: string, { adjoint }: { readonly adjoint: boolean }): NodeDef {
  const attributes = { ...T, lower: { isSet: true }, adjoint: { isSet: adjoint } }
  return node(name, 'MatrixTriangularSolve', ['factor', of], attributes)
}
