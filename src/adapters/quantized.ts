/**
 * A text base whose trunk is computed in 8 bits, about twice as fast. Its embeddings differ a little from the
 * published ones, so it is a base of its own: versions and examples of the float32 one are foreign to it.
 *
 * Only the trunk: trainer and server compute its activations in the same engine. Gradients go through the tail, in
 * another engine, and there a difference in the last bit before a rounding would be a whole step behind it (law 10).
 */
import { createHash } from 'node:crypto'
import type { Base, Succession } from '../contracts/base.ts'
import { failure } from '../platform/errors.ts'

/**
 * Raised when the formula of a quantised product changes. Another order of roundings or another least scale keeps it: it moves
 * an embedding less than 8 bits themselves do (a cosine of 1.0000 in the median, of .996 at the least, on banking77), and stored
 * versions go on.
 */
const EQUATIONS = 'int8/2'
/** Weights of 8 bits, which only processors with VNNI multiply exactly. */
const FORMER = 'int8/1'

export function quantized(base: Base): Base {
  if (base.rows !== 'ids')
    throw failure(
      'BASE_UNSUPPORTED',
      `quantize: int8 is for text bases; ${base.name} reads ${base.reads.map(({ name }) => name).join(' and ')}`,
    )
  const eight: Base = { ...base, quantize: 'int8', hash: quantizedHash(base.hash) }
  const former = quantizedHash(base.hash, FORMER)
  return {
    ...eight,
    successionFrom: ({ hash }) => (hash === former ? successorOf(eight) : undefined),
  }
}

/** Texts stay what they are, and so do adapters, which no step of a frozen matrix is part of. */
function successorOf(base: Base): Succession {
  return {
    base,
    replaced: [],
    row: (row) => structuredClone(row),
    tensors: (tensors) => structuredClone(tensors),
    told: 'the layers below the adapter are computed with weights of 7 bits, not 8',
  }
}

export function quantizedHash(hash: string, equations = EQUATIONS): string {
  return createHash('sha256').update(`${equations} ${hash}`).digest('hex')
}
