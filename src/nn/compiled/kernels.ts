/** TensorFlow's operators as functions on values of a graph, with the shapes of their results. No gradients here. */
import type { Attributes } from './graph-def.ts'
import {
  type GraphValue,
  type NodeParts,
  type TensorFlowGraph,
  broadcast,
  isSame,
  lastOf,
  summedAxes,
  type Shape,
  type Size,
} from './graph.ts'

const FLOAT: Attributes = { T: { type: 'float32' } }
/** Of a convolution. */
const SAME: Attributes = { ...FLOAT, strides: { ints: [1, 1, 1, 1] }, padding: { text: 'SAME' } }

export type Kernels = ReturnType<typeof kernelsOf>

export function kernelsOf(graph: TensorFlowGraph) {
  const unary = (op: string) => (x: GraphValue) => graph.op(op, [x], FLOAT, { shape: x.shape })
  const binary = (op: string) => (a: GraphValue, b: GraphValue) =>
    graph.op(op, [a, b], FLOAT, { shape: broadcast(a.shape, b.shape) })
  return {
    float: (value: number) => graph.float(value),
    ...{ add: binary('AddV2'), sub: binary('Sub'), mul: binary('Mul'), div: binary('RealDiv') },
    maximum: binary('Maximum'),
    ...{ square: unary('Square'), sqrt: unary('Sqrt'), rsqrt: unary('Rsqrt'), exp: unary('Exp') },
    ...{ log: unary('Log'), erf: unary('Erf'), tanh: unary('Tanh'), relu: unary('Relu') },
    ...{ neg: unary('Neg'), softmax: unary('Softmax') },
    /** TensorFlow fuses x · sigmoid(x), and then has no sigmoid to hand over. */
    sigmoid: (x: GraphValue) =>
      graph.op('Sigmoid', [x], FLOAT, { shape: x.shape, kind: 'repeated' }),
    /** The gradient `dy` through tanh, relu or √ with the result `y`. */
    tanhGradient: (y: GraphValue, dy: GraphValue) => gradientOp(graph, 'TanhGrad', y, dy),
    reluGradient: (y: GraphValue, dy: GraphValue) => gradientOp(graph, 'ReluGrad', dy, y),
    sqrtGradient: (y: GraphValue, dy: GraphValue) => gradientOp(graph, 'SqrtGrad', y, dy),
    ...products(graph),
    ...reductions(graph),
    ...layouts(graph),
    ...comparisons(graph),
    ...tokens(graph),
  }
}

function gradientOp(graph: TensorFlowGraph, op: string, one: GraphValue, other: GraphValue) {
  return graph.op(op, [one, other], FLOAT, { shape: one.shape })
}

/** Numbers of a product Aᵀ·B from which on TensorFlow takes up to a quarter less time for it as a stack of one. */
const LARGE_TURNED = 2 ** 18

function products(graph: TensorFlowGraph) {
  return {
    /** The product of two matrices. */
    matMul(a: GraphValue, b: GraphValue, turnA = false, turnB = false): GraphValue {
      const shape = [a.shape[turnA ? 1 : 0] ?? 1, b.shape[turnB ? 0 : 1] ?? 1]
      // A size that is not known gives NaN.
      const isLarge = Number(shape[0]) * Number(shape[1]) >= LARGE_TURNED
      if (turnA && isLarge) return this.batchMatMul(a, b, turnA, turnB)
      const turned = { transpose_a: { isSet: turnA }, transpose_b: { isSet: turnB } }
      return graph.op('MatMul', [a, b], { ...FLOAT, ...turned }, { shape })
    },
    /** x [n, w] and b [w]: TensorFlow adds it within the product that x is. */
    biasAdd: (x: GraphValue, b: GraphValue) =>
      graph.op('BiasAdd', [x, b], FLOAT, { shape: x.shape }),
    /** The products of two stacks of matrices of equal rank. */
    batchMatMul(a: GraphValue, b: GraphValue, turnA = false, turnB = false): GraphValue {
      const rows = a.shape.at(turnA ? -1 : -2) ?? 1
      const columns = b.shape.at(turnB ? -2 : -1) ?? 1
      const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns]
      const turned = { adj_x: { isSet: turnA }, adj_y: { isSet: turnB } }
      return graph.op('BatchMatMulV2', [a, b], { ...FLOAT, ...turned }, { shape })
    },
  }
}

