/**
 * A frozen matrix [in, out] in steps of 7 bits: Q = round(W / t), with t = max|W| / 63 of each column.
 *
 * Without VNNI, x86 adds two products of a byte and a step in 16 bits and cuts off what does not fit. 2 · 255 · 63 fits, so the
 * sums are exact on every processor (`reduce_range` of ONNX Runtime's own quantiser).
 */
import type { Tensor } from '../../contracts/core.ts'

/** On either side of zero. */
export const WEIGHT_STEPS = 63
/** A row or column of zeros has at least this size. */
export const LEAST = 1e-12

export interface QuantizedMatrix {
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
