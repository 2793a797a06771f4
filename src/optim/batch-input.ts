/** Rows of different lengths side by side: latents padded with zeros to the longest of the batch, and the mask. */
import type { Tensor } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import { invariant } from '../platform/errors.ts'

/** hidden [b, s, width], mask [b, s] with 1 for real positions. */
export function padded(rows: readonly Latent[]): {
  readonly hidden: Tensor
  readonly mask: Tensor
} {
  const length = Math.max(0, ...rows.map(({ positions }) => positions))
  const width = rows[0]?.width ?? 0
  const hidden = new Float32Array(rows.length * length * width)
  const mask = new Float32Array(rows.length * length)
  for (const [row, latent] of rows.entries()) {
    invariant(latent.width === width, 'latents of one batch come from one cut')
    hidden.set(latent.data, row * length * width)
    mask.fill(1, row * length, row * length + latent.positions)
  }
  return {
    hidden: { shape: [rows.length, length, width], data: hidden },
    mask: { shape: [rows.length, length], data: mask },
  }
}
