/**
 * A text base whose trunk is computed in 8 bits, about twice as fast. Its embeddings differ a little from the
 * published ones, so it is a base of its own: versions and examples of the float32 one are foreign to it.
 *
 * Only the trunk: trainer and server compute its activations in the same engine. Gradients go through the tail, in
 * another engine, and there a difference in the last bit before a rounding would be a whole step behind it (law 10).
 */
import { createHash } from 'node:crypto'
import type { Base } from '../contracts/base.ts'
import { failure } from '../platform/errors.ts'

/**
 * Raised when the formula of a quantised product changes. Another order of roundings or another least scale keeps it: it moves
 * an embedding less than 8 bits themselves do (a cosine of 1.0000 in the median, of .996 at the least, on banking77), and stored
 * versions go on.
 */
const EQUATIONS = 'int8/1'

export function quantized(base: Base): Base {
  if (base.inputKind !== 'text')
    throw failure(
      'BASE_UNSUPPORTED',
      `quantize: int8 is for text bases; ${base.name} reads features`,
    )
  return { ...base, quantize: 'int8', hash: quantizedHash(base.hash) }
}

export function quantizedHash(hash: string): string {
  return createHash('sha256').update(`${EQUATIONS} ${hash}`).digest('hex')
}
