/**
 * Rows of different lengths as one batch: side by side, padded with zeros to the longest, or packed, all positions end to end.
 * The mask is of the rows side by side in both.
 */
import type { Tensor } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import { packedPlaces } from '../nn/packed-places.ts'
import { invariant } from '../platform/errors.ts'

export interface BatchInput {
  readonly hidden: Tensor
  readonly mask: Tensor
}

/** hidden [b, s, width], mask [b, s] with 1 for real positions. */
export function padded(rows: readonly Latent[]): BatchInput {
  const [length, width] = [longestOf(rows), widthOf(rows)]
  const hidden = new Float32Array(rows.length * length * width)
  for (const [row, { data }] of rows.entries()) hidden.set(data, row * length * width)
  return { hidden: { shape: [rows.length, length, width], data: hidden }, mask: maskOf(rows) }
}

export interface PackedInput extends BatchInput {
  /** [n]: the place of each position among b · s. */
  readonly places: Int32Array
}

/** hidden [1, n, width], n the positions of all rows; mask [b, s] as in `padded`. */
export function packed(rows: readonly Latent[]): PackedInput {
  const width = widthOf(rows)
  const count = rows.reduce((sum, { positions }) => sum + positions, 0)
  const hidden = new Float32Array(count * width)
  let next = 0
  for (const { data } of rows) {
    hidden.set(data, next)
    next += data.length
  }
  const places = packedPlaces(rows.map(({ positions }) => positions))
  return { hidden: { shape: [1, count, width], data: hidden }, mask: maskOf(rows), places }
}

function maskOf(rows: readonly Latent[]): Tensor {
  const length = longestOf(rows)
  const mask = new Float32Array(rows.length * length)
  for (const [row, { positions }] of rows.entries())
    mask.fill(1, row * length, row * length + positions)
  return { shape: [rows.length, length], data: mask }
}

function longestOf(rows: readonly Latent[]): number {
  return Math.max(0, ...rows.map(({ positions }) => positions))
}

function widthOf(rows: readonly Latent[]): number {
  const width = rows[0]?.width ?? 0
  for (const row of rows) invariant(row.width === width, 'latents of one batch come from one cut')
  return width
}
