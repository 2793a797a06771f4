/**
 * Ops that record: each call becomes a node of an ONNX graph. Base weights are initializers; the adapter's tensors are inputs,
 * stacked over the adapters of the batch ([n, in, out] or [n, width]), and each row takes its own by `row_adapter`. So a swap of
 * adapters is passing other tensors, and rows of one batch may belong to different adapters. A graph for one adapter at a time
 * reads its stack of one as it is, and copies nothing.
 */
import type { Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Ops } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { BLOCK } from '../block-table.ts'
import { type BeginningRecorder, causalAttention, toInt } from './causal-attention.ts'
import { type OnnxGraph, type Value, elementType } from './graph.ts'
import { quantizedProducts } from './quantize.ts'

/** The graph input that says which adapter of the stacks each row takes. */
export const ROW_ADAPTER = 'row_adapter'

/** The graph input that carries the adapter tensor `name`. */
export function paramInput(name: string): string {
  return `param/${name}`
}

/** The shapes of an adapter's tensors: those with equal names and shapes fit into one stack. */
export function paramShapes(
  tensors: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): string {
  const named = Object.entries(tensors).map(([name, { shape }]) => `${name} ${shape.join('x')}`)
  return named.sort().join('\n')
}

export interface OnnxOpsParts {
  readonly graph: OnnxGraph
  readonly weights: Tensors
  /** The rank of each adapter tensor, by name: 1 or 2. */
  readonly paramRanks: ReadonlyMap<string, number>
  /** All rows of a run belong to one adapter. */
  readonly alone?: boolean | undefined
  /** Products with the base's matrices are computed in 8 bits. */
  readonly quantize?: Base['quantize']
  /** Attention also reads the keys and values of what the rows of a run begin with. */
  readonly beginning?: BeginningRecorder | undefined
}

export function onnxOps(parts: OnnxOpsParts): Ops<Value> {
  const { graph, weights, paramRanks, alone, quantize, beginning } = parts
  return {
    weight(name) {
      const tensor = weights.get(name)
      invariant(tensor, `the network asks for the weight ${name}, which is not there`)
      return graph.weight(name, tensor)
    },
    param: alone === true ? oneForAll(graph, paramRanks) : perRow(graph, paramRanks),
    scalar: (value) => graph.float(value),
    dropout: (x) => x,
    ...arithmetic(graph, quantize === undefined ? undefined : quantizedProducts(graph)),
    ...normalizing(graph),
    ...shaping(graph),
    ...masking(graph),
    causalAttention: causalAttention(graph, beginning),
  }
}

/** Each parameter is gathered once a graph, however often the network asks. */
function perRow(graph: OnnxGraph, ranks: ReadonlyMap<string, number>) {
  const gathered = new Map<string, Value>()
  const rowAdapter = graph.input(ROW_ADAPTER, 'int32', ['batch'])
  const gather = (name: string): Value => {
    const rank = rankOf(ranks, name)
    const stack = stackInput(graph, name, ['adapters'], rank)
    const rows = graph.op('Gather', [stack, rowAdapter], { axis: { int: 0 } })
    return rank === 2 ? rows : graph.op('Unsqueeze', [rows, graph.ints(1)])
  }
  return (name: string): Value => {
    const value = gathered.get(name) ?? gather(name)
    gathered.set(name, value)
    return value
  }
}

/**
 * The stack of one, which all rows read. A matrix comes as [1, 1, in, out], so that each row is a product by itself, as where
 * it has a matrix of its own: in one product over all rows, a row's bits would depend on whether it is the only one.
 */
function oneForAll(graph: OnnxGraph, ranks: ReadonlyMap<string, number>) {
  return (name: string): Value => {
    const rank = rankOf(ranks, name)
    if (rank === 1) return stackInput(graph, name, ['adapters'], rank)
    return { ...stackInput(graph, name, ['adapters', 1], rank), isShared: true }
  }
}

function stackInput(
  graph: OnnxGraph,
  name: string,
  leading: readonly (number | string)[],
  rank: number,
): Value {
  const sizes = Array.from({ length: rank }, (_, axis) => `${name}/${axis}`)
  return graph.input(paramInput(name), 'float32', [...leading, ...sizes])
}

function rankOf(ranks: ReadonlyMap<string, number>, name: string): 1 | 2 {
  const rank = ranks.get(name)
  invariant(rank === 1 || rank === 2, `the network asks for the parameter ${name} of rank ${rank}`)
  return rank
}

