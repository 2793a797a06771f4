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

/** The rows of [out, in] as columns. */
function quantizeRows({ shape, data }: Tensor): QuantizedMatrix {
  const [columns = 0, rows = 0] = shape
  const scales = new Float32Array(columns)
  const steps = new Int8Array(rows * columns)
  for (let column = 0; column < columns; column += 1) {
    const from = column * rows
    let most = LEAST
    for (let row = 0; row < rows; row += 1) most = Math.max(most, Math.abs(data[from + row] ?? 0))
    const scale = Math.fround(most / WEIGHT_STEPS)
    scales[column] = scale
    for (let row = 0; row < rows; row += 1)
      steps[row * columns + column] = Math.round((data[from + row] ?? 0) / scale)
  }
  return { shape: [rows, columns], data: steps, scales }
}

/** x · W for the base's matrices, in one graph: products of one x share its quantisation. */
export function quantizedProducts(graph: OnnxGraph): (x: Value, w: BaseMatrix) => Value {
  const rows = new Map<string, { readonly steps: Value; readonly scale: Value }>()
  return (x, w) => {
    const { name, tensor, isTurned } = w.matrix
    const width = tensor.shape[isTurned === true ? 1 : 0] ?? 0
    const { steps, scale } = rows.get(x.name) ?? quantizedInput(graph, x, width)
    rows.set(x.name, { steps, scale })
    const { matrix, columns } = graph.quantizedWeight(name, tensor, isTurned)
    const inputs = [steps, matrix, graph.float(1), columns, graph.byte(128)]
    const product = graph.op('MatMulIntegerToFloat', inputs, {}, 'com.microsoft')
    return graph.op('Mul', [product, scale])
  }
}

/** A matrix of the base, [in, out]; [out, in] if it is turned. */
interface BaseMatrix extends Value {
  readonly matrix: { readonly name: string; readonly tensor: Tensor; readonly isTurned?: boolean }
}

function quantizedInput(graph: OnnxGraph, x: Value, width: number) {
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

/**
 * A frozen matrix [in, out] in steps of 7 bits: Q = round(W / t), with t = max|W| / 63 of each column.
 *
 * Without VNNI, x86 adds two products of a byte and a step in 16 bits and cuts off what does not fit. 2 · 255 · 63 fits, so the
 * sums are exact on every processor (`reduce_range` of ONNX Runtime's own quantiser).
 *
 * On either side of zero.
 */
const WEIGHT_STEPS = 63
/** A row or column of zeros has at least this size. */
const LEAST = 1e-12

interface QuantizedMatrix {
  /** [in, out]. */
  readonly shape: readonly [number, number]
  readonly data: Int8Array
  /** One a column. */
  readonly scales: Float32Array
}

const quantized = new WeakMap<Tensor, QuantizedMatrix>()

/** Kept with the weight: every graph of a base has the same. `isTurned`: the weight is [out, in]. */
export function quantizedMatrix(weight: Tensor, isTurned: boolean): QuantizedMatrix {
  const known = quantized.get(weight) ?? (isTurned ? quantizeRows : quantizeColumns)(weight)
  quantized.set(weight, known)
  return known
}

function quantizeColumns({ shape, data }: Tensor): QuantizedMatrix {
  const [rows = 0, columns = 0] = shape
  const scales = new Float32Array(columns)
  for (let at = 0; at < data.length; at += 1) {
    const size = Math.abs(data[at] ?? 0)
    if (size > (scales[at % columns] ?? 0)) scales[at % columns] = size
  }
  for (let column = 0; column < columns; column += 1)
    scales[column] = Math.max(scales[column] ?? 0, LEAST) / WEIGHT_STEPS
  const steps = new Int8Array(rows * columns)
  for (let at = 0; at < data.length; at += 1)
    steps[at] = Math.round((data[at] ?? 0) / (scales[at % columns] ?? 1))
  return { shape: [rows, columns], data: steps, scales }
}
