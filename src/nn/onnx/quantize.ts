/**
 * A frozen matrix product in 8-bit integers, more than twice as fast as in float32:
 *
 *   q = round(x / s) + 128      s = max|x| / 127 of each row of x [b, s, in]
 *   y = ((q − 128) · Q) · s · t      Q = round(W / t), t = max|W| / 63 of each column of W [in, out]
 *
 * After GELU, whose numbers are −0.17 or more, max|x| is max(x), but at least 0.17: a pass over x less.
 *
 * The scale of x is each row's own, unlike that of ONNX's DynamicQuantizeLinear, so that an answer does not depend on
 * what else is in its run; and a sum of integers is exact in any order.
 *
 * Dettmers et al. (2022), "LLM.int8(): 8-bit matrix multiplication for transformers at scale", NeurIPS (vector-wise
 * quantisation).
 */
import type { Tensor } from '../../contracts/core.ts'
import type { OnnxGraph, Value } from './graph.ts'
import { LEAST } from './quantized-matrix.ts'

/** x · W for the base's matrices, in one graph: products of one x share its quantisation. */
export function quantizedProducts(graph: OnnxGraph): (x: Value, w: BaseMatrix) => Value {
  const rows = new Map<string, { readonly steps: Value; readonly scale: Value }>()
  return (x, w) => {
    const { name, tensor, isTurned } = w.matrix
    const width = tensor.shape[isTurned === true ? 1 : 0] ?? 0
    const { steps, scale } = rows.get(x.name) ?? quantizeRows(graph, x, width)
    rows.set(x.name, { steps, scale })
    const { matrix, columns } = graph.quantizedWeight(name, tensor, isTurned)
    const inputs = [steps, matrix, graph.float(1), columns, graph.byte(128)]
    const product = graph.op('MatMulIntegerToFloat', inputs, {}, 'com.microsoft')
    return graph.op('Mul', [product, scale])
  }
}

/** A matrix of the base, [in, out]; [out, in] if it is turned. */
export interface BaseMatrix extends Value {
  readonly matrix: { readonly name: string; readonly tensor: Tensor; readonly isTurned?: boolean }
}

function quantizeRows(graph: OnnxGraph, x: Value, width: number) {
  const { least } = x
  const sizes = least === undefined ? graph.op('Abs', [x]) : x
  const most = graph.op('ReduceMax', [sizes, graph.ints(-1)])
  const bounded = graph.op('Max', [most, graph.float(Math.max(LEAST, -(least ?? 0)))])
  const scale = graph.op('Mul', [bounded, graph.float(1 / ROW_STEPS)])
  // The operator wants a zero point for each scale: whatever the scale is, this is 128.
  const zeros = graph.op('QuantizeLinear', [scale, graph.float(FAR_ABOVE), graph.byte(128)])
  const perRow = { axis: { int: -1 }, block_size: { int: width } }
  return { steps: graph.op('QuantizeLinear', [x, scale, zeros], perRow), scale }
}

/** On either side of zero. */
const ROW_STEPS = 127
/** Every scale divided by it rounds to 0. */
const FAR_ABOVE = 1e38