function arithmetic(graph: OnnxGraph, quantized?: ReturnType<typeof quantizedProducts>) {
  const unary = (type: string) => (x: Value) => graph.op(type, [x])
  const binary = (type: string) => (a: Value, b: Value) => graph.op(type, [a, b])
  return {
    matMul(x: Value, w: Value) {
      const { matrix } = w
      if (quantized !== undefined && matrix !== undefined) return quantized(x, { ...w, matrix })
      const y = graph.op('MatMul', [x, w])
      return w.isShared === true ? graph.op('Squeeze', [y, graph.ints(0)]) : y
    },
    transpose(w: Value) {
      const axes = w.isShared === true ? [0, 1, 3, 2] : w.frozen ? [1, 0] : [0, 2, 1]
      const turned = graph.op('Transpose', [w], { perm: { ints: axes } })
      return w.isShared === true ? { ...turned, isShared: w.isShared } : turned
    },
    batchMatMul: (a: Value, b: Value, transposeB = false) =>
      graph.op('MatMul', [
        a,
        transposeB ? graph.op('Transpose', [b], { perm: { ints: [0, 1, 3, 2] } }) : b,
      ]),
    add: binary('Add'),
    sub: binary('Sub'),
    mul: binary('Mul'),
    div: binary('Div'),
    maximum: binary('Max'),
    relu: (x: Value) => ({ ...graph.op('Relu', [x]), least: 0 }),
    tanh: unary('Tanh'),
    sqrt: unary('Sqrt'),
    log: unary('Log'),
    gelu: (x: Value) => ({ ...graph.op('Gelu', [x]), least: LEAST_GELU }),
    silu: (x: Value) => graph.op('Mul', [x, graph.op('Sigmoid', [x])]),
  }
}

/** Its smallest number is −0.16997, of −0.75179. */
const LEAST_GELU = -0.17

function normalizing(graph: OnnxGraph) {
  const lastAxis = { axis: { int: -1 } }
  return {
    softmax: (x: Value) => graph.op('Softmax', [x], lastAxis),
    layerNorm(x: Value, scale: Value, bias: Value, eps: number) {
      const attributes = { ...lastAxis, epsilon: { float: eps } }
      if (scale.frozen && bias.frozen)
        return graph.op('LayerNormalization', [x, scale, bias], attributes)
      if (scale.frozen)
        return graph.op('Add', [graph.op('LayerNormalization', [x, scale], attributes), bias])
      return graph.op('Add', [graph.op('Mul', [normalize(graph, x, eps), scale]), bias])
    },
    rmsNorm(x: Value, scale: Value, eps: number) {
      const attributes = { ...lastAxis, epsilon: { float: eps } }
      if (scale.frozen) return graph.op('SimplifiedLayerNormalization', [x, scale], attributes)
      const square = graph.op('ReduceMean', [graph.op('Mul', [x, x]), graph.ints(-1)])
      const size = graph.op('Sqrt', [graph.op('Add', [square, graph.float(eps)])])
      return graph.op('Mul', [graph.op('Div', [x, size]), scale])
    },
    unit(x: Value) {
      const norm = graph.op('ReduceL2', [x, graph.ints(-1)])
      return graph.op('Div', [x, graph.op('Max', [norm, graph.float(1e-6)])])
    },
  }
}

/** The fused operator takes one scale for all rows; a trained one is each row's own. */
function normalize(graph: OnnxGraph, x: Value, eps: number): Value {
  const mean = (value: Value) => graph.op('ReduceMean', [value, graph.ints(-1)])
  const centred = graph.op('Sub', [x, mean(x)])
  const variance = mean(graph.op('Mul', [centred, centred]))
  const deviation = graph.op('Sqrt', [graph.op('Add', [variance, graph.float(eps)])])
  return graph.op('Div', [centred, deviation])
}

/** A 0 in a target shape keeps that dimension, so that batch and length stay free. */
function shaping(graph: OnnxGraph) {
  const swapHeads = { perm: { ints: [0, 2, 1, 3] } }
  return {
    gather(table: Value, ids: Value) {
      const { scales } = table
      if (scales === undefined) return graph.op('Gather', [table, ids], { axis: { int: 0 } })
      const perRow = {
        gather_axis: { int: 0 },
        quantize_axis: { int: 1 },
        block_size: { int: BLOCK },
      }
      return graph.op('GatherBlockQuantized', [table, ids, scales], perRow, 'com.microsoft')
    },
    positions(table: Value, ids: Value) {
      const length = graph.op('Shape', [ids], { start: { int: 1 }, end: { int: 2 } })
      const rows = graph.op('Slice', [table, graph.ints(0), length, graph.ints(0)])
      return graph.op('Unsqueeze', [rows, graph.ints(0)])
    },
    splitHeads(x: Value, heads: number) {
      const split = graph.op('Reshape', [x, graph.ints(0, 0, heads, -1)])
      return graph.op('Transpose', [split], swapHeads)
    },
    mergeHeads(x: Value) {
      const merged = graph.op('Transpose', [x], swapHeads)
      return graph.op('Reshape', [merged, graph.ints(0, 0, -1)])
    },
    columns: (x: Value, from: number, to: number) =>
      graph.op('Slice', [x, graph.ints(from), graph.ints(to), graph.ints(-1)]),
    concat: (parts: readonly Value[]) => graph.op('Concat', parts, { axis: { int: -1 } }),
    /** The runtime wants channels first; the filter is a constant, which it turns while it opens. */
    depthwise(x: Value, w: Value, side: number) {
      const size = w.matrix?.tensor.shape ?? []
      const [count = 1, channels = 1] = size
      const k = Math.sqrt(count)
      const turned = (value: Value, ...axes: readonly number[]) =>
        graph.op('Transpose', [value], { perm: { ints: axes } })
      const square = graph.op('Reshape', [turned(x, 0, 2, 1), graph.ints(0, channels, side, side)])
      const filter = graph.op('Reshape', [turned(w, 1, 0), graph.ints(channels, 1, k, k)])
      const y = graph.op('Conv', [square, filter], {
        auto_pad: { text: 'SAME_UPPER' },
        group: { int: channels },
        kernel_shape: { ints: [k, k] },
      })
      return turned(graph.op('Reshape', [y, graph.ints(0, channels, -1)]), 0, 2, 1)
    },
  }
}

