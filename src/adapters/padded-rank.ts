/**
 * Ranks are padded with zeros for serving, so that adapters of a few ranks share stacks and runs. The step does not depend
 * on the other adapters, so an adapter's bits do not either. A product with zeros adds nothing.
 */
import type { Tensor } from '../contracts/core.ts'

export const RANK_STEP = 8

/** `axis` of a matrix, or of a vector (0), is the rank. Returns the same tensor if nothing is missing. */
export function paddedRank(tensor: Tensor, axis: 0 | 1): Tensor {
  const { shape, data } = tensor
  const rank = shape[axis] ?? 0
  const padded = Math.ceil(rank / RANK_STEP) * RANK_STEP
  if (padded === rank) return tensor
  if (axis === 0) {
    const width = shape[1] ?? 1
    const wider = new Float32Array(padded * width)
    wider.set(data)
    return { shape: shape.with(0, padded), data: wider }
  }
  const rows = shape[0] ?? 0
  const wider = new Float32Array(rows * padded)
  for (let row = 0; row < rows; row += 1)
    wider.set(data.subarray(row * rank, (row + 1) * rank), row * padded)
  return { shape: [rows, padded], data: wider }
}