function reductions(graph: TensorFlowGraph) {
  const reduce = (op: string, x: GraphValue, axes: readonly number[], keeps: boolean) => {
    const shape = keeps
      ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
      : x.shape.filter((_, axis) => !axes.includes(axis))
    const attributes = { ...FLOAT, keep_dims: { isSet: keeps } }
    return graph.op(op, [x, graph.ints(...axes)], attributes, { shape })
  }
  const last = (x: GraphValue) => [x.shape.length - 1]
  return {
    sum: (x: GraphValue, axes: readonly number[]) => reduce('Sum', x, axes, true),
    sumOfLast: (x: GraphValue) => reduce('Sum', x, last(x), true),
    max: (x: GraphValue, axes: readonly number[]) => reduce('Max', x, axes, true),
    maxOfLast: (x: GraphValue) => reduce('Max', x, last(x), true),
    meanOfLast: (x: GraphValue) => reduce('Mean', x, last(x), true),
    /** The gradient of something that was broadcast from `shape`. */
    summedTo(gradient: GraphValue, shape: Shape): GraphValue {
      const axes = summedAxes(gradient.shape, shape)
      const summed = axes.length === 0 ? gradient : reduce('Sum', gradient, axes, false)
      return reshape(graph, summed, shape)
    },
  }
}

/** Whole numbers that say where rows lie. The backward part computes them again. */
function tokens(graph: TensorFlowGraph) {
  const int: Attributes = { T: { type: 'int32' } }
  const scalar = (value: number) => graph.constant('int32', [value], [])
  const whole = (shape: Shape): NodeParts => ({ shape, type: 'int32', kind: 'repeated' })
  const [zero, one] = [scalar(0), scalar(1)]
  return {
    /** `places` [n] int32 → of each of so many places 1 + the number of its token, 0 where there is none. */
    numbersAt(places: GraphValue, sizes: Shape): GraphValue {
      const [count = 1] = places.shape
      const next = graph.op('Add', [graph.sizes([count]), one], int, whole([1]))
      const end = graph.op('Reshape', [next, graph.ints()], int, whole([]))
      const index: Attributes = { Tidx: { type: 'int32' } }
      const numbers = graph.op('Range', [one, end, one], index, whole([count]))
      const types: Attributes = { ...int, Tindices: { type: 'int32' } }
      const at = graph.op('Reshape', [places, graph.ints(-1, 1)], int, whole([count, 1]))
      const shape = [sizes.join('·')]
      return graph.op('ScatterNd', [at, numbers, graph.count(sizes)], types, whole(shape))
    },
    /** Of such numbers the tokens, the first one where there is none. */
    orFirst(numbers: GraphValue): GraphValue {
      const before = graph.op('Sub', [numbers, one], int, whole(numbers.shape))
      return graph.op('Maximum', [before, zero], int, whole(numbers.shape))
    },
    /** 1 where there is one. */
    isAny(numbers: GraphValue): GraphValue {
      const found = graph.op('Minimum', [numbers, one], int, whole(numbers.shape))
      const types: Attributes = { SrcT: { type: 'int32' }, DstT: { type: 'float32' } }
      return graph.op('Cast', [found], types, { shape: numbers.shape, kind: 'repeated' })
    },
  }
}

