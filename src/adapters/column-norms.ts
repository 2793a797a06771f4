/**
 * Lengths of the columns of W + C·B, in plain memory and double precision, without computing the sum:
 *
 *   ‖(W + C·B)ⱼ‖² = ‖Wⱼ‖² + Σₖ B[k,j] · (2·P[k,j] + Σₗ G[k,l]·B[l,j])      P = Cᵀ·W [r, out], G = Cᵀ·C [r, r]
 *
 * W [in, out], C [in, r], B [r, out]. Every swap waits for this.
 */
import type { Tensor } from '../contracts/core.ts'

export function columnNorms({ shape, data }: Tensor): Float32Array {
  const [rows = 0, columns = 0] = shape
  const squares = new Float64Array(columns)
  for (let row = 0, at = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1)
      squares[column] = (squares[column] ?? 0) + (data[at] ?? 0) ** 2
  return Float32Array.from(squares, Math.sqrt)
}

/** The change of the squared lengths. */
export function changeOfSquares(w: Tensor, c: Tensor, b: Tensor): Float64Array {
  const [rank = 0, columns = 0] = b.shape
  const along = turnedProduct(c, w)
  const gram = turnedProduct(c, c)
  const change = new Float64Array(columns)
  for (let k = 0; k < rank; k += 1) {
    const row = along.subarray(k * columns, (k + 1) * columns)
    for (let at = 0; at < columns; at += 1) row[at] = 2 * (row[at] ?? 0)
    for (let l = 0; l < rank; l += 1) {
      const factor = gram[k * rank + l] ?? 0
      const other = b.data.subarray(l * columns, (l + 1) * columns)
      for (let at = 0; at < columns; at += 1) row[at] = (row[at] ?? 0) + factor * (other[at] ?? 0)
    }
    const own = b.data.subarray(k * columns, (k + 1) * columns)
    for (let at = 0; at < columns; at += 1)
      change[at] = (change[at] ?? 0) + (own[at] ?? 0) * (row[at] ?? 0)
  }
  return change
}

/** Cᵀ·W, four rows of W at a time, so that each number of the result is read and written a quarter as often. */
function turnedProduct(c: Tensor, w: Tensor): Float64Array {
  const [rows = 0, rank = 0] = c.shape
  const [, columns = 0] = w.shape
  const product = new Float64Array(rank * columns)
  const factors = new Float64Array(4)
  for (let row = 0; row < rows; row += 4)
    for (let k = 0; k < rank; k += 1) {
      for (let more = 0; more < 4; more += 1)
        factors[more] = row + more < rows ? (c.data[(row + more) * rank + k] ?? 0) : 0
      addFour(product, k * columns, factors, w.data, row * columns, columns)
    }
  return product
}

/** to += four factors · four rows of `size` numbers. */
function addFour(
  to: Float64Array,
  toAt: number,
  factors: Float64Array,
  rows: Float32Array,
  from: number,
  size: number,
): void {
  const a = factors[0] ?? 0
  const b = factors[1] ?? 0
  const c = factors[2] ?? 0
  const d = factors[3] ?? 0
  for (let at = 0; at < size; at += 1)
    to[toAt + at] =
      (to[toAt + at] ?? 0) +
      a * (rows[from + at] ?? 0) +
      b * (rows[from + size + at] ?? 0) +
      c * (rows[from + 2 * size + at] ?? 0) +
      d * (rows[from + 3 * size + at] ?? 0)
}