function masking(graph: OnnxGraph) {
  const toFloat = (value: Value) => graph.op('Cast', [value], { to: { int: elementType.float32 } })
  const attentionBias = (mask: Value) => {
    const hidden = graph.op('Sub', [mask, graph.float(1)])
    const bias = graph.op('Mul', [hidden, graph.float(1e9)])
    return graph.op('Unsqueeze', [bias, graph.ints(1, 2)])
  }
  /** Which key each query of a decoder sees, [b, s, s]: (key − 1)·(key − query) = 0 where all see it, or those of its number. */
  const seen = (mask: Value) => {
    const length = graph.op('Shape', [mask], { start: { int: 1 }, end: { int: 2 } })
    const ones = graph.op('Expand', [graph.float(1), length])
    const place = graph.op('CumSum', [ones, graph.ints(0)])
    const along = (value: Value, axis: number) => graph.op('Unsqueeze', [value, graph.ints(axis)])
    const [query, key] = [along(mask, 2), along(mask, 1)]
    const apart = graph.op('Mul', [
      graph.op('Sub', [key, graph.float(1)]),
      graph.op('Sub', [key, query]),
    ])
    const isOwn = graph.op('Equal', [apart, graph.float(0)])
    const isReal = graph.op('Greater', [key, graph.float(0)])
    const isEarlier = graph.op('LessOrEqual', [along(place, 0), along(place, 1)])
    return toFloat(graph.op('And', [graph.op('And', [isOwn, isReal]), isEarlier]))
  }
  /** How many keys each query sees before itself, [b, s, 1]. */
  const placesSeen = (all: Value) => {
    const count = graph.op('ReduceSum', [all, graph.ints(2)])
    return graph.op('Relu', [graph.op('Sub', [count, graph.float(1)])])
  }
  const ends = (mask: Value, first: number, last: number) => {
    const count = (reverse: number) =>
      graph.op('CumSum', [mask, graph.ints(1)], { reverse: { int: reverse } })
    const isWithin = (counted: Value, most: number) =>
      graph.op('LessOrEqual', [counted, graph.float(most)])
    const isEnd = graph.op('Or', [isWithin(count(0), first), isWithin(count(1), last)])
    return graph.op('Unsqueeze', [graph.op('Mul', [mask, toFloat(isEnd)]), graph.ints(2)])
  }
  return {
    attentionBias,
    causalBias(mask: Value, window = Infinity) {
      const all = seen(mask)
      const within = () => {
        const place = placesSeen(all)
        const across = graph.op('Transpose', [place], { perm: { ints: [0, 2, 1] } })
        const ago = graph.op('Sub', [place, across])
        return graph.op('Mul', [all, toFloat(graph.op('Less', [ago, graph.float(window)]))])
      }
      const found = window === Infinity ? all : within()
      const hidden = graph.op('Mul', [graph.op('Sub', [found, graph.float(1)]), graph.float(1e9)])
      return graph.op('Unsqueeze', [hidden, graph.ints(1)])
    },
    causalPositions(table: Value, mask: Value) {
      const places = graph.op('Squeeze', [placesSeen(seen(mask)), graph.ints(2)])
      return graph.op('Gather', [table, toInt(graph, places)], { axis: { int: 0 } })
    },
    lastPosition(x: Value, mask: Value) {
      const last = graph.op('Transpose', [ends(mask, 0, 1)], { perm: { ints: [0, 2, 1] } })
      return graph.op('MatMul', [last, x])
    },
    ends,
    maskedMean(x: Value, mask: Value) {
      const sum = graph.op('MatMul', [graph.op('Unsqueeze', [mask, graph.ints(1)]), x])
      const count = graph.op('ReduceSum', [mask, graph.ints(1)])
      const bounded = graph.op('Max', [count, graph.float(1)])
      return graph.op('Div', [sum, graph.op('Unsqueeze', [bounded, graph.ints(2)])])
    },
    maskedMax(x: Value, mask: Value) {
      const hidden = graph.op('Mul', [graph.op('Sub', [mask, graph.float(1)]), graph.float(1e9)])
      const real = graph.op('Add', [x, graph.op('Unsqueeze', [hidden, graph.ints(2)])])
      return graph.op('ReduceMax', [real, graph.ints(1)])
    },
  }
}