function layouts(graph: TensorFlowGraph) {
  const sliced: Attributes = { ...FLOAT, Index: { type: 'int32' } }
  return {
    reshape: (x: GraphValue, shape: Shape) => reshape(graph, x, shape),
    /** [.., n] → [rows, n]. */
    flat(x: GraphValue): GraphValue {
      if (x.shape.length === 2) return x
      const rows = x.shape.slice(0, -1)
      const count = rows.reduce<number | string>(
        (product, size) =>
          typeof product === 'number' && typeof size === 'number'
            ? product * size
            : [product, size].filter((one) => one !== 1).join('·'),
        1,
      )
      const last = lastOf(x.shape)
      const to = graph.sizes([-1, last])
      return graph.op('Reshape', [x, to], FLOAT, { shape: [count, last], kind: 'repeated' })
    },
    transpose(x: GraphValue, order: readonly number[]): GraphValue {
      const shape = order.map((axis) => x.shape[axis] ?? 1)
      return graph.op('Transpose', [x, graph.ints(...order)], FLOAT, { shape })
    },
    /** Columns [from, to) of the last axis. */
    columns(x: GraphValue, from: number, to: number): GraphValue {
      const before = x.shape.slice(0, -1)
      const begin = graph.ints(...before.map(() => 0), from)
      const size = graph.ints(...before.map(() => -1), to - from)
      return graph.op('Slice', [x, begin, size], sliced, { shape: [...before, to - from] })
    },
    /** Zeros before and after the last axis, which becomes `width` long. */
    padded(x: GraphValue, from: number, width: number): GraphValue {
      const own = Number(lastOf(x.shape))
      const before = x.shape.slice(0, -1)
      const zeros = [...before.flatMap(() => [0, 0]), from, width - from - own]
      const paddings = graph.constant('int32', zeros, [x.shape.length, 2])
      return graph.op('Pad', [x, paddings], FLOAT, { shape: [...before, width] })
    },
    /** Rows [0, count) of a matrix. */
    firstRows(x: GraphValue, count: Size): GraphValue {
      const size = graph.sizes([count, -1])
      return graph.op('Slice', [x, graph.ints(0, 0), size], sliced, {
        shape: [count, lastOf(x.shape)],
      })
    },
    /** Those rows of a matrix, in their order: `places` [n] or [b, n] int32. */
    rowsAt(x: GraphValue, places: GraphValue): GraphValue {
      const types: Attributes = {
        ...{ Tparams: { type: 'float32' }, Tindices: { type: 'int32' }, Taxis: { type: 'int32' } },
      }
      const shape = [...places.shape, lastOf(x.shape)]
      return graph.op('GatherV2', [x, places, graph.constant('int32', [0], [])], types, { shape })
    },
    /** The other way: a matrix of zeros with as many rows as the sizes say together, and these rows added at their places. */
    rowsTo(x: GraphValue, places: GraphValue, sizes: Shape): GraphValue {
      const width = lastOf(x.shape)
      const types: Attributes = { ...FLOAT, Tindices: { type: 'int32' } }
      const shape = graph.op(
        'ConcatV2',
        [graph.count(sizes), graph.sizes([width]), graph.constant('int32', [0], [])],
        { N: { int: 2 }, T: { type: 'int32' } },
        { shape: [2], type: 'int32', kind: 'repeated' },
      )
      const at = graph.op(
        'Reshape',
        [places, graph.ints(-1, 1)],
        { T: { type: 'int32' } },
        { shape: [places.shape[0] ?? 1, 1], type: 'int32', kind: 'repeated' },
      )
      return graph.op('ScatterNd', [at, x, shape], types, { shape: [sizes.join('·'), width] })
    },
    /** x [b, side, side, d] and a filter [k, k, d, 1], with zeros around x. */
    depthwise: (x: GraphValue, filter: GraphValue) =>
      graph.op('DepthwiseConv2dNative', [x, filter], SAME, { shape: x.shape }),
    /** How the gradient `dy` flows back to x. */
    depthwiseGradient: (filter: GraphValue, dy: GraphValue) =>
      graph.op('DepthwiseConv2dNativeBackpropInput', [graph.sizes(dy.shape), filter, dy], SAME, {
        shape: dy.shape,
      }),
    ones: (count: Size) =>
      graph.op('Fill', [graph.sizes([count]), graph.float(1)], FLOAT, { shape: [count] }),
    concat(parts: readonly GraphValue[], width: number): GraphValue {
      const before = parts[0]?.shape.slice(0, -1) ?? []
      const axis = graph.constant('int32', [before.length], [])
      const attributes = { ...FLOAT, N: { int: parts.length } }
      return graph.op('ConcatV2', [...parts, axis], attributes, { shape: [...before, width] })
    },
  }
}

function comparisons(graph: TensorFlowGraph) {
  const compare = (op: string) => (a: GraphValue, b: GraphValue) => {
    const bool: NodeParts = { shape: broadcast(a.shape, b.shape), type: 'bool' }
    return { ...graph.op(op, [a, b], FLOAT, bool), moves: false }
  }
  return {
    greater: compare('Greater'),
    greaterEqual: compare('GreaterEqual'),
    lessEqual: compare('LessEqual'),
    or: (a: GraphValue, b: GraphValue) =>
      graph.op('LogicalOr', [a, b], {}, { shape: a.shape, type: 'bool' }),
    /** 1 where true. */
    asFloat: (x: GraphValue) => {
      const types: Attributes = { SrcT: { type: 'bool' }, DstT: { type: 'float32' } }
      return graph.op('Cast', [x], types, { shape: x.shape })
    },
    asInt: (x: GraphValue) => {
      const types: Attributes = { SrcT: { type: 'float32' }, DstT: { type: 'int32' } }
      return graph.op('Cast', [x], types, { shape: x.shape, type: 'int32' })
    },
    /** Running sums along an axis, from either end. */
    runningSum(x: GraphValue, axis: number, isReversed: boolean): GraphValue {
      const attributes = { ...FLOAT, reverse: { isSet: isReversed } }
      const along = graph.constant('int32', [axis], [])
      return graph.op('Cumsum', [x, along], attributes, { shape: x.shape })
    },
  }
}

function reshape(graph: TensorFlowGraph, x: GraphValue, shape: Shape): GraphValue {
  if (isSame(x.shape, shape)) return x
  return graph.op('Reshape', [x, graph.sizes(shape, true)], FLOAT, { shape, kind: 'repeated' })
}
